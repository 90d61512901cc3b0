// Decides what there is of a run: what the ledger remembers and what the engines show, as one list. Neither is believed alone:
// the ledger may lack what was created without it, an engine may lack what is only about to be created.
import type { FoundResource, Owner, Remover, ResourceRef } from "../drivers/driver.ts";
import type { Ledger, LedgerEntry } from "./ledger.ts";

/** One resource, from both views. At least one of `entries` and `found` is there. */
export interface Releasable extends ResourceRef {
  readonly environment: string;
  readonly node?: string;
  /** What the ledger says; several when one name was intended more than once. */
  readonly entries: readonly LedgerEntry[];
  /** What the engine shows. */
  readonly found?: FoundResource | undefined;
}

/** A resource with whose it is. */
export interface Item extends Releasable {
  readonly run: string;
  /** Who owns it, from its label or the ledger's run. */
  readonly owner: Owner;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface Inventory {
  readonly items: readonly Item[];
  /** Drivers that could not be asked, with what they said: their resources are known from the ledger alone. */
  readonly unasked: readonly { readonly driver: string; readonly error: unknown }[];
}

export interface Views {
  /** `undefined` when there is no usable ledger: labels alone are asked. */
  readonly ledger: Ledger | undefined;
  readonly drivers: readonly Remover[];
}

/** Everything of one run, or of all runs. Never rejects for a driver's sake. */
export async function takeInventory(views: Views, run?: string): Promise<Inventory> {
  const asked = await Promise.allSettled(views.drivers.map(async (driver) => driver.find(run)));
  // Read after the engines answered: an entry that ended in between would else look as if it still stood.
  const entries = (run === undefined ? (views.ledger?.runs() ?? []) : [{ run }]).flatMap(
    (row) => views.ledger?.standing(row.run) ?? [],
  );
  const unasked = asked.flatMap((answer, index) =>
    answer.status === "rejected"
      ? [{ driver: views.drivers[index]?.kind ?? "?", error: answer.reason as unknown }]
      : [],
  );
  const found = asked.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  const byKey = new Map<string, { entries: LedgerEntry[]; found?: FoundResource }>();
  const at = (ref: ResourceRef) => {
    const key = [ref.driver, ref.kind, ref.name].join("\0");
    const known = byKey.get(key) ?? { entries: [] };
    byKey.set(key, known);
    return known;
  };
  for (const entry of entries) at(entry).entries.push(entry);
  for (const each of found) at(each).found = each;
  return { items: [...byKey.values()].flatMap((known) => itemOf(known, views.ledger)), unasked };
}

function itemOf(
  { entries, found }: { entries: LedgerEntry[]; found?: FoundResource },
  ledger: Ledger | undefined,
): Item[] {
  const [entry] = entries;
  const source = found ?? entry;
  if (source === undefined) return [];
  const run = found?.owner.run ?? entry?.run ?? "";
  return [
    {
      driver: source.driver,
      kind: source.kind,
      name: source.name,
      id: found?.id ?? entry?.id,
      run,
      environment: source.environment,
      ...(source.node === undefined ? {} : { node: source.node }),
      entries,
      ...(found === undefined ? {} : { found }),
      owner: found?.owner ?? { run, identity: ledger?.run(run)?.identity ?? "" },
      createdAt: entry?.createdAt ?? Date.parse(found?.createdAt ?? ""),
    },
  ];
}

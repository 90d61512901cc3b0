// Decides what dead runs left, from the ledger and from labels, and removes it. Refuses to touch what a live owner or a lease has,
// or an owner that cannot be asked from here: another machine's, another container's.
import { messageOf } from "../model/errors.ts";
import { type KnownElsewhere, knownElsewhere } from "./elsewhere.ts";
import { type Item, takeInventory } from "./inventory.ts";
import { type Lease, type Ownership, ownership } from "./lease.ts";
import { abandoned, type Places, vacate } from "./places.ts";
import { endProcesses } from "./processes.ts";
import { type Reaped, type Reaping, reap } from "./reap.ts";
import { isCutOff, settle } from "./settle.ts";

export interface Collecting extends Reaping {
  /** Leases are over as well. */
  readonly leased?: boolean;
}

/** A dead run that was cleared, or of which `totals.leaked` is left. */
export interface Removed {
  readonly run: string;
  readonly totals: Reaped;
}

/** A run that was left alone. */
export interface Kept {
  readonly run: string;
  readonly owner: Exclude<Ownership, "dead">;
  readonly identity: string;
  /** Milliseconds since the epoch; where the owner is a lease that ends. */
  readonly until?: number;
  /** Another ledger's file, where the lease is in that. */
  readonly ledger?: string;
  readonly resources: readonly string[];
}

export interface Collected {
  readonly removed: readonly Removed[];
  readonly kept: readonly Kept[];
  /** What could not be asked or removed, as text; empty when all went well. */
  readonly troubles: readonly string[];
}

/** How long an ended run stays in the ledger. */
const rememberedMs = 30 * 24 * 3_600_000;

/**
 * Clears up after every dead run. Idempotent, and safe beside live runs, their reapers, and other collections.
 * Rejects only when the ledger cannot be written.
 */
export async function gc(options: Collecting): Promise<Collected> {
  const { ledger, drivers, places } = options;
  // Before the ledger is read: what a run that begins from here on leaves behind may be kept.
  const left = places === undefined ? [] : abandoned(places);
  const inventory = await takeInventory({ ledger, drivers });
  const owners = new Map<
    string,
    { run: string; identity: string; lease?: Lease | undefined; elsewhere?: KnownElsewhere; resources: string[] }
  >();
  for (const { run, identity, lease, endedAt } of ledger?.runs() ?? [])
    if (endedAt === undefined) owners.set(run, { run, identity, lease, resources: [] });
  for (const { run, owner, kind, name } of inventory.items) {
    // The ledger's word on who owns a run comes first; a label is believed where the ledger does not know.
    const row = ledger?.run(run);
    // What no ledger knows, an export of an image, may be under one name and of several owners.
    const key = row === undefined ? `${run} ${owner.identity}` : run;
    const known = owners.get(key) ?? {
      run,
      identity: row?.identity ?? owner.identity,
      ...(row === undefined ? { elsewhere: knownElsewhere(owner, ledger) } : {}),
      resources: [],
    };
    known.resources.push(`${kind} ${name}`);
    owners.set(key, known);
  }
  const judged = [...owners.values()].map((known) => {
    // What another ledger keeps is for whoever has that to end.
    if (known.elsewhere !== undefined) return { ...known, ...known.elsewhere };
    const owner = ownership(known);
    if (owner !== "leased" || options.leased !== true) return { ...known, owner };
    ledger?.endLease(known.run);
    return { ...known, owner: "dead" as const };
  });
  const troubles = inventory.unasked.map(({ driver, error }) => `${driver} could not be asked: ${messageOf(error)}`);
  await finishChanges(options, troubles);
  const runsWhere = (dead: boolean) =>
    new Set(judged.filter(({ owner }) => (owner === "dead") === dead).map(({ run }) => run));
  const [gone, living] = [runsWhere(true), runsWhere(false)];
  // At once: one that cannot be cleared must not keep the others waiting.
  const removed = await Promise.all([...gone].map((run) => collect(run, options, troubles, living.has(run))));
  const busy = new Set([...gone, ...living]);
  // Without a ledger, an engine that is silent may be the only one to know that a run is kept.
  const known = ledger !== undefined || inventory.unasked.length === 0;
  for (const run of known ? left : []) if (!busy.has(run)) troubles.push(...clear(places, run));
  ledger?.forget(Date.now() - rememberedMs);
  const kept = judged.flatMap(({ run, identity, resources, owner, lease, elsewhere }): Kept[] => {
    if (owner === "dead") return [];
    const until = owner === "leased" ? lease?.until : undefined;
    const file = elsewhere?.ledger;
    return [
      {
        ...{ run, owner, identity, resources },
        ...(until === undefined ? {} : { until }),
        ...(file === undefined ? {} : { ledger: file }),
      },
    ];
  });
  return { removed, kept, troubles };
}

/** What was being changed of what is kept, and whose changer died: what its lease does not name goes. */
async function finishChanges(options: Collecting, troubles: string[]): Promise<void> {
  const { ledger, drivers, settleMs } = options;
  if (ledger === undefined) return;
  for (const row of ledger.runs().filter(isCutOff)) {
    const ended = row.lease === undefined ? undefined : await settle(row, row.lease, { ledger, drivers, settleMs });
    if (ended?.error !== undefined) troubles.push(ended.error.message);
  }
}

/** `shared`: somebody lives under the same name, whose processes and files stay. */
async function collect(run: string, options: Collecting, troubles: string[], shared: boolean): Promise<Removed> {
  const stubborn = shared ? [] : await endProcesses(run);
  if (stubborn.length > 0) troubles.push(`run ${run}: processes ${stubborn.join(", ")} do not end`);
  const unknown = options.ledger?.run(run) === undefined;
  const spare = ({ owner }: Item) => unknown && knownElsewhere(owner, options.ledger).owner !== "dead";
  const totals = await reap(run, { ...options, spare, ...(shared ? { places: undefined } : {}) });
  if (totals.error !== undefined) troubles.push(totals.error.message);
  return { run, totals };
}

function clear(places: Places | undefined, run: string): string[] {
  try {
    if (places !== undefined) vacate(places, run);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

// Decides how a run ends of which something is to stay: the lease first, so that nobody who comes later takes it, then all else goes. The same
// whether it just stood up, or what stands is to become less.
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, TeardownError } from "../model/errors.ts";
import type { TeardownTotals } from "../model/event.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import type { Lease } from "./lease.ts";
import type { Claim, Ledger } from "./ledger.ts";
import { concerning, isAwaited, joined, type Reaped, silence } from "./reap.ts";
import { type Releasing, release } from "./release.ts";

export interface Keeping extends Releasing {
  readonly ledger: Ledger;
  /** For how long to look for a create whose answer was lost and that may still land; default 3 000. */
  readonly settleMs?: number | undefined;
}

/**
 * Leaves what the lease names and removes everything else of the run, and what networks that stay know of machines that went; nothing may be
 * created for it any more. Idempotent. The run is closed when all that is done: until then it counts as cut off, see `settle`. Rejects only
 * when the ledger cannot be written.
 */
export async function keepRun(run: string, lease: Lease, options: Keeping): Promise<Reaped> {
  const { ledger } = options;
  ledger.lease(run, lease);
  const stays = new Set(lease.stands.flatMap(({ resources }) => resources));
  const others = async () => {
    const { items, unasked } = concerning(run, ledger, await takeInventory(options, run));
    return { items: items.filter(({ kind, name }) => !stays.has(`${kind} ${name}`)), unasked };
  };
  const failures = await release((await others()).items, options);
  const { items, unasked } = await untilNothingLands(others, options);
  const left = items.filter(({ found }) => found !== undefined);
  const errors = [...failures.map(({ error }) => error), ...unasked.map(silence), ...(await unseated(run, options))];
  if (errors.length === 0) {
    holdOn(run, lease, ledger);
    ledger.closing(run);
  }
  const { until, stands } = lease;
  const kept: NonNullable<TeardownTotals["kept"]> = { stands, ...(until === undefined ? {} : { until }) };
  return {
    ...ledger.totals(run),
    leaked: [...new Set([...failures.map(({ item }) => item), ...left].map(({ kind, name }) => `${kind} ${name}`))],
    kept,
    ...(errors.length === 0 ? {} : { error: joined(run, errors) }),
  };
}

/** A create whose answer was lost may still land: looked for as long as `reap` does, and then it never came to be. */
async function untilNothingLands(others: () => Promise<Inventory>, options: Keeping): Promise<Inventory> {
  const { ledger, settleMs = 3_000 } = options;
  const began = performance.now();
  for (let round = 0; ; round += 1) {
    const inventory = await others();
    const awaited = inventory.items.filter(isAwaited);
    if (awaited.length === 0) return inventory;
    if (performance.now() - began >= settleMs && inventory.unasked.length === 0) {
      for (const { entry } of awaited.flatMap(({ entries }) => entries)) ledger.gone(entry);
      return inventory;
    }
    if (performance.now() - began >= 10 * settleMs) return inventory;
    await pause(Math.min(50 * 2 ** round, 1_000));
    await release(inventory.items, options);
  }
}

/** What could not be forgotten of machines that went, by engines that the run used. */
async function unseated(run: string, { ledger, drivers }: Keeping): Promise<TeardownError[]> {
  const used = ledger.driversOf(run);
  const ended = await Promise.allSettled(
    drivers.filter(({ kind }) => used.includes(kind)).map(async (driver) => driver.unseat?.(run)),
  );
  return ended.flatMap((each) =>
    each.status === "fulfilled"
      ? []
      : [
          new TeardownError({
            code: "not-unseated",
            phase: "destroy",
            seen: `a network still knows machines that are gone: ${messageOf(each.reason)}`,
            hint: "assay gc tries again",
            cause: each.reason,
            errors: [each.reason],
          }),
        ],
  );
}

/** Brings what the run holds to what its lease says, where that is not so already. */
function holdOn(run: string, { stands }: Lease, ledger: Ledger): void {
  const held = ledger.claims().filter((claim) => claim.run === run);
  for (const { scope, claims } of stands) {
    const say = ({ name, amount }: Claim) => `${name} ${amount}`;
    const now = held.filter((claim) => claim.scope === scope);
    if (claims === undefined || same(claims.map(say), now.map(say))) continue;
    const holder = now[0]?.holder ?? ledger.run(run)?.identity ?? "";
    ledger.hold(run, scope, holder, claims);
  }
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((each) => others.includes(each));
}

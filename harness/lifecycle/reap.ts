// Decides when a run is over for good: everything of it is removed, looked for again, and what is still there is told.
// Refuses to judge whether the run may be reaped: the caller knows that its owner is dead, or is the owner.
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { ResourceRef } from "../drivers/driver.ts";
import { messageOf, TeardownError } from "../model/errors.ts";
import type { TeardownTotals } from "../model/event.ts";
import { type Inventory, type Item, takeInventory } from "./inventory.ts";
import type { Ledger } from "./ledger.ts";
import { type Places, vacate } from "./places.ts";
import { type ReleaseFailure, type Releasing, release } from "./release.ts";

export interface Reaping extends Releasing {
  /** For how long to look for a create whose answer was lost and that may still land; default 3 000. */
  readonly settleMs?: number | undefined;
  /** For how long to try again what failed, an engine that restarts for instance; default 30 000. */
  readonly patienceMs?: number | undefined;
  /** Where its files are, which go when all else has gone; without it, none are removed. */
  readonly places?: Places | undefined;
  /** What is found under the run's name and left all the same, and not told as left; default nothing. */
  readonly spare?: ((item: Item) => boolean) | undefined;
}

export interface Reaped extends TeardownTotals {
  /** Why something may be left; every cause in `errors`. */
  readonly error?: TeardownError;
}

/**
 * Takes a run down: the union of ledger and labels, in house order, then again until nothing is found. Nothing may be
 * created for the run any more: the ledger refuses it from here on, and the run's processes must have ended before.
 * Idempotent; several processes may reap one run at once. Rejects only when the ledger cannot be written.
 *
 * @example
 * const { leaked } = await reap(run, { ledger, drivers: [await openDriver("docker", options)] });
 */
export async function reap(run: string, options: Reaping): Promise<Reaped> {
  const { ledger, settleMs = 3_000, patienceMs = 30_000 } = options;
  const began = performance.now();
  const unknown = new Set<string>();
  let failures: readonly ReleaseFailure[] = [];
  if (ledger?.run(run) !== undefined) ledger.closing(run);
  for (let round = 0; ; round += 1) {
    const inventory = concerning(run, ledger, await takeInventory(options, run), options.spare);
    const existing = inventory.items.filter((item) => !isAwaited(item));
    // What another process that reaps the same run has just written down as gone is known all the same.
    for (const item of existing)
      if (item.entries.length === 0 && ledger?.knows(run, item) !== true) unknown.add(nameOf(item));
    const elapsed = performance.now() - began;
    const awaiting = inventory.items.length > existing.length;
    const quiet = existing.length === 0 && inventory.unasked.length === 0;
    const settled = !awaiting || (elapsed >= settleMs && failures.length === 0);
    if ((quiet && settled) || (round > 0 && elapsed >= patienceMs))
      return conclude(run, options, inventory, failures, unknown);
    failures = await release(inventory.items, options);
    // What went at the first try is looked for again at once; all else is given time, more each round.
    if (round > 0 || failures.length > 0 || existing.length === 0) await pause(Math.min(50 * 2 ** round, 2_000));
  }
}

/** Intended, never seen: it may yet come to be. */
export function isAwaited(item: Item): boolean {
  return item.found === undefined && item.entries.every((entry) => !entry.existed);
}

function nameOf(item: ResourceRef): string {
  return `${item.kind} ${item.name}`;
}

/** What it means that an engine did not say what there is. */
export function silence({ driver, error }: Inventory["unasked"][number]): TeardownError {
  return new TeardownError({
    code: "no-inventory",
    phase: "destroy",
    seen: `${driver} could not be asked what is left: ${messageOf(error)}`,
    cause: error,
    errors: [error],
  });
}

/** An engine that the run never meant to use need not answer for it. */
export function concerning(
  run: string,
  ledger: Ledger | undefined,
  { items: all, unasked }: Inventory,
  spare: Reaping["spare"] = () => false,
): Inventory {
  const used = ledger?.driversOf(run);
  const items = all.filter((item) => !spare(item));
  return { items, unasked: unasked.filter(({ driver }) => used === undefined || used.includes(driver)) };
}

async function conclude(
  run: string,
  { ledger, say, places }: Reaping,
  { items, unasked }: Inventory,
  failures: readonly ReleaseFailure[],
  unknown: ReadonlySet<string>,
): Promise<Reaped> {
  const left = items.filter((item) => !isAwaited(item));
  const failed = failures.filter(({ item }) => items.some((each) => nameOf(each) === nameOf(item)));
  const doubtful = [
    ...failed.map(({ item }) => item.name),
    ...unasked.flatMap(({ driver }) => items.filter((item) => item.driver === driver).map(({ name }) => name)),
  ];
  for (const item of items) {
    // Looked for long enough, and removed by name each time: it never came to be.
    if (isAwaited(item) && !doubtful.includes(item.name)) for (const { entry } of item.entries) ledger?.gone(entry);
  }
  for (const { environment, kind, name, id } of left) {
    say?.({
      event: "resource",
      at: Date.now(),
      environment,
      kind,
      name,
      ...(id === undefined ? {} : { id }),
      state: "leaked",
    });
  }
  const leaked = left.map(nameOf);
  const errors = [
    ...failed.map(({ error }) => error),
    ...unasked.map(silence),
    ...left
      .filter((item) => !failed.some((each) => nameOf(each.item) === nameOf(item)))
      .map(
        (item) =>
          new TeardownError({
            code: "still-there",
            phase: "destroy",
            seen: `${nameOf(item)} was removed and is still there`,
            errors: [],
          }),
      ),
  ];
  if (errors.length === 0) {
    // The files first: who reads that a run has ended finds nothing of it.
    const kept = places === undefined ? undefined : emptied(places, run);
    if (ledger?.run(run) !== undefined) ledger.endRun(run);
    if (kept !== undefined) {
      leaked.push(`directory ${join(places?.scratch ?? "", run)}`);
      errors.push(kept);
    }
  }
  const known = ledger?.totals(run) ?? { created: 0, destroyed: 0 };
  return {
    created: known.created + unknown.size,
    destroyed: known.destroyed + [...unknown].filter((each) => !leaked.includes(each)).length,
    leaked,
    ...(errors.length === 0 ? {} : { error: joined(run, errors) }),
  };
}

/** Why the run's files are still there: something is mounted below them, or may not be removed. */
function emptied(places: Places, run: string): TeardownError | undefined {
  try {
    vacate(places, run);
    return undefined;
  } catch (error) {
    return new TeardownError({
      code: "files-left",
      phase: "destroy",
      seen: messageOf(error),
      cause: error,
      errors: [error],
    });
  }
}

/** Why something of a run may be left, as one error. */
export function joined(run: string, errors: readonly TeardownError[]): TeardownError {
  return new TeardownError({
    code: errors[0]?.code ?? "not-destroyed",
    phase: "destroy",
    seen: `run ${run}: ${errors.map(({ seen }) => seen).join("; ")}`,
    hint: "mend the cause, then run assay gc",
    errors,
  });
}

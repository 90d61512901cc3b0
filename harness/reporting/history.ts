// Decides what past outcomes amount to: a line a run, how often a test or check failed, and how flaky it is. What could not be asked is an
// infrastructure fault and counts against nobody. Pure.
import type { Outcome } from "../model/outcome.ts";
import type { PastOutcome } from "../model/past-outcome.ts";
import { oneLine } from "./escape.ts";

/** A test, or one check of it, over all runs that are remembered. */
export interface HistoryOf {
  readonly test: string;
  readonly check?: string;
  readonly counts: Readonly<Record<Outcome, number>>;
  /**
   * From 0 to 1: failures that are known to be none of what was tested, because it passed as well on the same inputs and images, among
   * all outcomes that are passed or failed.
   */
  readonly flakeRate: number;
  /** The newest first. */
  readonly runs: readonly Pick<PastOutcome, "run" | "at" | "outcome" | "madeOf" | "why">[];
}

/** By test and check, the flakiest first, then those with most failures, then by name. */
export function historyOf(past: readonly PastOutcome[]): readonly HistoryOf[] {
  const all = new Map<string, PastOutcome[]>();
  for (const each of past) {
    const key = `${each.test}\0${each.check ?? ""}`;
    const known = all.get(key);
    if (known === undefined) all.set(key, [each]);
    else known.push(each);
  }
  return [...all.values()]
    .map((outcomes): HistoryOf => {
      const [{ test, check }] = outcomes as [PastOutcome];
      return {
        test,
        ...(check === undefined ? {} : { check }),
        counts: countsOf(outcomes),
        flakeRate: flakeRate(outcomes),
        runs: outcomes.map(({ test: _, check: __, ...rest }) => rest).sort((a, b) => b.at - a.at),
      };
    })
    .sort((a, b) => b.flakeRate - a.flakeRate || b.counts.failed - a.counts.failed || (nameOf(a) < nameOf(b) ? -1 : 1));
}

function countsOf(outcomes: readonly PastOutcome[]): Record<Outcome, number> {
  const counts = { passed: 0, failed: 0, errored: 0, skipped: 0 };
  for (const { outcome } of outcomes) counts[outcome] += 1;
  return counts;
}

function flakeRate(outcomes: readonly PastOutcome[]): number {
  const judged = outcomes.filter(({ outcome }) => outcome === "passed" || outcome === "failed");
  const passed = new Set(judged.filter(({ outcome }) => outcome === "passed").flatMap(({ madeOf }) => madeOf ?? []));
  const flakes = judged.filter(
    ({ outcome, madeOf }) => outcome === "failed" && madeOf !== undefined && passed.has(madeOf),
  );
  return judged.length === 0 ? 0 : flakes.length / judged.length;
}

/** A line each, widest numbers first; `whole`: with a line a run. */
export function historyLines(histories: readonly HistoryOf[], whole: boolean): readonly string[] {
  return histories.flatMap((each) => {
    const { counts, flakeRate: rate, runs } = each;
    const parts = [
      `${counts.passed} passed`,
      `${counts.failed} failed`,
      ...(counts.errored === 0 ? [] : [`${counts.errored} could not be asked`]),
      ...(counts.skipped === 0 ? [] : [`${counts.skipped} skipped`]),
      ...(rate === 0 ? [] : [`flaky: ${(rate * 100).toFixed(1)} %`]),
    ];
    const head = `${oneLine(nameOf(each), 400)}: ${parts.join(", ")}`;
    if (!whole) return [head];
    return [head, ...runs.map((run) => `  ${lineOf(run)}`)];
  });
}

/**
 * What could not be asked is nobody's failure, and is called by another word: infrastructure where the reason is a code of the harness's own; a
 * spec's own mistake has none.
 */
function wordFor(outcome: Outcome, why: string | undefined): string {
  if (outcome !== "errored") return outcome;
  return /^[a-z0-9]+(-[a-z0-9]+)*$/.test(why ?? "") ? "infrastructure" : "could not ask";
}

function lineOf({ run, at, outcome, madeOf, why }: HistoryOf["runs"][number]): string {
  const on = madeOf === undefined ? "" : `  on ${madeOf.slice(0, 8)}`;
  const because = why === undefined ? "" : `  ${oneLine(why, 200)}`;
  return `${new Date(at).toISOString()}  ${oneLine(run)}  ${wordFor(outcome, why).padEnd(14)}${on}${because}`.trimEnd();
}

function nameOf({ test, check }: Pick<HistoryOf, "test" | "check">): string {
  return check === undefined ? test : `${test} > ${check}`;
}

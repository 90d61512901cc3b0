// Decides what the end of the specs' process says of a run: what stays of it, and what went wrong that no event tells of, so that a
// run that was cut short never looks met. Pure; the verdict is the report's.
import type { Lease } from "../lifecycle/lease.ts";
import type { Supervised } from "../lifecycle/supervisor.ts";
import type { KeptStand, RunEvent, ToldError } from "../model/event.ts";
import { redact } from "../model/secret.ts";

/** For how long something is kept when nobody says. */
const keptMs = 60 * 60_000;

/** What stays of a run, by what its test processes said, for `ms` from now; `undefined`: nothing does. */
export function leaseOf(events: readonly RunEvent[], ms: number = keptMs): Lease | undefined {
  const stands = events.flatMap((event): KeptStand[] => {
    if (event.event !== "kept") return [];
    const { environment, scope, nodes, resources } = event;
    return [{ environment, scope, nodes, resources }];
  });
  const keptAt = Date.now();
  return stands.length === 0 ? undefined : { keptAt, until: keptAt + ms, stands };
}

/** What was said and written until the specs' process ended. */
export interface Said {
  readonly events: readonly RunEvent[];
  /** What it wrote itself. */
  readonly log: string;
  readonly patterns: readonly string[];
}

/** The last events of a run: why it ended as it did, where that is not known yet, and what teardown found. */
export function endOfRun(ended: Supervised, said: Said): RunEvent[] {
  const { created, destroyed, leaked, kept, error } = ended.totals;
  return [
    ...ofChild(ended, said),
    ...(error === undefined || leaked.length > 0
      ? []
      : [trouble(3, { name: error.name, code: error.code, message: redact(error.message) })]),
    {
      event: "run-ended",
      at: Date.now(),
      ...(ended.cancelled === undefined ? {} : { cancelled: ended.cancelled }),
      totals: { created, destroyed, leaked, ...(kept === undefined ? {} : { kept }) },
    },
  ];
}

function ofChild({ cancelled, childStatus, childSignal }: Supervised, { events, log, patterns }: Said): RunEvent[] {
  if (cancelled !== undefined) return [];
  if (childStatus !== 0 && !events.some(({ event }) => event === "test-ended" || event === "trouble")) {
    // Vitest says so where a reporter of its own prints; with ours alone it ends without a word.
    const nothing = childStatus === 1 && (log.trim() === "" || /No test files found/.test(log));
    const message = nothing
      ? sayNothing(patterns)
      : `vitest ended before any test did; its last words: ${lastWords(log)}`;
    return [trouble(nothing ? 2 : 3, { name: "Error", message: redact(message) })];
  }
  if (childSignal === undefined) {
    if (childStatus === 0 || events.some(isBad)) return [];
    const message = `vitest ended with status ${childStatus} and says of no test that it failed: not all that was planned may have been asked; its last words: ${lastWords(log)}`;
    return [trouble(3, { name: "Error", message: redact(message) })];
  }
  // What it had not come to is in no event.
  const message = `vitest was killed by ${childSignal} before it was done: not all that was planned was asked`;
  return [trouble(3, { name: "Error", message })];
}

/** It accounts for a status that is not 0. */
function isBad(event: RunEvent): boolean {
  return event.event === "trouble" || (event.event === "test-ended" && /^(failed|errored)$/.test(event.outcome));
}

function trouble(exitCode: 2 | 3, error: ToldError): RunEvent {
  return { event: "trouble", at: Date.now(), outcome: "errored", exitCode, error };
}

function sayNothing(patterns: readonly string[]): string {
  const sought = patterns.map((pattern) => `"${pattern}"`).join(" or ");
  return patterns.length === 0 ? "there are no spec files" : `no spec file's path contains ${sought}`;
}

function lastWords(log: string): string {
  return log.trim().split("\n").slice(-10).join("\n");
}

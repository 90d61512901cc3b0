// Decides how it is measured how often a failure is seen: so many runs, each with an environment of its own, counted by what became of them.
import type { CapsuleManifest } from "../capsule/manifest.ts";
import { type Rate, rateOf, sayRate } from "../capsule/rate.ts";
import { type SeenAgain, seenAgain } from "../capsule/seen-again.ts";
import { cancelledCode, type listenForSignals } from "../lifecycle/supervisor.ts";
import { ExitCode } from "../model/errors.ts";
import { runThere, type There } from "./run-there.ts";
import type { ScratchRun } from "./scratch-run.ts";

export interface Loop {
  readonly runs: number;
  /** The same check failed. */
  readonly same: number;
  /** The test failed in another way. */
  readonly otherwise: number;
  readonly passed: number;
  /** Nothing was learned of these: they are in no rate. */
  readonly notAsked: number;
  /** Of runs that failed, in whichever way, among those that could ask. */
  readonly rate?: Rate;
  /** Runs that failed, by their names: their reports are kept. */
  readonly failed: readonly string[];
}

interface Looping {
  readonly times: number;
  readonly say: (line: string) => void;
  readonly signals: Pick<ReturnType<typeof listenForSignals>, "signal">;
}

/** Exit code 1 where any failed, else 3 where any could not ask, else 0; 4 and cancellation end it early. */
export async function loopRepro(
  manifest: Pick<CapsuleManifest, "failures" | "run">,
  wanted: ScratchRun,
  there: There,
  { times, say, signals }: Looping,
): Promise<{ readonly loop: Loop; readonly exitCode: number }> {
  const count = { same: 0, otherwise: 0, passed: 0, notAsked: 0 };
  const failed: string[] = [];
  let runs = 0;
  let end: number | undefined;
  let worst: number = ExitCode.met;
  while (runs < times && end === undefined) {
    const { exitCode, report } = await runThere(wanted, there);
    if (signals.signal() !== undefined) break;
    runs += 1;
    const seen = report === undefined ? [] : seenAgain(manifest.failures, manifest.run, report);
    const outcome = outcomeOf(exitCode, seen);
    count[outcome] += 1;
    if (exitCode !== ExitCode.met) worst = worst === ExitCode.failed ? worst : exitCode;
    if (report !== undefined && exitCode !== ExitCode.met) failed.push(report.run);
    say(
      `${String(runs).padStart(String(times).length)}/${times}  ${said[outcome]}${report === undefined ? "" : `  ${report.run}`}`,
    );
    // What is wrong with the words will be wrong each time; and what leaks once may fill the machine.
    if (exitCode === ExitCode.usage || exitCode === ExitCode.leak) end = exitCode;
  }
  const rate = rateOf(count.same + count.otherwise, count.same + count.otherwise + count.passed);
  const apart = count.otherwise === 0 ? "" : `; ${count.otherwise} of them otherwise than in the capsule`;
  const unasked = count.notAsked === 0 ? "" : `; ${count.notAsked} could not ask, and are in no rate`;
  say(rate === undefined ? `nothing was learned${unasked}` : `${sayRate(rate)}${apart}${unasked}`);
  const loop = { runs, ...count, ...(rate === undefined ? {} : { rate }), failed };
  const signal = signals.signal();
  if (signal !== undefined) return { loop, exitCode: cancelledCode(signal) };
  return { loop, exitCode: end ?? worst };
}

const said = {
  same: "failed",
  otherwise: "failed otherwise",
  passed: "did not fail",
  notAsked: "could not ask",
} as const;

function outcomeOf(exitCode: number, seen: readonly SeenAgain[]): keyof typeof said {
  if (seen.some(({ again }) => again === "same")) return "same";
  if (exitCode === ExitCode.failed) return "otherwise";
  return exitCode === ExitCode.met ? "passed" : "notAsked";
}

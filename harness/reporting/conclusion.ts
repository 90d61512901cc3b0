// Decides what a run amounts to: one verdict, one exit code, one sentence. Pure.
import { ExitCode } from "../model/errors.ts";
import type { Report } from "./report.ts";

export const verdicts = ["met", "failed", "could-not-ask", "leaked", "cancelled", "usage"] as const;
export type Verdict = (typeof verdicts)[number];

/** `usage` means a wrong declaration, or that no test ran at all. */
export const exitCodes = [
  ExitCode.met,
  ExitCode.failed,
  ExitCode.usage,
  ExitCode.couldNotAsk,
  ExitCode.leak,
  ExitCode.interrupted,
  ExitCode.terminated,
] as const;

interface Facts extends Pick<Report, "tests" | "troubles" | "teardown"> {
  readonly cancelled: Report["cancelled"];
  /** Of a run that is one of several: all of its tests may be skipped. */
  readonly shard?: Report["shard"];
}

/**
 * The first that applies: leaked, cancelled, usage, could not ask, failed, nothing ran, met. A wrong declaration comes
 * before "could not ask", because trying again mends only the latter.
 */
export function conclude(facts: Facts): Pick<Report, "verdict" | "exitCode" | "reason"> {
  const { tests, troubles, teardown, cancelled, shard } = facts;
  const having = (outcome: string) => tests.filter((test) => test.outcome === outcome);
  const misdeclared = having("errored").filter(
    ({ errors }) => errors.length > 0 && errors.every(({ name }) => name === "DeclarationError"),
  );
  const errored = having("errored").length - misdeclared.length;
  const troubled = (code: number) => troubles.filter(({ exitCode }) => exitCode === code);
  const ended = tests.filter(({ reason }) => reason?.startsWith("never ran to its end") !== true).length;

  if (teardown.leaked.length > 0) {
    const all = teardown.leaked.length;
    return {
      verdict: "leaked",
      exitCode: ExitCode.leak,
      reason: `${say(all, "resource")} of this run ${all === 1 ? "is" : "are"} still there after teardown; "assay gc" removes what its owner left`,
    };
  }
  if (cancelled !== undefined) {
    return {
      verdict: "cancelled",
      exitCode: cancelled === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated,
      reason: `cancelled by ${cancelled} when ${ended} of ${say(tests.length, "test")} had ended`,
    };
  }
  const usage = misdeclared.length + troubled(2).length;
  if (usage > 0) {
    return { verdict: "usage", exitCode: ExitCode.usage, reason: `${say(usage, "declaration")} could not be used` };
  }
  const parts = [
    ...(errored > 0 ? [`${say(errored, "test")} could not ask`] : []),
    ...(troubled(3).length > 0 ? [`${say(troubled(3).length, "trouble")} outside any test`] : []),
    ...(teardown.inventoried ? [] : ["the run never said its end, so nothing is known to be torn down"]),
  ];
  const failed = having("failed").length;
  if (parts.length > 0) {
    const also = failed > 0 ? [`${failed} failed`] : [];
    return { verdict: "could-not-ask", exitCode: ExitCode.couldNotAsk, reason: [...parts, ...also].join("; ") };
  }
  if (failed > 0 || troubled(1).length > 0) {
    const reason =
      failed > 0
        ? `${failed} of ${say(tests.length, "test")} failed`
        : `${say(troubled(1).length, "failure")} outside any test`;
    return { verdict: "failed", exitCode: ExitCode.failed, reason };
  }
  const passed = having("passed").length;
  const skipped = having("skipped").length;
  if (passed === 0 && skipped > 0 && shard !== undefined) {
    const reason = `no test of this shard ran, ${say(skipped, "test")} skipped; the merged report judges the whole`;
    return { verdict: "met", exitCode: ExitCode.met, reason };
  }
  if (passed === 0) {
    const reason =
      skipped === 0
        ? "no test matches"
        : `no test ran: ${skipped === 1 ? "the only one was" : `all ${skipped} were`} skipped`;
    return { verdict: "usage", exitCode: ExitCode.usage, reason };
  }
  const flaky = tests.filter((test) => test.flaky !== undefined).length;
  const rest = `${skipped === 0 ? "" : `, ${skipped} skipped`}${flaky === 0 ? "" : `, ${flaky} of them flaky`}`;
  return { verdict: "met", exitCode: ExitCode.met, reason: `${passed} of ${say(tests.length, "test")} passed${rest}` };
}

function say(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

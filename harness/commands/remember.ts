// Decides what a run leaves in the history of its machine, and what the history says of it: which of its tests passed that failed before,
// on the same inputs and images. A history that cannot be written is told, and changes no verdict.
import { createHash } from "node:crypto";
import { type FinishedRun, History } from "../lifecycle/history.ts";
import { messageOf } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import type { PastOutcome } from "../model/past-outcome.ts";
import { redact } from "../model/secret.ts";
import { testName } from "../reporting/gate-evidence.ts";
import { checkName } from "../reporting/gate-tests.ts";
import type { TestReport } from "../reporting/report.ts";
import { testsIn } from "../reporting/tests.ts";

/** Characters of a reason. */
const longest = 200;

/** Writes the run down and gives what is to be said of it; `trouble`: why it was not written. */
export function remember(
  file: string,
  run: Pick<FinishedRun, "run" | "at" | "command">,
  events: readonly RunEvent[],
): { readonly flaky: readonly RunEvent[]; readonly trouble?: string } {
  try {
    const tests = testsIn(events).filter(isWorthIt);
    if (tests.length === 0) return { flaky: [] };
    const madeOf = signsOf(events);
    using history = History.open(file);
    const flaky = history.remember({ ...run, outcomes: tests.flatMap((test) => outcomesOf(test, madeOf(test))) });
    return { flaky: tests.flatMap((test) => flakyEvent(test, flaky.get(testName(test)))) };
  } catch (error) {
    return { flaky: [], trouble: redact(messageOf(error)) };
  }
}

/** Tests of environments, that ran to an end of their own: what was cut short says nothing of anything. */
function isWorthIt({ environment, checks, reason }: TestReport): boolean {
  return (environment !== undefined || checks.length > 0) && reason?.startsWith("never ran to its end") !== true;
}

function outcomesOf(test: TestReport, madeOf: string | undefined): Omit<PastOutcome, "run" | "at">[] {
  const about = { test: testName(test), ...(madeOf === undefined ? {} : { madeOf }) };
  const because = (why: string | undefined) => (why === undefined ? {} : { why: why.slice(0, longest).toWellFormed() });
  const [error] = test.errors;
  return [
    { ...about, outcome: test.outcome, ...because(error?.code ?? error?.message ?? test.reason) },
    ...test.checks.map((check) => ({
      ...about,
      check: checkName(check),
      outcome: check.outcome,
      ...because(check.outcome === "failed" ? check.seen : check.reason),
    })),
  ];
}

/** Of a test: a digest of what its spec file was made of and of the images of its environment; `undefined` where nobody said so. */
function signsOf(events: readonly RunEvent[]): (test: TestReport) => string | undefined {
  const inputs = new Map<string, Set<string>>();
  const images = new Map<string, Set<string>>();
  const add = (to: Map<string, Set<string>>, key: string, value: string) => {
    const known = to.get(key) ?? new Set();
    to.set(key, known.add(value));
  };
  for (const event of events) {
    if (event.event === "inputs")
      for (const { path, sha256 } of event.inputs) add(inputs, event.file, `${path} ${sha256}`);
    else if (event.event === "image" && event.environment !== undefined)
      add(images, event.environment, `${event.tag} ${event.imageId}`);
  }
  return ({ file, environment }) => {
    const read = inputs.get(file);
    if (read === undefined) return undefined;
    const on = environment === undefined ? undefined : images.get(environment);
    return createHash("sha256")
      .update(JSON.stringify([[...read].sort(), [...(on ?? [])].sort()]))
      .digest("hex")
      .slice(0, 32);
  };
}

function flakyEvent({ file, name }: TestReport, failedIn: readonly string[] | undefined): RunEvent[] {
  return failedIn === undefined ? [] : [{ event: "flaky", at: Date.now(), file, test: name, failedIn }];
}

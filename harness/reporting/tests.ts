// Decides what became of each test: what was planned, what ran, what ended, with the checks it made.
// A test that was planned and never ended is errored: silence is not a pass.
import type { Instant, RunEvent, ToldError } from "../model/event.ts";
import type { Outcome } from "../model/outcome.ts";
import { told } from "./escape.ts";
import type { CheckReport, TestReport } from "./report.ts";

type Event<Name extends RunEvent["event"]> = Extract<RunEvent, { event: Name }>;

interface Slot {
  readonly file: string;
  readonly test: string;
  readonly checks: CheckReport[];
  planned: boolean;
  startedAt?: Instant;
  environment?: string | undefined;
  ended?: Event<"test-ended">;
  failedIn?: readonly string[];
}

/** The tests by spec file, in the order they were first heard of. Two tests of one name in one file stay two. */
export function testsIn(events: readonly RunEvent[]): TestReport[] {
  const files = new Map<string, Map<string, Slot[]>>();
  const slotsOf = (file: string, test: string): Slot[] => {
    const tests = files.get(file) ?? new Map<string, Slot[]>();
    files.set(file, tests);
    const slots = tests.get(test) ?? [];
    tests.set(test, slots);
    return slots;
  };
  const add = (file: string, test: string, planned: boolean): Slot => {
    const slot: Slot = { file, test, checks: [], planned };
    slotsOf(file, test).push(slot);
    return slot;
  };

  for (const event of events) {
    if (event.event === "planned") {
      const seen = new Map<string, number>();
      for (const test of event.tests) {
        const nth = seen.get(test) ?? 0;
        seen.set(test, nth + 1);
        const slot = slotsOf(event.file, test)[nth] ?? add(event.file, test, true);
        slot.planned = true;
      }
    } else if (event.event === "test-started") {
      const slots = slotsOf(event.file, event.test);
      const slot =
        slots.find((each) => each.startedAt === undefined && each.ended === undefined) ??
        add(event.file, event.test, false);
      slot.startedAt = event.at;
      slot.environment = event.environment;
    } else if (event.event === "check") {
      const slots = slotsOf(event.file, event.test);
      const slot =
        slots.find((each) => each.startedAt !== undefined && each.ended === undefined) ??
        slots.findLast((each) => each.ended !== undefined) ??
        slots[0] ??
        add(event.file, event.test, false);
      slot.checks.push(checkOf(event));
    } else if (event.event === "test-ended") {
      const slots = slotsOf(event.file, event.test);
      const slot =
        slots.find((each) => each.startedAt !== undefined && each.ended === undefined) ??
        slots.find((each) => each.ended === undefined) ??
        add(event.file, event.test, false);
      slot.ended = event;
      // A skipped test is not started by anybody; one that ran and was not announced still ran.
      if (event.outcome !== "skipped") slot.startedAt ??= event.at - event.ms;
      slot.environment ??= event.environment;
    } else if (event.event === "flaky") {
      for (const slot of slotsOf(event.file, event.test)) slot.failedIn = event.failedIn;
    }
  }
  return [...files.values()].flatMap((tests) => [...tests.values()].flat().map(testOf));
}

/** An error with its foreign texts redacted and clipped. */
export function errorOf(error: ToldError): TestReport["errors"][number] {
  return {
    name: told(error.name),
    message: told(error.message),
    ...(error.code === undefined ? {} : { code: told(error.code) }),
    ...(error.at === undefined ? {} : { at: told(error.at) }),
    ...(error.stack === undefined ? {} : { stack: told(error.stack) }),
  };
}

function testOf(slot: Slot): TestReport {
  const { ended, checks } = slot;
  const environment = slot.environment ?? ended?.environment;
  const about = {
    file: told(slot.file),
    name: slot.test === "" ? "(outside any test)" : told(slot.test),
    ...(environment === undefined ? {} : { environment: told(environment) }),
    planned: slot.planned,
    ...(slot.startedAt === undefined ? {} : { startedAt: new Date(slot.startedAt).toISOString() }),
    checks,
  };
  if (ended !== undefined) {
    const outcome = outcomeOf(ended);
    const reason = ended.reason ?? (outcome === "skipped" ? "no reason was given" : undefined);
    return {
      ...about,
      outcome,
      ...(reason === undefined ? {} : { reason: told(reason) }),
      ms: Math.max(0, ended.ms),
      ...(ended.assertions === undefined ? {} : { assertions: ended.assertions }),
      errors: ended.errors.map(errorOf),
      ...(slot.failedIn === undefined || outcome !== "passed"
        ? {}
        : { flaky: { failedIn: slot.failedIn.map((run) => told(run)) } }),
    };
  }
  if (!slot.planned && slot.startedAt === undefined) {
    // Checks of a hook: there is no test that could end.
    return { ...about, outcome: worst(checks), ms: checks.reduce((sum, { ms }) => sum + ms, 0), errors: [] };
  }
  const reason = slot.startedAt === undefined ? "never ran to its end: it was not started" : "never ran to its end";
  return { ...about, outcome: "errored", reason, ms: 0, errors: [] };
}

const harnessErrors = /^(Declaration|Provision|Transport|Observation|Teardown|Report)Error$/;

/** One failed assertion among the errors blames the image; harness errors alone never do. Else it is as it was told. */
function outcomeOf({ outcome, errors }: Event<"test-ended">): Outcome {
  if (errors.some(({ name }) => name === "AssertionError")) return "failed";
  return errors.length > 0 && errors.every(({ name }) => harnessErrors.test(name)) ? "errored" : outcome;
}

function worst(checks: readonly CheckReport[]): Outcome {
  const found = (["failed", "errored", "passed"] as const).find((each) =>
    checks.some(({ outcome }) => outcome === each),
  );
  return found ?? "skipped";
}

function checkOf(event: Event<"check">): CheckReport {
  return {
    title: told(event.title),
    negated: event.negated,
    node: told(event.node),
    outcome: event.outcome,
    ...(event.expected === undefined ? {} : { expected: told(event.expected) }),
    ...(event.seen === undefined ? {} : { seen: told(event.seen) }),
    command: told(event.command),
    ...(event.reason === undefined ? {} : { reason: told(event.reason) }),
    tries: event.tries,
    at: new Date(event.at).toISOString(),
    ms: Math.max(0, event.ms),
  };
}

// Decides whether the tests that a policy requires were met, which failures it excuses, and which tests nobody asked for. Pure. An excuse
// covers what it names and nothing else, and not a day longer.
import { type CheckName, type Excuse, expiryOf, type Policy, type Waiver } from "../model/policy.ts";
import { type Findings, finding } from "./gate-decision.ts";
import { testName } from "./gate-evidence.ts";
import { isHook } from "./gate-report.ts";
import type { CheckReport, Report, TestReport } from "./report.ts";

interface Judging {
  readonly policy: Policy;
  readonly findings: Findings;
  readonly now: number;
  /** Excuses that excused something, or whose expiry was told. */
  readonly used: Set<Excuse>;
}

/** Tells of each test what the policy says to it. */
export function judgeTests(report: Report, policy: Policy, now: number, findings: Findings): void {
  const judging: Judging = { policy, findings, now, used: new Set() };
  judgeExpiry(judging);
  for (const test of report.tests) judgeOne(test, judging);
  const byName = new Map(report.tests.map((test) => [testName(test), test]));
  for (const [file, tests] of Object.entries(policy.required)) {
    const there = report.tests.filter((test) => test.file === file);
    if (there.length === 0) {
      findings.no("required-spec-missing", "the policy requires it, and no test of it is in the report", file);
      continue;
    }
    if (tests === "every") {
      for (const test of there) judgeRequired(test, "every", judging);
      continue;
    }
    for (const [name, checks] of Object.entries(tests)) {
      const test = byName.get(testName({ file, name }));
      if (test === undefined) {
        findings.no(
          "required-test-missing",
          "the policy requires it, and no test is called so: it was removed or renamed",
          testName({ file, name }),
        );
      } else judgeRequired(test, checks, judging);
    }
  }
  for (const waiver of policy.waivers)
    if (!judging.used.has(waiver))
      findings.note(
        "idle-waiver",
        `its waiver of ${waiver.owner} waives nothing: take it out of the policy`,
        excused(waiver),
      );
}

function judgeExpiry({ policy, findings, now, used }: Judging): void {
  for (const [what, excuses] of [
    ["waiver", policy.waivers],
    ["quarantine", policy.quarantine],
  ] as const)
    for (const each of excuses) {
      if (!hasExpired(each, now)) continue;
      used.add(each);
      findings.no(
        `${what}-expired`,
        `its ${what} by ${each.owner} (${each.tracker}) ended with ${each.until}: ${each.reason}`,
        excused(each),
      );
    }
}

/** What holds for every test, whoever asked for it: it does not fail. */
function judgeOne(test: TestReport, judging: Judging): void {
  const { policy, findings } = judging;
  const about = testName(test);
  const named = isNamed(test, policy);
  if (!named && !isHook(test) && policy.others === "refused")
    findings.no("unknown-test", "the policy does not name it: it was added or renamed since", about);
  else if (!named && test.outcome === "skipped")
    findings.note("skipped", `skipped, and not asked for: ${test.reason ?? "no reason was given"}`, about);
  if (test.outcome === "failed" || test.outcome === "errored") {
    const word = test.outcome === "failed" ? "it failed" : "it could not ask";
    if (excuseOf(test, judging) === undefined) findings.no(`test-${test.outcome}`, `${word}: ${whyOf(test)}`, about);
  } else if (test.flaky !== undefined && test.outcome === "passed") {
    const says = `it passed, and failed in run ${test.flaky.failedIn.join(", ")} on the same inputs and images: it is flaky`;
    if (quarantineOf(test, judging) === undefined) findings.no("flaky", says, about);
  }
}

function judgeRequired(test: TestReport, checks: "every" | readonly CheckName[], judging: Judging): void {
  const { findings } = judging;
  const about = testName(test);
  // What is wrong with those is told once, where each test is looked at.
  if (test.outcome === "failed" || test.outcome === "errored") return;
  if (test.outcome === "skipped") {
    if (waiverOf(test, judging) === undefined)
      findings.no(
        "required-test-skipped",
        `the policy requires it, and it was skipped: ${test.reason ?? "no reason was given"}`,
        about,
      );
    return;
  }
  const before = findings.refusals.length;
  const wanted = checks === "every" ? test.checks.map(checkName) : checks;
  for (const name of wanted) {
    const found = test.checks.filter((check) => isCheck(name, check));
    const bad = found.find(({ outcome }) => outcome !== "passed");
    if (found.length === 0)
      findings.no(
        "required-check-missing",
        `the policy requires the check ${String(name)}, and the test did not make it`,
        about,
      );
    else if (bad !== undefined)
      findings.no(
        `required-check-${bad.outcome}`,
        `the check ${String(name)} is ${bad.outcome}: ${bad.reason ?? bad.seen ?? "no reason was given"}`,
        about,
      );
  }
  const asserted = test.checks.length > 0 || (test.assertions ?? 0) > 0;
  if (asserted && findings.refusals.length === before)
    findings.yes("required-test", `it passed; ${sayMet(test, checks)}`, about);
}

function sayMet({ checks: made, assertions }: TestReport, required: "every" | readonly CheckName[]): string {
  if (made.length === 0) return `it made ${assertions} assertions of its own`;
  if (required === "every")
    return made.length === 1 ? "its one check is met" : `all of its ${made.length} checks are met`;
  return `${required.length} required of its ${made.length} checks are met`;
}

/** How a policy names a check: by its title, with a word before it where it is not to be met. */
export function checkName({ title, negated }: Pick<CheckReport, "title" | "negated">): string {
  return negated ? `not: ${title}` : title;
}

function isCheck(wanted: CheckName, check: CheckReport): boolean {
  const name = checkName(check);
  if (typeof wanted === "string") return wanted === name;
  // For the whole title: a pattern that is found somewhere would find it in the name of another check as well. And without a memory.
  return new RegExp(`^(?:${wanted.source})$`, wanted.flags.replace(/[gy]/g, "")).test(name);
}

function isNamed({ file, name }: TestReport, { required, waivers, quarantine }: Policy): boolean {
  const tests = Object.hasOwn(required, file) ? required[file] : undefined;
  if (tests === "every" || (tests !== undefined && Object.hasOwn(tests, name))) return true;
  return [...waivers, ...quarantine].some((each) => each.file === file && each.test === name);
}

/** Whether something that counts excuses the test; told apart by what it is. */
function excuseOf(test: TestReport, judging: Judging): Excuse | undefined {
  return quarantineOf(test, judging) ?? waiverOf(test, judging);
}

function quarantineOf(test: TestReport, { policy, findings, now }: Judging): Excuse | undefined {
  const found = policy.quarantine.find((each) => isAbout(each, test) && !hasExpired(each, now));
  if (found !== undefined)
    findings.quarantined.push(
      finding(
        "quarantined",
        `${test.outcome === "passed" ? "flaky" : test.outcome}, and in quarantine until ${found.until} by ${found.owner}: ${found.reason}`,
        testName(test),
      ),
    );
  return found;
}

function waiverOf(test: TestReport, { policy, findings, now, used }: Judging): Waiver | undefined {
  const found = policy.waivers.find((each) => isAbout(each, test) && !hasExpired(each, now) && covers(each, test));
  if (found === undefined) return undefined;
  used.add(found);
  findings.waived.push(
    finding(
      "waived",
      `${test.outcome}, and waived until ${found.until} by ${found.owner}: ${found.reason}`,
      testName(test),
    ),
  );
  return found;
}

/** A waiver of some checks covers a test of which nothing else is wrong: an error for each bad check, and no more. */
function covers({ checks }: Waiver, test: TestReport): boolean {
  if (checks === undefined) return true;
  const bad = test.checks.filter(({ outcome }) => outcome !== "passed");
  return (
    bad.length > 0 &&
    test.errors.length <= bad.length &&
    bad.every((check) => checks.some((name) => isCheck(name, check)))
  );
}

function isAbout({ file, test }: Excuse, { file: of, name }: TestReport): boolean {
  return file === of && test === name;
}

function hasExpired(excuse: Excuse, now: number): boolean {
  return now >= expiryOf(excuse);
}

function excused({ file, test }: Excuse): string {
  return testName({ file, name: test });
}

function whyOf({ errors, reason, checks }: TestReport): string {
  const bad = checks.find(({ outcome }) => outcome === "failed" || outcome === "errored");
  return bad === undefined
    ? (errors[0]?.message ?? reason ?? "no reason was given")
    : `${checkName(bad)}: ${bad.seen ?? bad.reason ?? "not met"}`;
}

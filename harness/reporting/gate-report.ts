// Decides whether a report can be believed to be one whole, finished run: of the known shape, free of contradictions, nothing left behind,
// of a time that can be. Pure. What a policy asks of it is decided elsewhere.
import type { Policy } from "../model/policy.ts";
import { conclude } from "./conclusion.ts";
import { type Findings, repeated } from "./gate-decision.ts";
import { type GateEvidence, testName } from "./gate-evidence.ts";
import { countsOf, type Report, type TestReport } from "./report.ts";
import { reportIn } from "./shape.ts";

/** The report, where there is one of this shape; else the refusal is told. */
export function reportShown({ report, unreadable }: GateEvidence, findings: Findings): Report | undefined {
  if (report === undefined) {
    findings.no("no-report", unreadable ?? "there is no report, and nothing is known of a run");
    return undefined;
  }
  const read = reportIn(report);
  if (read.wrong === undefined) return read.data;
  const { code, says } = read.wrong;
  findings.no(code === "unknown-version" ? code : "bad-report", `what was shown is no report: ${says}`);
  return undefined;
}

/** Tells what contradicts what. */
export function judgeWholeness(report: Report, findings: Findings): void {
  const before = findings.refusals.length;
  judgeEnd(report, findings);
  judgeArithmetic(report, findings);
  for (const test of report.tests) if (!isHook(test)) judgeTest(test, findings);
  judgePlaces(report, findings);
  judgeHealth(report, findings);
  judgeDoubles(report, findings);
  if (findings.refusals.length === before)
    findings.yes("whole", "the run ended, left nothing behind, and its report does not contradict itself");
}

function judgeEnd(report: Report, findings: Findings): void {
  const { teardown, cancelled, counts, shard, troubles, resources } = report;
  if (cancelled !== undefined) findings.no("cancelled", `the run was cancelled by ${cancelled}`);
  if (counts.planned === 0 || report.tests.length === 0) findings.no("nothing-planned", "no test was planned");
  else if (counts.ran === 0) findings.no("nothing-ran", "no test ran");
  if (shard !== undefined && shard.count > 1)
    findings.no(
      "shard",
      `it is shard ${shard.index}/${shard.count}, and says nothing of the others; assay merge makes one of all`,
    );
  if (!teardown.inventoried)
    findings.no("no-inventory", "the run never said its end: nothing is known to be torn down");
  const left = resources.filter(({ state }) => state === "leaked").map(({ kind, name }) => `${kind} ${name}`);
  for (const each of new Set([...teardown.leaked, ...left]))
    findings.no("leaked", `${each} is still there after teardown`, each);
  for (const { error, file } of troubles) findings.no("trouble", `outside any test: ${error.message}`, file);
}

/** What is said of the whole has to follow from its parts. */
function judgeArithmetic(report: Report, findings: Findings): void {
  const { tests, troubles, teardown, cancelled, shard, startedAt, endedAt, ms, mergedFrom } = report;
  const follows = conclude({ tests, troubles, teardown, cancelled, ...(mergedFrom === undefined ? { shard } : {}) });
  if (follows.verdict !== report.verdict || follows.exitCode !== report.exitCode || follows.reason !== report.reason)
    findings.no(
      "inconsistent",
      `it says "${report.verdict}: ${report.reason}", and what is in it amounts to "${follows.verdict}: ${follows.reason}"`,
    );
  const counted = countsOf(tests, troubles);
  if (JSON.stringify(sorted(counted)) !== JSON.stringify(sorted(report.counts)))
    findings.no("bad-counts", "its counts are not those of its tests, checks and troubles");
  if (Date.parse(endedAt) - Date.parse(startedAt) !== ms)
    findings.no("bad-times", `it lasted from ${startedAt} to ${endedAt}, and says ${ms} ms`);
  const { created, destroyed, leaked, kept } = teardown;
  // Of what is kept it is known that it stands, and not of which resources it is made.
  if (leaked.length === 0 && (kept === undefined ? created !== destroyed : created < destroyed))
    findings.no(
      "bad-counts",
      `${created} resources were created and ${destroyed} destroyed, and none is said to be left`,
    );
}

/** Checks that a hook made, and that no test can end. They are of no use to a policy, and may not fail. */
export function isHook({ planned, name, startedAt }: TestReport): boolean {
  return !planned && startedAt === undefined && name === "(outside any test)";
}

/** Each test was in an environment that was stood up, and asked nodes of that or the host. */
function judgePlaces({ tests, environments }: Report, findings: Findings): void {
  const nodes = new Map<string, Set<string>>();
  for (const { environment, nodes: own } of environments) {
    const known = nodes.get(environment) ?? new Set(["host"]);
    for (const { node } of own) known.add(`${environment}/${node}`);
    nodes.set(environment, known);
  }
  for (const test of tests) {
    if (test.outcome !== "passed" || isHook(test)) continue;
    const known = nodes.get(test.environment ?? "");
    const stranger = test.checks.find(({ node }) => known?.has(node) !== true);
    if (known === undefined)
      findings.no("no-environment", "it is said to have passed, in no environment that was stood up", testName(test));
    else if (stranger !== undefined)
      findings.no(
        "other-node",
        `a check of it asked ${stranger.node}, which is no node of its environment`,
        testName(test),
      );
  }
}

function judgeTest(test: TestReport, findings: Findings): void {
  const about = testName(test);
  const { outcome, checks, errors, planned, startedAt, assertions } = test;
  const having = (wanted: string) => checks.filter((check) => check.outcome === wanted).length;
  if (!planned) findings.no("unplanned-test", "it ran, and was in no plan", about);
  if (outcome === "passed") {
    if (checks.length === 0 && (assertions ?? 0) === 0)
      findings.no("no-checks", "it passed without a single check or assertion: it cannot fail", about);
    else if (checks.length === 0)
      findings.note(
        "plain-assertions",
        `it passed by ${assertions} assertions of its own, and no check: the report does not say what was seen`,
        about,
      );
    if (having("failed") + having("errored") > 0 || errors.length > 0)
      findings.no("inconsistent", "it is said to have passed, and a check or an error in it says otherwise", about);
    if (startedAt === undefined) findings.no("inconsistent", "it is said to have passed, and never began", about);
  }
  if (outcome === "failed" && errors.length + having("failed") === 0)
    findings.no("inconsistent", "it is said to have failed, and nothing in it did", about);
}

/** What was found of nodes without being asked for fails the test it was found in; what no test failed for is told here. */
function judgeHealth({ health, tests }: Report, findings: Findings): void {
  if (health === undefined) findings.no("health-unknown", "it does not say what nodes were watched for");
  for (const { environment, node, kind, file, test, allowed } of health?.findings ?? []) {
    const failed = tests.some((each) => each.file === file && each.name === test && each.outcome !== "passed");
    if (allowed === undefined && !failed)
      findings.no("unhealthy", `${kind} was found, and no test failed for it`, `${environment}/${node}`);
  }
}

function judgeDoubles(report: Report, findings: Findings): void {
  for (const name of repeated(report.tests.map(testName)))
    findings.no("duplicate-test", "there are two tests of this name", name);
  for (const { path } of doubledInputs(report)) findings.no("duplicate-input", "it is among the inputs twice", path);
  const stood = ({ environment, scope }: Report["environments"][number]) => `${environment} ${scope ?? ""}`.trim();
  for (const each of repeated(report.environments.map(stood)))
    findings.no("duplicate-environment", "it was stood up twice by one name", each);
  for (const each of report.environments)
    for (const node of repeated(each.nodes.map((one) => one.node)))
      findings.no("duplicate-node", `there are two of ${node}`, stood(each));
  for (const recipe of repeated(report.images.map((image) => image.recipe)))
    findings.no("ambiguous-image", "the run was on two images of this recipe", recipe);
}

function doubledInputs({ inputs = [] }: Report): readonly { readonly path: string }[] {
  return repeated(inputs.map(({ path }) => path)).map((path) => ({ path }));
}

/** Whether the run is of a time that can be, and recent enough. */
export function judgeTime(report: Report, policy: Policy, now: number, findings: Findings): void {
  const [began, ended] = [Date.parse(report.startedAt), Date.parse(report.endedAt)];
  const skew = policy.maxClockSkewMs;
  const before = findings.refusals.length;
  if (ended > now + skew)
    findings.no("from-the-future", `it ended at ${report.endedAt}, which is after now, ${new Date(now).toISOString()}`);
  if (now - ended > policy.maxAgeMs)
    findings.no("too-old", `it ended at ${report.endedAt}; it may be ${sayHours(policy.maxAgeMs)} old`);
  for (const test of report.tests) {
    if (test.startedAt === undefined) continue;
    const at = Date.parse(test.startedAt);
    if (at < began - skew || at + test.ms > ended + skew)
      findings.no("clock-moved", `it ran at ${test.startedAt}, which is not within the run`, testName(test));
  }
  if (findings.refusals.length === before)
    findings.yes("recent", `it ended at ${report.endedAt}, and may be ${sayHours(policy.maxAgeMs)} old`);
}

function sayHours(ms: number): string {
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000} h` : `${Math.round(ms / 60_000)} min`;
}

/** Keys in one order, at each level: the order of a document is not its content. */
function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}

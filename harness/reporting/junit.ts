// Decides how a report looks to what reads JUnit: one test suite a spec file, `failure` only where the image is to blame.
import { accountsOf, sayAccount, sayCheck, sayFlaky, troubleOf } from "./account.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import type { CheckReport, Report, TestReport } from "./report.ts";

type Trouble = Report["troubles"][number];

/**
 * `junit.xml` of a report, valid by the schema of Jenkins' xUnit plugin (junit-10.xsd). That has `file` on suites, where annotating actions look for it
 * as well, and refuses it on cases; there `classname` is the file. Troubles outside any test are test cases of their own, so that a reader of JUnit alone does
 * not take the run for a good one; so is a leak, and the verdict of a run that is not good although no test is wrong.
 */
export function junitOf(report: Report): string {
  const files = [...new Set([...report.tests, ...report.troubles].map(({ file }) => file ?? outside))];
  const suites = files.map((file) =>
    suiteOf(
      report,
      file,
      report.tests.filter((test) => test.file === file),
      report.troubles.filter((trouble) => (trouble.file ?? outside) === file),
    ),
  );
  const { leaked } = report.teardown;
  const seen = [...suites, ...(leaked.length === 0 ? [] : [leakSuite(report)])];
  const good = report.exitCode === 0 || seen.some(({ failures, errors }) => failures + errors > 0);
  const all = sum([...seen, ...(good ? [] : [verdictSuite(report)])]);
  const xml = markup`<testsuites name="assay" tests="${all.tests}" failures="${all.failures}" errors="${all.errors}" time="${seconds(report.ms)}">
${all.xml}</testsuites>
`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml.text}`;
}

interface Suite {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
  readonly xml: Markup;
}

const outside = "(outside any spec file)";

function sum(suites: readonly Suite[]): Omit<Suite, "xml"> & { xml: Markup[] } {
  const total = (key: "tests" | "failures" | "errors" | "skipped") =>
    suites.reduce((all, suite) => all + suite[key], 0);
  return {
    tests: total("tests"),
    failures: total("failures"),
    errors: total("errors"),
    skipped: total("skipped"),
    xml: suites.map(({ xml }) => xml),
  };
}

function suiteOf(report: Report, file: string, tests: readonly TestReport[], troubles: readonly Trouble[]): Suite {
  const count = (outcome: string) => [...tests, ...troubles].filter((each) => each.outcome === outcome).length;
  return suite(
    report,
    file,
    {
      tests: tests.length + troubles.length,
      failures: count("failed"),
      errors: count("errored"),
      skipped: count("skipped"),
      ms: tests.reduce((all, { ms }) => all + ms, 0),
      cases: [...tests.map(caseOf), ...troubles.map((trouble) => troubleCase(file, trouble))],
    },
    file === outside ? undefined : file,
  );
}

function leakSuite(report: Report): Suite {
  const { leaked } = report.teardown;
  const body = markup`  <testcase classname="teardown" name="everything this run created is gone" time="0">
    <error type="leak" message="${oneLine(`still there: ${leaked.join(", ")}`)}">${leaked.join("\n")}</error>
  </testcase>
`;
  return suite(report, "teardown", { tests: 1, failures: 0, errors: 1, skipped: 0, ms: 0, cases: [body] });
}

/** Cancelled, nothing ran, or nobody said its end: no test tells of it. */
function verdictSuite(report: Report): Suite {
  const { verdict, reason } = report;
  const body = markup`  <testcase classname="run" name="the run came to a verdict on its tests" time="0">
    <error type="${verdict}" message="${oneLine(reason)}">${reason}</error>
  </testcase>
`;
  return suite(report, "run", { tests: 1, failures: 0, errors: 1, skipped: 0, ms: 0, cases: [body] });
}

function suite(
  report: Report,
  name: string,
  { ms, cases, ...counts }: Omit<Suite, "xml"> & { readonly ms: number; readonly cases: readonly Markup[] },
  file?: string,
): Suite {
  const { tests, failures, errors, skipped } = counts;
  const started = report.startedAt.slice(0, 19);
  const properties = [
    ["assay.run", report.run],
    ["assay.verdict", report.verdict],
    ...report.images.flatMap(({ tag, imageId, recipeDigest, treeDigest }) => [
      [`image.${tag}.id`, imageId],
      [`image.${tag}.recipe`, recipeDigest],
      [`image.${tag}.tree`, treeDigest],
    ]),
  ].map(([key, value]) => markup`   <property name="${oneLine(key ?? "")}" value="${oneLine(value ?? "")}"/>\n`);
  const xml = markup` <testsuite name="${oneLine(name)}" tests="${tests}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${seconds(ms)}" timestamp="${started}" hostname="${oneLine(report.host.hostname)}"${file !== undefined && markup` file="${oneLine(file)}"`}>
  <properties>
${properties}  </properties>
${cases} </testsuite>
`;
  return { ...counts, xml };
}

function caseOf(test: TestReport): Markup {
  const name = oneLine(test.name);
  const file = oneLine(test.file);
  return markup`  <testcase classname="${file}" name="${name}" time="${seconds(test.ms)}">
${outcomeOf(test)}${checksOf(test.checks)}  </testcase>
`;
}

function outcomeOf(test: TestReport): Markup | undefined {
  if (test.outcome === "passed")
    return test.flaky && markup`    <flakyFailure type="flaky" message="${sayFlaky(test.flaky)}"/>\n`;
  if (test.outcome === "skipped") return markup`    <skipped message="${oneLine(test.reason ?? "")}"/>\n`;
  const accounts = accountsOf(test);
  const message = oneLine(accounts[0]?.heading ?? test.outcome);
  const type = oneLine(test.errors[0]?.code ?? test.errors[0]?.name ?? test.outcome);
  const body = accounts.flatMap((account) => sayAccount(account)).join("\n");
  return test.outcome === "failed"
    ? markup`    <failure type="${type}" message="${message}">${body}</failure>\n`
    : markup`    <error type="${type}" message="${message}">${body}</error>\n`;
}

function troubleCase(file: string, trouble: Trouble): Markup {
  const account = troubleOf(trouble);
  const body = sayAccount(account).join("\n");
  const type = oneLine(trouble.error.code ?? trouble.error.name);
  const told =
    trouble.outcome === "failed"
      ? markup`<failure type="${type}" message="${oneLine(account.heading)}">${body}</failure>`
      : markup`<error type="${type}" message="${oneLine(account.heading)}">${body}</error>`;
  return markup`  <testcase classname="${oneLine(file)}" name="(outside any test)" time="0">
    ${told}
  </testcase>
`;
}

function checksOf(checks: readonly CheckReport[]): Markup | undefined {
  if (checks.length === 0) return undefined;
  const lines = checks.map(
    (check) =>
      `${check.outcome.padEnd(7)} ${oneLine(check.node)}: ${oneLine(sayCheck(check))}${check.seen === undefined ? "" : `; seen ${oneLine(check.seen)}`}`,
  );
  return markup`    <system-out>${lines.join("\n")}</system-out>\n`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

// Decides that what others read is in their languages: JUnit, CTRF and SARIF by their published schemas, TAP by Perl's own parser; and that
// who reads one of them alone takes no bad run for a good one.
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { XmlDocument, XsdValidator } from "libxml2-wasm";
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { annotationLines, fenced } from "./annotations.ts";
import { ctrfOf } from "./ctrf.ts";
import { htmlOf } from "./html.ts";
import { junitOf } from "./junit.ts";
import { type Report, reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, sampleRun } from "./sample.ts";
import { sarifOf } from "./sarif.ts";
import { summaryOf } from "./summary.ts";
import { tapOf } from "./tap.ts";

const schema = (name: string) => readFileSync(new URL(`testing/${name}`, import.meta.url), "utf8");

const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
/** Written in draft 4, whose words in it mean the same in draft 7 but for the document's own id. */
const { $schema: _, id: __, ...sarif } = JSON.parse(schema("sarif-2.1.0.schema.json")) as Record<string, unknown>;
const validators = { ctrf: ajv.compile(JSON.parse(schema("ctrf.schema.json"))), sarif: ajv.compile(sarif) };

function breaches(format: keyof typeof validators, text: string): unknown[] {
  const validate = validators[format];
  return validate(JSON.parse(text))
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function junitBreaches(xml: string): string {
  const language = XmlDocument.fromString(schema("junit-10.xsd"));
  const validator = XsdValidator.fromDoc(language);
  const document = XmlDocument.fromString(xml);
  try {
    validator.validate(document);
    return "";
  } catch (error) {
    return String(error);
  } finally {
    for (const each of [document, validator, language]) each.dispose();
  }
}

const error = { name: "Error", message: "vitest died\nof hunger", at: "specs/a.spec.ts:7:3" };
const trouble: RunEvent = { event: "trouble", at: began, outcome: "errored", exitCode: 3, error };
const flaky: RunEvent = { event: "flaky", at: began, file: "a.spec.ts", test: "a", failedIn: ["k1", "k2"] };
const foreign = `</x>]]> & "'\u001b[31m\u0000 ::error::x\n::set-output name=a::b\nok 99 # SKIP \\ # TODO %0A\nBail out!\n1..0`;
const hostile = [
  runStarted(),
  ...ranTest(`specs/${foreign}.spec.ts`, foreign, "failed", {
    checks: [check("", "", { title: foreign, node: foreign, expected: foreign, seen: "x", outcome: "failed" })].map(
      (event) => ({ ...event, file: `specs/${foreign}.spec.ts`, test: foreign }) as RunEvent,
    ),
    ended: { errors: [{ name: foreign, message: foreign, code: foreign, at: `${foreign}:1:1`, stack: foreign }] },
  }),
  ...ranTest("b.spec.ts", "no # SKIP", "errored", { checks: [], ended: { errors: [{ name: "E", message: foreign }] } }),
  ...ranTest("c.spec.ts", foreign, "skipped", { checks: [], ended: { reason: foreign } }),
  ...ranTest("d.spec.ts", "", "passed", { checks: [] }),
  { ...trouble, file: foreign },
  runEnded({ leaked: [foreign] }),
] as RunEvent[];

const runs: readonly (readonly [string, Report])[] = [
  ["with every outcome", reportOf(sampleRun())],
  ["that is met", reportOf([runStarted(), ...ranTest("a.spec.ts", "a", "passed"), runEnded()])],
  ["of nothing", reportOf([runStarted(), runEnded()])],
  ["with a trouble and a leak", reportOf([runStarted(), trouble, runEnded({ leaked: ["volume v"] })])],
  [
    "that was cancelled",
    reportOf([runStarted(), ...ranTest("a", "a", "passed"), runEnded({}, { cancelled: "SIGINT" })]),
  ],
  ["with a flaky test", reportOf([runStarted(), ...ranTest("a.spec.ts", "a", "passed"), flaky, runEnded()])],
  ["whose end nobody said", reportOf([runStarted(), ...ranTest("a", "a", "passed")])],
  ["in which every text is hostile", reportOf(hostile)],
];

describe.each(runs)("a run %s", (_, report) => {
  const bad = report.exitCode !== 0;

  test("is JUnit by the schema of Jenkins' xUnit plugin", () => {
    expect(junitBreaches(junitOf(report))).toBe("");
  });

  test("is CTRF, in which a bad run has a failure", () => {
    const text = ctrfOf(report);
    expect(breaches("ctrf", text)).toEqual([]);
    const { summary, tests } = JSON.parse(text).results;
    expect(summary.failed > 0).toBe(bad);
    expect(summary.tests).toBe(tests.length);
    expect(summary.passed + summary.failed + summary.skipped).toBe(tests.length);
  });

  test("is SARIF, in which a bad run has a result or no success", () => {
    const text = sarifOf(report);
    expect(breaches("sarif", text)).toEqual([]);
    const [{ results, invocations }] = JSON.parse(text).runs;
    expect(results.length > 0 || invocations[0].executionSuccessful === false).toBe(bad);
    expect(results.length).toBe(report.tests.filter(({ outcome }) => outcome === "failed").length);
  });

  test("is annotations of one line each, which are GitHub's commands and nothing else", () => {
    const lines = annotationLines(report);
    expect(lines.length > 0).toBe(bad);
    for (const line of lines) expect(line).toMatch(/^::error [a-z]+=[^:\n\r,]*(,[a-z]+=[^:\n\r,]*)*::[^\n\r]+$/);
  });
});

test("a suite of JUnit names its spec file, and what is no file names none", () => {
  const leaking = junitOf(
    reportOf([runStarted(), ...ranTest("specs/a.spec.ts", "a", "passed"), trouble, runEnded({ leaked: ["volume v"] })]),
  );
  expect(
    [...leaking.matchAll(/<testsuite name="([^"]*)"[^>]*?(?: file="([^"]*)")?>/g)].map(([, name, file]) => [
      name,
      file,
    ]),
  ).toEqual([
    ["specs/a.spec.ts", "specs/a.spec.ts"],
    ["(outside any spec file)", undefined],
    ["teardown", undefined],
  ]);
});

const perl = spawnSync("perl", ["-MTAP::Parser", "-e", "1"]).status === 0;

/** What Perl's parser takes a text for: its own numbers, and whether it found it malformed. */
function tapRead(text: string): Record<string, number> {
  const program =
    'local $/; my $p = TAP::Parser->new({tap => scalar <STDIN>}); $p->run; printf "%d %d %d %d %d %d %d", scalar($p->passed), scalar($p->failed), scalar($p->skipped), scalar($p->todo), scalar($p->parse_errors), $p->tests_planned // 0, $p->has_problems ? 1 : 0';
  const out = execFileSync("perl", ["-MTAP::Parser", "-e", program], { input: text, encoding: "utf8" });
  const names = ["passed", "failed", "skipped", "todo", "errors", "planned", "problems"];
  return Object.fromEntries(out.split(" ").map((number, index) => [names[index] ?? "", Number(number)]));
}

describe.skipIf(!perl)("TAP, as Perl's TAP::Parser reads it (skipped where perl has none)", () => {
  test.each(runs)("of a run %s", (_, report) => {
    const text = tapOf(report);
    const read = tapRead(text);
    expect(read).toMatchObject({ errors: 0, todo: 0, planned: (text.match(/^(not )?ok /gm) ?? []).length });
    expect(read["failed"] !== 0).toBe(report.exitCode !== 0);
    expect(read["skipped"]).toBe(report.tests.filter(({ outcome }) => outcome === "skipped").length);
  });

  test("the parser finds what is malformed", () => {
    expect(tapRead("TAP version 13\n1..2\nok 1\n")).toMatchObject({ errors: 1, problems: 1 });
  });
});

describe("the schemas find what is wrong", () => {
  const report = reportOf(sampleRun());
  test("in JUnit", () => {
    expect(junitBreaches(junitOf(report).replace("<testcase ", '<testcase file="x" '))).toMatch(
      /'file' is not allowed/,
    );
  });
  test.each([
    ["ctrf", ctrfOf(report).replace('"rawStatus"', '"odd"')],
    ["sarif", sarifOf(report).replace('"level"', '"odd"')],
  ] as const)("in %s", (format, text) => {
    expect(breaches(format, text)).not.toEqual([]);
  });
});

test("a flaky test is told as one, in every format that can", () => {
  const report = reportOf([runStarted(), ...ranTest("a.spec.ts", "a", "passed"), flaky, runEnded()]);
  const words = "failed on the same inputs and images in k1, k2";
  expect(junitOf(report)).toContain(`<flakyFailure type="flaky" message="${words}"/>`);
  expect(JSON.parse(ctrfOf(report)).results).toMatchObject({ summary: { flaky: 1 }, tests: [{ flaky: true }] });
  for (const text of [tapOf(report), summaryOf(report), htmlOf(report)]) expect(text).toContain(words);
});

describe("annotations", () => {
  test("name file, line and column, and what was seen", () => {
    expect(annotationLines(reportOf(sampleRun()))[0]).toMatch(
      /^::error file=specs\/docker-soe-bash\.spec\.ts,line=14,col=9,title=Failed%3A the prompt .*%0A {2}seen {5}"bash-5\.2# "%0A/,
    );
  });

  test("beyond ten the last says how many more there are", () => {
    const events = Array.from({ length: 14 }, (_, index) => ranTest("a.spec.ts", `t${index}`, "failed")).flat();
    const lines = annotationLines(reportOf([runStarted(), ...events, runEnded()]));
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toBe("::error title=Assay::5 more did not pass: see the report");
  });

  test("lines of others stand between two of a word that nobody could know", () => {
    const [first = "", second, last = ""] = fenced(["::error::x"]);
    expect(second).toBe("::error::x");
    expect(first).toMatch(/^::stop-commands::[0-9a-f-]{36}$/);
    expect(last).toBe(`::${first.slice("::stop-commands::".length)}::`);
    expect(fenced([])[0]).not.toBe(first);
  });
});

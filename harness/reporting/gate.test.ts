// Decides that the gate accepts what is so, and says the right 'no', by its code, to each way in which something is not.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { decide } from "./gate.ts";
import type { GateEvidence } from "./gate-evidence.ts";
import {
  bashrc,
  changed,
  codes,
  goodEvidence,
  goodPolicy,
  goodReport,
  release,
  soon,
  spec,
  unsigned,
} from "./gate-sample.ts";
import { decisionLines, explanationLines } from "./gate-words.ts";
import { type Report, reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, stoodUp, testEnded } from "./sample.ts";

/** A report that follows from its events, of tests that are given. */
function reportWith(tests: Parameters<typeof reportOf>[0], more: Parameters<typeof reportOf>[0] = []): Report {
  const { inputs, images } = goodReport();
  const report = reportOf([runStarted(), ...stoodUp(spec, "bash", 1600, 11_000), ...tests, ...more, runEnded()]);
  return { ...report, inputs, images };
}

const told = (report: Report): GateEvidence => ({ ...goodEvidence(report), statements: [] });
const good = (name: string, titles: readonly string[]) =>
  ranTest(spec, name, "passed", { checks: titles.map((title) => check(spec, name, { title })) });
const wanted = ["file /root/.bashrc is a file", "file /root/.bashrc has mode 0644"];
const goodBashrc = [
  ...ranTest(spec, bashrc, "passed", {
    checks: [
      ...wanted.map((title) => check(spec, bashrc, { title })),
      check(spec, bashrc, { title: "file /root/.bashrc exists", negated: true }),
    ],
  }),
];
const goodRelease = good(release, ["port 127.0.0.1:32773 answers"]);
const failing = (
  name: string,
  titles: readonly string[],
  bad: readonly string[],
  outcome: "failed" | "errored" = "failed",
) =>
  ranTest(spec, name, outcome, {
    checks: titles.map((title) =>
      check(spec, name, { title, outcome: bad.includes(title) ? outcome : "passed", seen: "0600" }),
    ),
    ended: {
      errors: [{ name: outcome === "failed" ? "AssertionError" : "ObservationError", message: "it is not so" }],
    },
  });
const excuse = {
  file: spec,
  test: bashrc,
  reason: "the role is being rewritten",
  owner: "ops",
  tracker: "https://tracker.example/7",
  until: "2026-11-03",
};

test("what is so is accepted, and the same three give the same answer", () => {
  const decision = decide(goodPolicy(), goodEvidence(), soon);
  expect(decision.refusals).toEqual([]);
  expect(decision).toMatchObject({ accepted: true, run: "k3f9x2", at: new Date(soon).toISOString() });
  expect(decision.met.map(({ code }) => code)).toEqual(
    expect.arrayContaining([
      "whole",
      "recent",
      "required-test",
      "inputs-unchanged",
      "same-image",
      "size",
      "change",
      "ready",
      "vouched",
    ]),
  );
  expect(decide(goodPolicy(), goodEvidence(), soon)).toEqual(decision);
});

describe("a report", () => {
  test.each<[code: string, what: string, evidence: GateEvidence]>([
    ["no-report", "that is not there", { statements: [] }],
    ["no-report", "of which half is there", { statements: [], unreadable: "report.json is no whole report" }],
    ["bad-report", "that is no document", { ...goodEvidence(), report: "report" as never }],
    ["unknown-version", "of another version", changed((report) => Object.assign(report, { schemaVersion: 2 }))],
    ["bad-report", "with an unknown field", changed((report) => Object.assign(report, { approved: true }))],
    [
      "inconsistent",
      "whose verdict its tests do not give",
      changed((report) => Object.assign(report, { verdict: "failed", exitCode: 1 })),
    ],
    [
      "inconsistent",
      "whose sentence is another",
      changed((report) => Object.assign(report, { reason: "3 of 3 tests passed" })),
    ],
    ["bad-counts", "whose counts do not add up", changed((report) => (report.counts.checks.passed = 5))],
    ["bad-counts", "of which a resource is not accounted for", changed((report) => (report.teardown.destroyed = 4))],
    ["no-inventory", "of a run without an end", changed((report) => (report.teardown.inventoried = false))],
    ["leaked", "of a run that leaked", changed((report) => report.teardown.leaked.push("container x"))],
    ["cancelled", "of a cancelled run", changed((report) => Object.assign(report, { cancelled: "SIGINT" }))],
    ["shard", "of a part of a run", changed((report) => Object.assign(report, { shard: { index: 1, count: 2 } }))],
    [
      "unplanned-test",
      "with a test that was in no plan",
      changed((report) => Object.assign(report.tests[0] ?? {}, { planned: false })),
    ],
    [
      "duplicate-test",
      "with a test twice",
      changed((report) => report.tests.push(structuredClone(report.tests[0]) as never)),
    ],
    ["no-checks", "with a test that checks nothing", told(reportWith([...goodBashrc, ...good(release, [])]))],
    [
      "inconsistent",
      "with a failed check in a passed test",
      changed((report) => Object.assign(report.tests[0]?.checks[0] ?? {}, { outcome: "failed" })),
    ],
    ["nothing-planned", "of no test", told(reportWith([]))],
    [
      "trouble",
      "with trouble outside any test",
      told(
        reportWith(
          [...goodBashrc, ...goodRelease],
          [
            {
              event: "trouble",
              at: began,
              outcome: "errored",
              exitCode: 3,
              error: { name: "Error", message: "vitest died" },
            },
          ],
        ),
      ),
    ],
    ["bad-times", "that lasted otherwise than it says", changed((report) => (report.ms = 1))],
    [
      "clock-moved",
      "with a test outside the run's time",
      changed((report) => Object.assign(report.tests[0] ?? {}, { startedAt: "2026-11-03T08:30:00.000Z" })),
    ],
    [
      "ambiguous-image",
      "on two images of a recipe",
      changed((report) =>
        report.images.push({ ...(report.images[0] as never as object), imageId: `sha256:${"e".repeat(64)}` } as never),
      ),
    ],
    ["no-environment", "with a test in no environment", changed((report) => delete report.tests[0]?.environment)],
    [
      "other-node",
      "with a check of a node of another environment",
      changed((report) => Object.assign(report.tests[0]?.checks[0] ?? {}, { node: "other/soe" })),
    ],
  ])("%s: one %s", (code, _, evidence) => expect(codes(evidence, goodPolicy(unsigned))).toContain(code));

  test("from the future, and too old", () => {
    expect(codes(goodEvidence(), goodPolicy(), began - 10 * 60_000)).toContain("from-the-future");
    // Clocks may differ by two minutes.
    expect(codes(goodEvidence(), goodPolicy(), began + 14_000 - 119_000)).not.toContain("from-the-future");
    expect(codes(goodEvidence(), goodPolicy(), soon + 25 * 3_600_000)).toContain("too-old");
  });

  test("a test of assertions alone is none that cannot fail, and is told", () => {
    const plain = (assertions: number) => ranTest(spec, release, "passed", { checks: [], ended: { assertions } });
    const policy = goodPolicy({ ...unsigned, required: { [spec]: "every" } });
    expect(decide(policy, told(reportWith([...goodBashrc, ...plain(2)])), soon)).toMatchObject({
      accepted: true,
      notes: [{ code: "no-checks", about: `${spec} > ${release}` }],
    });
    expect(codes(told(reportWith([...goodBashrc, ...plain(0)])), policy)).toEqual(["no-checks"]);
  });

  test("checks of a hook are no test, and no trouble", () => {
    const hook = check(spec, "", { title: "port answers" });
    const evidence = told(reportWith([...goodBashrc, ...goodRelease, hook]));
    expect((evidence.report as Report).tests.map(({ name }) => name)).toContain("(outside any test)");
    expect(codes(evidence, goodPolicy(unsigned))).toEqual([]);
  });
});

describe("what is required", () => {
  test.each<[code: string, what: string, report: Report]>([
    ["required-test-missing", "a renamed test", reportWith([...good(`${bashrc}!`, wanted), ...goodRelease])],
    ["unknown-test", "the new name of a renamed test", reportWith([...good(`${bashrc}!`, wanted), ...goodRelease])],
    [
      "unknown-test",
      "a test that was added",
      reportWith([...goodBashrc, ...goodRelease, ...good("always true", ["1 is 1"])]),
    ],
    [
      "required-test-skipped",
      "a skipped test",
      reportWith([
        ...goodRelease,
        { event: "planned", at: began, file: spec, tests: [bashrc] },
        testEnded(spec, bashrc, "skipped", { reason: "no KVM" }),
      ]),
    ],
    ["test-failed", "a failed test", reportWith([...failing(bashrc, wanted, [wanted[0] ?? ""]), ...goodRelease])],
    [
      "test-errored",
      "a test that could not ask",
      reportWith([...failing(bashrc, wanted, [wanted[0] ?? ""], "errored"), ...goodRelease]),
    ],
    [
      "required-check-missing",
      "a check that was not made",
      reportWith([...good(bashrc, [...wanted.slice(1), "1 is 1"]), ...goodRelease]),
    ],
    [
      "required-check-missing",
      "a check of which only the contrary was made",
      reportWith([...good(bashrc, [...wanted, "file /root/.bashrc exists"]), ...goodRelease]),
    ],
    [
      "required-check-missing",
      "a check whose title only holds the pattern",
      reportWith([...goodBashrc, ...good(release, ["a log says port 127.0.0.1:1 answers"])]),
    ],
    [
      "required-check-skipped",
      "a skipped check in a passed test",
      reportWith([
        ...ranTest(spec, bashrc, "passed", {
          checks: wanted.map((title, index) =>
            check(spec, bashrc, { title, outcome: index === 0 ? "skipped" : "passed" }),
          ),
        }),
        ...goodRelease,
      ]),
    ],
    [
      "required-spec-missing",
      "a spec that is not there",
      { ...reportWith([...goodBashrc, ...goodRelease]), tests: [] },
    ],
  ])("%s: %s", (code, _, report) => expect(codes(told(report), goodPolicy(unsigned))).toContain(code));

  test("every check, and every test of a spec", () => {
    const every = goodPolicy({ ...unsigned, required: { [spec]: "every" } });
    expect(codes(told(goodReport()), every)).toEqual([]);
    expect(codes(told(reportWith([...goodBashrc, ...good(release, [])])), every)).toContain("no-checks");
  });

  test("others may be there where the policy says so, but may not fail", () => {
    const policy = goodPolicy({ ...unsigned, others: "allowed" });
    const machine = "on a machine";
    const skipped: RunEvent[] = [
      { event: "planned", at: began, file: spec, tests: [machine] },
      testEnded(spec, machine, "skipped", { reason: "no KVM" }),
    ];
    const decision = decide(policy, told(reportWith([...goodBashrc, ...goodRelease, ...skipped])), soon);
    expect(decision).toMatchObject({ accepted: true, notes: [{ code: "skipped" }] });
    expect(codes(told(reportWith([...goodBashrc, ...goodRelease, ...failing("other", ["x"], ["x"])])), policy)).toEqual(
      ["test-failed"],
    );
  });
});

describe("excuses", () => {
  const bad = told(reportWith([...failing(bashrc, wanted, [wanted[1] ?? ""]), ...goodRelease]));
  const waiver = { ...excuse, checks: [wanted[1] ?? ""] };

  test("a waiver excuses what it names until the end of its day, and is told", () => {
    const policy = goodPolicy({ ...unsigned, waivers: [waiver] });
    expect(decide(policy, bad, soon)).toMatchObject({
      accepted: true,
      waived: [{ code: "waived", about: `${spec} > ${bashrc}` }],
    });
    const midnight = Date.UTC(2026, 10, 4);
    expect(codes(bad, policy, midnight - 1)).toEqual([]);
    expect(codes(bad, policy, midnight)).toEqual(["waiver-expired", "test-failed"]);
  });

  test("an expired waiver refuses, whether or not it is needed", () =>
    expect(
      codes(told(goodReport()), goodPolicy({ ...unsigned, waivers: [{ ...waiver, until: "2026-11-02" }] })),
    ).toEqual(["waiver-expired"]));

  test("a waiver of one check is none of another", () => {
    const both = told(reportWith([...failing(bashrc, wanted, wanted), ...goodRelease]));
    expect(codes(both, goodPolicy({ ...unsigned, waivers: [waiver] }))).toEqual(["test-failed"]);
    expect(codes(both, goodPolicy({ ...unsigned, waivers: [excuse] }))).toEqual([]);
  });

  test("a waiver that waives nothing is told", () =>
    expect(decide(goodPolicy({ ...unsigned, waivers: [waiver] }), told(goodReport()), soon)).toMatchObject({
      accepted: true,
      notes: [{ code: "idle-waiver" }],
    }));

  test("a test in quarantine may fail, is counted apart, and only until its day is over", () => {
    const policy = goodPolicy({ ...unsigned, quarantine: [excuse] });
    expect(decide(policy, bad, soon)).toMatchObject({
      accepted: true,
      quarantined: [{ code: "quarantined" }],
      waived: [],
    });
    expect(codes(bad, policy, Date.UTC(2026, 10, 4))).toEqual(["quarantine-expired", "test-failed"]);
    expect(codes(told(goodReport()), policy)).toEqual([]);
  });

  test("a test in quarantine may not be skipped, nor be gone", () => {
    const policy = goodPolicy({ ...unsigned, quarantine: [excuse] });
    expect(codes(told(reportWith(goodRelease)), policy)).toEqual(["required-test-missing"]);
    expect(
      codes(told(reportWith([...goodRelease, testEnded(spec, bashrc, "skipped", { reason: "off" })])), policy),
    ).toContain("required-test-skipped");
  });

  test("a test that passed after it failed on the same is flaky, and not clean", () => {
    const flaky = told(
      reportWith([
        ...goodBashrc,
        ...goodRelease,
        { event: "flaky", at: began, file: spec, test: bashrc, failedIn: ["k3f9x1"] },
      ]),
    );
    expect((flaky.report as Report).reason).toBe("2 of 2 tests passed, 1 of them flaky");
    expect(codes(flaky, goodPolicy(unsigned))).toEqual(["flaky"]);
    expect(decide(goodPolicy({ ...unsigned, quarantine: [excuse] }), flaky, soon)).toMatchObject({
      accepted: true,
      quarantined: [{ code: "quarantined" }],
    });
  });
});

describe("the words", () => {
  test("a refusal with its code, and what is so when that is asked", () => {
    const decision = decide(
      goodPolicy(),
      changed((report) => report.teardown.leaked.push("container x")),
      soon,
    );
    expect(decisionLines(decision)[0]).toBe(`Run k3f9x2 is refused (decided at ${new Date(soon).toISOString()})`);
    expect(decisionLines(decision)).toContain("  no  container x: container x is still there after teardown [leaked]");
    const explained = explanationLines(decision).join("\n");
    expect(explained).toContain("It is refused because:");
    expect(explained).toContain(
      `  ${spec} > ${release}: it passed; 1 required of its 1 checks are met [required-test]`,
    );
  });

  test("foreign text is shown harmlessly", () => {
    const hostile = reportWith([
      ...goodBashrc,
      ...goodRelease,
      ...good("\u001b]8;;file:///x\u0007a\u202Eb\nno  accepted", ["x"]),
    ]);
    const decision = decide(goodPolicy(unsigned), told(hostile), soon);
    expect(decision.accepted).toBe(false);
    for (const line of [...decisionLines(decision), ...explanationLines(decision)])
      expect(line).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
  });
});

test("two thousand checks are decided about in less than 200 ms", () => {
  const many = Array.from({ length: 100 }, (_, nth) =>
    good(
      `test ${nth}`,
      Array.from({ length: 20 }, (_each, index) => `file /usr/share/doc/${nth}/${index} has mode 0644`),
    ),
  ).flat();
  const report = reportWith([...goodBashrc, ...goodRelease, ...many]);
  expect(report.counts.checks.passed).toBe(2_004);
  const required = Object.fromEntries(
    report.tests.map(({ name, checks }) => [
      name,
      name === bashrc ? ("every" as const) : checks.map(({ title }) => title),
    ]),
  );
  const policy = goodPolicy({ ...unsigned, required: { [spec]: required } });
  const evidence = told(JSON.parse(JSON.stringify(report)));
  const times = Array.from({ length: 5 }, () => {
    const from = performance.now();
    expect(codes(evidence, policy)).toEqual([]);
    return performance.now() - from;
  });
  console.log(`decided in ${times.map((ms) => ms.toFixed(1)).join(", ")} ms`);
  expect(Math.min(...times)).toBeLessThan(200);
});

// Decides that the gate accepts what is so, and says the right 'no', by its code, to each way in which something is not.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { decide } from "./gate.ts";
import {
  bashrc,
  changed,
  codes,
  failing,
  good,
  goodBashrc,
  goodEvidence,
  goodPolicy,
  goodRelease,
  goodReport,
  release,
  reportWith,
  soon,
  spec,
  told,
  twoThousandChecks,
  unsigned,
  wanted,
} from "./gate-sample.ts";
import { decisionLines, explanationLines } from "./gate-words.ts";
import type { Report } from "./report.ts";
import { began, check, ranTest, testEnded } from "./sample.ts";

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

test("two thousand checks are decided about", () => {
  const { policy, evidence } = twoThousandChecks();
  expect(evidence.report.counts.checks.passed).toBe(2_004);
  expect(codes(told(JSON.parse(JSON.stringify(evidence.report))), policy)).toEqual([]);
});

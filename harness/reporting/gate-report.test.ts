// Decides that a report which is not one whole, finished run of a time that can be is refused, each by its own code.
import { describe, expect, test } from "vitest";
import { decide } from "./gate.ts";
import type { GateEvidence } from "./gate-evidence.ts";
import {
  bashrc,
  changed,
  codes,
  good,
  goodBashrc,
  goodEvidence,
  goodPolicy,
  goodRelease,
  release,
  reportWith,
  soon,
  spec,
  told,
  unsigned,
} from "./gate-sample.ts";
import type { Report } from "./report.ts";
import { began, check, ranTest, testEnded } from "./sample.ts";

describe("a report", () => {
  test.each<[code: string, what: string, evidence: GateEvidence]>([
    ["no-report", "that is not there", { statements: [] }],
    ["no-report", "of which half is there", { statements: [], unreadable: "report.json is no whole report" }],
    ["bad-report", "that is no document", { ...goodEvidence(), report: "report" as never }],
    ["unknown-version", "of another version", changed((report) => Object.assign(report, { schemaVersion: 2 }))],
    [
      "bad-report",
      "of more wrong things than the stack holds",
      { ...goodEvidence(), report: { schemaVersion: 1, tests: Array(500_000).fill(0) } },
    ],
    ["bad-report", "of a run that is a path", changed((report) => Object.assign(report, { run: "../../etc" }))],
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
    ["health-unknown", "of nodes that nobody watched", changed((report) => delete report.health)],
    [
      "unhealthy",
      "of a node on which something went wrong, and no test failed for it",
      changed((report) =>
        report.health?.findings.push({
          ...{ environment: "docker-soe", node: "soe", at: report.startedAt, file: spec, test: bashrc },
          ...{ kind: "oom-kill", lines: ["Out of memory: Killed process 7"] },
        }),
      ),
    ],
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
    ["inconsistent", "with a test that passed and never began", changed((report) => delete report.tests[0]?.startedAt)],
    [
      "inconsistent",
      "with a test that failed of nothing",
      told(reportWith([...goodBashrc, ...ranTest(spec, release, "failed")])),
    ],
    ["no-checks", "with a test that checks nothing", told(reportWith([...goodBashrc, ...good(release, [])]))],
    [
      "inconsistent",
      "with a failed check in a passed test",
      changed((report) => Object.assign(report.tests[0]?.checks[0] ?? {}, { outcome: "failed" })),
    ],
    [
      "nothing-ran",
      "of which every test was skipped",
      told(
        reportWith([
          { event: "planned", at: began, file: spec, tests: [bashrc] },
          testEnded(spec, bashrc, "skipped", { reason: "no KVM" }),
        ]),
      ),
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

  test("that is none is refused by one line with the place, and by nothing else", () => {
    const said = (report: unknown) => decide(goodPolicy(), { ...goodEvidence(), report }, soon).refusals;
    expect(said({ schemaVersion: 1, tests: Array(500_000).fill(0) })).toEqual([
      { code: "bad-report", says: "what was shown is no report: more is wrong in it than can be told" },
    ]);
    expect(said({ ...goodEvidence().report, tests: [{}], verdict: "fine\u001b[2J" })).toEqual([
      { code: "bad-report", says: expect.stringMatching(/^what was shown is no report: verdict: .*, and \d+ more$/) },
    ]);
    expect(said({ schemaVersion: [[["2"]]] })).toEqual([
      {
        code: "unknown-version",
        says: "what was shown is no report: its schemaVersion is no number, and this Assay reads 1",
      },
    ]);
  });

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
      notes: [{ code: "plain-assertions", about: `${spec} > ${release}` }],
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

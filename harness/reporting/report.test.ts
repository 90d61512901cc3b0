// Decides that a report concludes what the events say, and that silence never becomes a pass.
import { describe, expect, test } from "vitest";
import { ReportError } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, sampleRun, stoodUp, testEnded } from "./sample.ts";

const file = "specs/a.spec.ts";
const run = (...events: RunEvent[]) => reportOf([runStarted(), ...events, runEnded()]);
const assertion = { name: "AssertionError", message: "expected 1 to be 2" };
const harness = { name: "TransportError", code: "deadline", message: "exec soe: no answer after 60s" };
const declaration = { name: "DeclarationError", code: "bad-path", message: "declare: nothing is mounted at /x" };

describe("the verdict", () => {
  const passed = ranTest(file, "good", "passed");
  const failed = ranTest(file, "bad", "failed", { ended: { errors: [assertion] } });
  const errored = ranTest(file, "odd", "errored", { ended: { errors: [harness] } });
  const misdeclared = ranTest(file, "typo", "errored", { ended: { errors: [declaration] } });
  const skipped = testEnded(file, "no", "skipped", { reason: "no SELinux" });
  const trouble = (exitCode: 1 | 2 | 3): RunEvent => ({
    event: "trouble",
    at: began,
    outcome: exitCode === 1 ? "failed" : "errored",
    exitCode,
    error: harness,
  });

  test.each<[string, RunEvent[], string, number]>([
    ["all passed", passed, "met", 0],
    ["passed and skipped", [...passed, skipped], "met", 0],
    ["one failed", [...passed, ...failed], "failed", 1],
    ["failed and errored", [...failed, ...errored], "could-not-ask", 3],
    ["a declaration and an errored test", [...misdeclared, ...errored], "usage", 2],
    ["a failure outside any test", [...passed, trouble(1)], "failed", 1],
    ["a spec file that cannot be read", [...passed, trouble(2)], "usage", 2],
    ["vitest died", [...passed, trouble(3)], "could-not-ask", 3],
    ["nothing planned", [], "usage", 2],
    ["everything skipped", [skipped], "usage", 2],
    ["planned, never started", [{ event: "planned", at: began, file, tests: ["x"] }], "could-not-ask", 3],
  ])("%s", (_, events, verdict, exitCode) => {
    expect(run(...events)).toMatchObject({ verdict, exitCode });
  });

  test("a leak outweighs a cancel, a cancel an error", () => {
    const events = [runStarted(), ...errored];
    const cancelled = { cancelled: "SIGINT" } as const;
    expect(reportOf([...events, runEnded({ leaked: ["volume v"] }, cancelled)])).toMatchObject({
      verdict: "leaked",
      exitCode: 4,
    });
    expect(reportOf([...events, runEnded({}, cancelled)])).toMatchObject({ verdict: "cancelled", exitCode: 130 });
    expect(reportOf([...events, runEnded({}, { cancelled: "SIGTERM" })])).toMatchObject({ exitCode: 143 });
  });

  test("engines that a run came to use stand beside those it began with", () => {
    const engines = { libvirt: "9.0.0 (qemu:///system)", qemu: "7.2.22" };
    const report = run({ event: "engines", at: began, engines }, ...passed);
    expect(report.host.engines).toEqual({ docker: "20.10.24 (API 1.41)", ...engines });
  });

  test("a run without an end could not ask, though every test passed", () => {
    const report = reportOf([runStarted(), ...passed]);
    expect(report).toMatchObject({ verdict: "could-not-ask", teardown: { inventoried: false } });
    expect(report.reason).toContain("never said its end");
  });

  test("says when no test matches", () => {
    expect(run().reason).toBe("no test matches");
  });

  test("events without a start are refused", () => {
    expect(() => reportOf([runEnded()])).toThrow(ReportError);
  });
});

describe("tests", () => {
  test("a planned test that never ended is errored, and says whether it was started", () => {
    const report = run(
      { event: "planned", at: began, file, tests: ["a", "b"] },
      { event: "test-started", at: began, file, test: "a" },
      check(file, "a"),
    );
    expect(report.tests.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["errored", "never ran to its end"],
      ["errored", "never ran to its end: it was not started"],
    ]);
    expect(report.tests[0]?.checks).toHaveLength(1);
    expect(report.counts).toMatchObject({ planned: 2, ran: 1 });
  });

  test("an assertion among the errors makes it failed, harness errors alone make it errored", () => {
    const outcomeWith = (outcome: "failed" | "errored", errors: (typeof harness | typeof assertion)[]) =>
      run(...ranTest(file, "x", outcome, { ended: { errors } })).tests[0]?.outcome;
    expect(outcomeWith("errored", [harness, assertion])).toBe("failed");
    expect(outcomeWith("failed", [harness])).toBe("errored");
    expect(outcomeWith("failed", [{ ...assertion, code: "ERR_ASSERTION" }])).toBe("failed");
    expect(outcomeWith("failed", [{ name: "Error", message: "a matcher's own assertion" }])).toBe("failed");
    expect(outcomeWith("errored", [{ name: "TypeError", message: "x is not a function" }])).toBe("errored");
  });

  test("two tests of one name in one file stay two", () => {
    const report = run(
      { event: "planned", at: began, file, tests: ["same", "same"] },
      { event: "test-started", at: began, file, test: "same" },
      check(file, "same"),
      testEnded(file, "same", "passed"),
      { event: "test-started", at: began + 1, file, test: "same" },
      check(file, "same", { outcome: "failed" }),
      testEnded(file, "same", "failed"),
    );
    expect(report.tests.map(({ outcome, checks }) => [outcome, checks[0]?.outcome])).toEqual([
      ["passed", "passed"],
      ["failed", "failed"],
    ]);
  });

  test("a plan told twice is one plan", () => {
    const plan: RunEvent = { event: "planned", at: began, file, tests: ["a"] };
    expect(run(plan, plan).tests).toHaveLength(1);
  });

  test("a skipped test has a reason even when nobody gave one", () => {
    expect(run(testEnded(file, "x", "skipped")).tests[0]?.reason).toBe("no reason was given");
  });

  test("checks of a hook are kept without inventing a test that never ended", () => {
    const report = run(...ranTest(file, "x", "passed"), check(file, "", { outcome: "passed" }));
    expect(report.tests[1]).toMatchObject({ name: "(outside any test)", outcome: "passed" });
    expect(report.verdict).toBe("met");
  });

  test("counts tests and checks by outcome", () => {
    expect(reportOf(sampleRun()).counts).toEqual({
      files: 2,
      planned: 5,
      ran: 4,
      tests: { passed: 2, failed: 1, errored: 1, skipped: 1 },
      checks: { passed: 3, failed: 1, errored: 1, skipped: 0 },
      troubles: 0,
    });
  });
});

describe("environments, resources, images", () => {
  test("stand-ups of one environment are told apart, their phases timed", () => {
    const report = run(...stoodUp("specs/a.spec.ts", "a", 0, 5000), ...stoodUp("specs/b.spec.ts", "b", 100, 6000));
    expect(report.environments.map(({ scope, file: spec }) => [scope, spec])).toEqual([
      ["a", "specs/a.spec.ts"],
      ["b", "specs/b.spec.ts"],
    ]);
    expect(report.environments[0]?.nodes[0]?.facts).toEqual({ accelerator: "qemu", access: "initrd" });
    expect(report.environments[0]?.nodes[0]?.phases.map(({ phase, state, ms }) => [phase, state, ms])).toEqual([
      ["create", "done", 420],
      ["start", "done", 240],
      ["connect", "done", 60],
      ["ready", "done", 300],
      ["destroy", "done", 250],
    ]);
  });

  test("a phase that never ended is unfinished and lasts until the end", () => {
    const report = run({
      event: "phase",
      at: began + 4000,
      environment: "e",
      node: "n",
      phase: "ready",
      state: "started",
    });
    expect(report.environments[0]?.nodes[0]?.phases).toEqual([
      { phase: "ready", state: "unfinished", startedAt: new Date(began + 4000).toISOString(), ms: 10_000 },
    ]);
  });

  test("a phase said again with a detail is one phase, and a wait ends when the next thing happens", () => {
    const phase = { event: "phase", environment: "e", scope: "s" } as const;
    const report = run(
      { ...phase, at: began, phase: "build", state: "started" },
      { ...phase, at: began + 100, phase: "build", state: "started", detail: "mmdebstrap: 15s" },
      { ...phase, at: began + 200, phase: "build", state: "done", ms: 200 },
      { ...phase, at: began + 300, phase: "create", state: "started", detail: "waiting: port 80 is claimed" },
      { ...phase, at: began + 900, node: "n", phase: "create", state: "started" },
      { ...phase, at: began + 1000, node: "n", phase: "create", state: "done", ms: 100 },
    );
    expect(
      report.environments[0]?.phases.map(({ phase: name, state, ms, detail }) => [name, state, ms, detail]),
    ).toEqual([
      ["build", "done", 200, "mmdebstrap: 15s"],
      ["create", "done", 600, "waiting: port 80 is claimed"],
    ]);
  });

  test("of two phases of one kind at once, the one ends that began when it says", () => {
    const phase = { event: "phase", environment: "e", phase: "create" } as const;
    const report = run(
      { ...phase, at: began, state: "started" },
      { ...phase, at: began + 400, state: "started" },
      { ...phase, at: began + 500, state: "done", ms: 100 },
      { ...phase, at: began + 900, state: "done", ms: 900 },
    );
    expect(report.environments[0]?.phases.map(({ ms }) => ms)).toEqual([900, 100]);
  });

  test("a phase told only when it ended began when its duration says", () => {
    const report = run({ event: "phase", at: began + 900, environment: "e", phase: "build", state: "failed", ms: 400 });
    expect(report.environments[0]?.phases[0]).toMatchObject({
      state: "failed",
      startedAt: new Date(began + 500).toISOString(),
    });
  });

  test("a resource ends as it was last said to be; a leak of the events joins the inventory's", () => {
    const leak: RunEvent = {
      event: "resource",
      at: began,
      environment: "e",
      kind: "volume",
      name: "v",
      state: "leaked",
    };
    const report = reportOf([runStarted(), ...stoodUp(file, "a", 0, 100), leak, runEnded({ leaked: ["network n"] })]);
    expect(report.resources.map(({ kind, state }) => [kind, state])).toEqual([
      ["volume", "gone"],
      ["container", "gone"],
      ["volume", "leaked"],
    ]);
    expect(report.teardown).toEqual({ inventoried: true, created: 5, destroyed: 5, leaked: ["network n", "volume v"] });
  });

  test("an image is listed once, as built when any process built it", () => {
    const sha = `sha256:${"0".repeat(64)}`;
    const image = (built: boolean): RunEvent => ({
      event: "image",
      at: began,
      recipe: "r",
      tag: "r:1",
      recipeDigest: sha,
      treeDigest: sha,
      imageId: sha,
      built,
      ms: 5,
    });
    expect(run(image(false), image(true), image(false)).images).toMatchObject([{ tag: "r:1", built: true }]);
  });

  test("evidence stays below the run's evidence directory", () => {
    const evidence = (path: string): RunEvent => ({
      event: "evidence",
      at: began,
      environment: "e",
      node: "n",
      title: "log",
      path,
    });
    expect(
      run(
        ...["evidence/n.log", "n.log", "/var/run/evidence/e/n.log", "../../etc/passwd", "javascript:x"].map(evidence),
      ).evidence.map(({ path }) => path),
    ).toEqual(["evidence/n.log", "evidence/n.log", "evidence/e/n.log", "evidence/etc/passwd", "evidence/javascript:x"]);
  });
});

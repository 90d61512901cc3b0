// Decides that what happens to containers is found though no test asks about it, fails the test during which it was, or the run, and that
// verbs and opt-outs are heeded and told.
import { beforeAll, describe, expect, test } from "vitest";
import { type AilingRun, foundIn, outcomesIn, runAiling } from "../vitest/ailing-run.ts";

describe("containers that become ill while tests run", () => {
  let ailing: AilingRun;
  beforeAll(async () => {
    ailing = await runAiling("ailing", process.env);
  });

  test("each finding belongs to its test, and to no other", () => {
    expect(foundIn(ailing.report), ailing.said).toEqual({
      "its main process crashes": ["segfault"],
      "its main process gives up": ["core-dump"],
      "a process of it is killed for its memory": ["oom-kill"],
      "it ends by itself": ["exited"],
      "it ends again and again": ["restart-loop"],
      "a command of the spec crashes": ["segfault (allowed by the environment)", "core-dump"],
      "it may end at any time": ["exited (allowed by the environment)"],
      "this test ends it": ["exited (allowed by the test)"],
    });
  });

  test("a test fails by what nobody allowed, and by nothing else", () => {
    expect(outcomesIn(ailing.report)).toEqual({
      "its main process crashes": "failed",
      "its main process gives up": "failed",
      "a process of it is killed for its memory": "failed",
      "it ends by itself": "failed",
      "it ends again and again": "failed",
      "a command of the spec crashes": "failed",
      "it may end at any time": "passed",
      "this test ends it": "passed",
      "its own verbs end it": "passed",
      "nothing happens": "passed",
    });
    expect(ailing.status).toBe(1);
    expect(ailing.report.teardown.leaked).toEqual([]);
  });

  test("the error names node, finding, what was seen and what to do next", () => {
    const { errors } = ailing.report.tests.find(({ name }) => name === "it ends by itself") ?? {};
    expect(errors).toHaveLength(1);
    const message = errors?.[0]?.message ?? "";
    expect(message).toContain("ailing/leaving is not healthy: exited");
    expect(message).toContain("exited with status 3; its last lines: up | the licence is gone");
    expect(message).toContain('provokes(leaving, "exited")');
    expect(message).toContain("in the evidence");
  });

  test("the report says what was allowed beforehand, and what of a container nobody watches", () => {
    const node = (name: string) => ailing.report.health?.nodes.find((each) => each.node === name);
    expect(node("well")?.optOuts).toEqual([{ kind: "segfault", reason: "it has an old driver" }]);
    expect(node("meant")?.optOuts).toEqual([
      { kind: "exited", reason: "the test provokes it", test: "this test ends it" },
    ]);
    expect(node("box")).toBeUndefined();
    const blind = node("well")?.notWatched.flatMap(({ kinds }) => kinds);
    expect(blind).toEqual(expect.arrayContaining(["kernel-panic", "unit-failed", "avc-denial"]));
    expect(ailing.summary).toContain("allowed by the environment: its licence ends with the day");
  });

  test("what ledger, evidence and health took is in the report", () => {
    const { ms, overhead } = ailing.report;
    expect(overhead?.ledgerMs).toBeGreaterThan(0);
    expect(overhead?.evidenceMs).toBeGreaterThan(0);
    expect(overhead?.healthMs).toBeLessThan(ms);
  });
});

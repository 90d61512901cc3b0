// Decides that a run leaves nothing, however it and its parts end: real processes, real signals, directories for an engine.
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { liveness } from "../model/identity.ts";
import { nothing, SmallStage } from "./testing/small-stage.ts";

let stage: SmallStage;
beforeEach(() => {
  stage = new SmallStage({ NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] });
});
afterEach(() => stage.close());
const all = { created: 3, destroyed: 3, leaked: [] };

describe("a supervised run", () => {
  test.each([
    ["exit", 0],
    ["status-7", 7],
    ["destroy", 0],
  ] as const)("that ends by itself (%s) is taken down, and its status told", async (afterwards, childStatus) => {
    const supervisor = stage.start({ afterwards });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toEqual({ childStatus, totals: all });
    expect(await stage.left()).toEqual(nothing);
    expect(await stage.reaction()).toBe("dismissed");
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("is cancelled by one %s, and torn down", async (signal) => {
    const supervisor = stage.start({ afterwards: "wait" });
    await stage.standing();
    supervisor.kill(signal);
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toMatchObject({ childSignal: "SIGINT", childStatus: 130, cancelled: signal, totals: all });
    expect(await stage.left()).toEqual(nothing);
  });

  test("a child that ignores signals is killed after the grace", async () => {
    const supervisor = stage.start({ afterwards: "ignore-signals" });
    await stage.standing();
    supervisor.kill("SIGINT");
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toMatchObject({
      childSignal: "SIGKILL",
      childStatus: 137,
      cancelled: "SIGINT",
      totals: all,
    });
    expect(await stage.left()).toEqual(nothing);
  });

  test("the second signal ends it at once, and the reaper does the rest", async () => {
    const supervisor = stage.start({ afterwards: "ignore-signals" });
    await stage.standing();
    supervisor.kill("SIGTERM");
    // Once it has been passed on; two signals that are pending at once have no order.
    await stage.until(() => stage.said().some((each) => "signalled" in each));
    supervisor.kill("SIGINT");
    expect(await once(supervisor, "exit")).toEqual([130, null]);
    expect(stage.verdict()).toBeUndefined();
    expect(await stage.reaction()).toEqual(all);
    expect(await stage.left()).toEqual(nothing);
  });

  test("a child that is killed is told, and everything is taken down", async () => {
    const supervisor = stage.start({ afterwards: "wait", fault: "kill:vitest@worker:6" });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toEqual({ childStatus: 137, childSignal: "SIGKILL", totals: all });
    expect(await stage.left()).toEqual(nothing);
  });

  test("a killed supervisor is followed by its reaper, which ends the child first", async () => {
    const supervisor = stage.start({ afterwards: "wait", fault: "kill:supervisor@worker:6" });
    expect(await once(supervisor, "exit")).toEqual([null, "SIGKILL"]);
    expect(await stage.reaction()).toEqual(all);
    expect(await stage.left()).toEqual(nothing);
  });

  test("a reaper that dies is replaced", async () => {
    const supervisor = stage.start({ afterwards: "wait" });
    await stage.standing();
    const first = await stage.until(() => stage.row()?.reaper);
    process.kill(Number(first.split(" ")[3]), "SIGKILL");
    const second = await stage.until(() => (stage.row()?.reaper === first ? undefined : stage.row()?.reaper));
    expect(liveness(second)).toBe("alive");
    supervisor.kill("SIGKILL");
    expect(await stage.reaction()).toEqual(all);
    expect(await stage.left()).toEqual(nothing);
  });

  test("without a reaper it runs all the same", async () => {
    const supervisor = stage.start({ noReaper: true });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toEqual({ childStatus: 0, totals: all });
    expect(await stage.left()).toEqual(nothing);
  });

  test("the next run takes what both left when supervisor and reaper were killed", async () => {
    const supervisor = stage.start({ afterwards: "wait", fault: "kill:reaper+supervisor@worker:4" });
    expect(await once(supervisor, "exit")).toEqual([null, "SIGKILL"]);
    expect(stage.said().some((each) => "reaper" in each)).toBe(false);
    const next = stage.start({ run: `${stage.run}next`, afterwards: "exit" });
    expect(await once(next, "exit")).toEqual([0, null]);
    expect(stage.verdict()).toEqual({ childStatus: 0, totals: all });
    const collected = stage.said().findLast((each) => "collected" in each);
    expect(collected).toEqual({
      run: `${stage.run}next`,
      collected: { removed: [expect.objectContaining({ run: stage.run })], kept: expect.anything(), troubles: [] },
    });
    expect(await stage.left()).toEqual(nothing);
  });
});

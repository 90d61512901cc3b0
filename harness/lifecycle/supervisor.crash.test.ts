// Decides that a run that is killed at any commit of its ledger leaves nothing: with directories for an engine, at every step.
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nothing, SmallStage } from "./testing/small-stage.ts";

let stage: SmallStage;
beforeEach(() => {
  stage = new SmallStage({ NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] });
});
afterEach(() => stage.close());

describe("killed at every step of the ledger", () => {
  // Commits of the child: three intents, three lives. Of the supervisor: run, reaper, child, forgetting old runs, closing,
  // three removals of two each, end.
  const steps = [
    ...[1, 2, 3, 4, 5, 6].map((n) => `worker:${n}`),
    ...Array.from({ length: 12 }, (_, n) => `supervisor:${n + 1}`),
  ];
  test.each(steps)("the supervisor at %s: its reaper leaves nothing", async (step) => {
    const supervisor = stage.start({ fault: `kill:supervisor@${step}`, afterwards: "exit" });
    await once(supervisor, "exit");
    expect(supervisor.signalCode).toBe("SIGKILL");
    // At its first step it has no reaper yet, and has made nothing.
    if (step === "supervisor:1") await collect();
    else expect(await stage.reaction()).toMatchObject({ leaked: [] });
    expect(await stage.left()).toEqual(nothing);
  });

  test.each(steps.filter((step) => step.startsWith("worker")))(
    "supervisor, child and reaper at %s: gc leaves nothing",
    async (step) => {
      const supervisor = stage.start({ fault: `kill:reaper+group@${step}`, afterwards: "wait" });
      expect(await once(supervisor, "exit")).toEqual([null, "SIGKILL"]);
      await collect();
      expect(await stage.left()).toEqual(nothing);
    },
  );

  test("there are no more steps than those", async () => {
    const supervisor = stage.start({ fault: "kill:supervisor@supervisor:13" });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()?.totals).toEqual({ created: 3, destroyed: 3, leaked: [] });
    expect(await stage.reaction()).toBe("dismissed");
  });

  async function collect(): Promise<void> {
    const collected = await stage.collect();
    expect(collected.troubles).toEqual([]);
    expect(collected.removed.map((each) => each.run)).toEqual([stage.run]);
  }
});

// Decides that what is kept stays exactly for as long as its lease says, whoever is killed meanwhile, and that all else of the run goes.
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { leaseEnd } from "./lease.ts";
import { nothing, SmallStage } from "./testing/small-stage.ts";

let stage: SmallStage;
beforeEach(() => {
  stage = new SmallStage({ NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] });
});
afterEach(() => stage.close());
const longMs = 3_600_000;
const kept = () => [`assay-${stage.run}-0`];

describe("a run that keeps something", () => {
  test("removes the rest, and its reaper the kept when the lease is over", async () => {
    const supervisor = stage.start({ keepMs: 2_000 });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()?.totals).toMatchObject({ created: 3, destroyed: 2, leaked: [], kept: { stands: [{}] } });
    expect((await stage.left()).found).toEqual(kept());
    expect(await stage.reaction()).toMatchObject({ destroyed: 3, leaked: [] });
    expect(Date.now()).toBeGreaterThanOrEqual(stage.verdict()?.totals.kept?.until ?? Number.POSITIVE_INFINITY);
    expect(await stage.left()).toEqual(nothing);
  });

  test("is left alone by gc until the lease is over; a lease that is ended wakes the reaper", async () => {
    await once(stage.start({ keepMs: longMs }), "exit");
    const collected = await stage.collect();
    expect(collected).toMatchObject({ removed: [], kept: [{ run: stage.run, owner: "leased" }] });
    expect((await stage.left()).found).toEqual(kept());
    const { reaper } = stage.row() ?? {};
    expect(reaper).toBeDefined();
    using ledger = stage.ledger();
    ledger.endLease(stage.run);
    expect(await stage.reaction()).toMatchObject({ destroyed: 3, leaked: [] });
    expect(await stage.left()).toEqual(nothing);
  });

  test("without a limit it has no reaper that waits, and goes when gc is told to", async () => {
    await once(stage.start({ keepMs: 0 }), "exit");
    expect(await stage.reaction()).toBe("leased");
    using ledger = stage.ledger();
    expect(await leaseEnd(ledger, stage.run)).toBe("unlimited");
    expect((await stage.collect()).removed).toEqual([]);
    expect((await stage.left()).found).toEqual(kept());
    const collected = await stage.collect({ leased: true });
    expect(collected.removed).toMatchObject([{ run: stage.run, totals: { leaked: [] } }]);
    expect(await stage.left()).toEqual(nothing);
  });

  test("whose reaper is killed is taken by gc once the lease is over, and not before", async () => {
    const supervisor = stage.start({ keepMs: 3_000, noReaper: true });
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect((await stage.collect()).removed).toEqual([]);
    using ledger = stage.ledger();
    expect(await leaseEnd(ledger, stage.run)).toBe("over");
    expect((await stage.collect()).removed).toMatchObject([{ run: stage.run, totals: { leaked: [] } }]);
    expect(await stage.left()).toEqual(nothing);
  });

  // Its commits: the run, its child, its reaper, the lease, that nothing more is made, and each of the two that go, twice.
  test.each([4, 5, 6, 7, 8, 9])("killed at step %i of its ledger leaves nothing, or what it keeps", async (step) => {
    const supervisor = stage.start({ keepMs: 2_500, fault: `kill:supervisor@supervisor:${step}` });
    expect(await once(supervisor, "exit")).toEqual([null, "SIGKILL"]);
    expect(await stage.reaction()).toMatchObject({ leaked: [] });
    expect(await stage.left()).toEqual(nothing);
  });

  test("that was cancelled keeps nothing", async () => {
    const supervisor = stage.start({ keepMs: longMs, afterwards: "wait" });
    await stage.standing();
    supervisor.kill("SIGINT");
    expect(await once(supervisor, "exit")).toEqual([0, null]);
    expect(stage.verdict()?.totals.kept).toBeUndefined();
    expect(await stage.left()).toEqual(nothing);
  });
});

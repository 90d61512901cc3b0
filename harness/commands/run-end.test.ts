// What a run's end says where no event has said it: silence never looks met.
import { expect, test } from "vitest";
import type { Supervised } from "../lifecycle/supervisor.ts";
import { TeardownError } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { endOfRun, leaseOf } from "./run-end.ts";

const totals = { created: 2, destroyed: 2, leaked: [] };
const met: Supervised = { childStatus: 0, totals };
const tested: RunEvent = {
  event: "test-ended",
  at: 1,
  file: "a.spec.ts",
  test: "a",
  outcome: "passed",
  errors: [],
  ms: 1,
};
const troubles = (ended: Supervised, said: Partial<Parameters<typeof endOfRun>[1]> = {}) =>
  endOfRun(ended, { events: [], log: "", patterns: [], ...said }).flatMap((event) =>
    event.event === "trouble" ? [`${event.exitCode} ${event.error.message}`] : [],
  );

test("each end without a word of its own gets one", () => {
  expect(troubles(met)).toEqual([]);
  expect(troubles({ ...met, childStatus: 1 })).toEqual(["2 there are no spec files"]);
  expect(troubles({ ...met, childStatus: 1 }, { patterns: ["x", "y"] })).toEqual([
    `2 no spec file's path contains "x" or "y"`,
  ]);
  expect(troubles({ ...met, childStatus: 1 }, { log: "one\ntwo\n" })).toEqual([
    "3 vitest ended before any test did; its last words: one\ntwo",
  ]);
  // A failed test is said by its own event.
  expect(troubles({ ...met, childStatus: 1 }, { events: [tested, { ...tested, outcome: "failed" }] })).toEqual([]);
  expect(troubles({ ...met, childStatus: 1 }, { events: [tested], log: "TypeError: x\n" })).toEqual([
    "3 vitest ended with status 1 and says of no test that it failed: not all that was planned may have been asked; its last words: TypeError: x",
  ]);
  expect(troubles({ ...met, childStatus: 137, childSignal: "SIGKILL" }, { events: [tested] })).toEqual([
    "3 vitest was killed by SIGKILL before it was done: not all that was planned was asked",
  ]);
  expect(troubles({ ...met, childStatus: 130, childSignal: "SIGINT", cancelled: "SIGINT" })).toEqual([]);
});

test("teardown that failed is trouble, and a leak is told as one", () => {
  const error = new TeardownError({ code: "engine-gone", phase: "destroy", seen: "the engine is gone", errors: [] });
  expect(troubles({ ...met, totals: { ...totals, error } })).toEqual([expect.stringContaining("the engine is gone")]);
  const leaked = { ...totals, leaked: ["container c"], error };
  expect(troubles({ ...met, totals: leaked })).toEqual([]);
  expect(endOfRun({ ...met, totals: leaked }, { events: [], log: "", patterns: [] }).at(-1)).toMatchObject({
    event: "run-ended",
    totals: { leaked: ["container c"] },
  });
});

test("what was kept is leased from now on, and nothing kept is no lease", () => {
  const stand = { environment: "soe", scope: "s", nodes: [], resources: ["container c"] };
  expect(leaseOf([tested], 5)).toBeUndefined();
  const lease = leaseOf([tested, { event: "kept", at: 1, ...stand }], 5) ?? expect.fail("no lease");
  expect(lease.stands).toEqual([stand]);
  expect(lease.until).toBe(lease.keptAt + 5);
});

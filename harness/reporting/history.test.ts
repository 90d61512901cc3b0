// Decides that infrastructure faults count against nobody, and that a flake rate is one of failures that the same thing did not repeat.
import { expect, test } from "vitest";
import type { PastOutcome } from "../model/past-outcome.ts";
import { historyLines, historyOf } from "./history.ts";

const name = "specs/a.spec.ts > it is there";
const past = (run: string, at: number, outcome: PastOutcome["outcome"], madeOf?: string): PastOutcome => ({
  run,
  at,
  test: name,
  outcome,
  ...(madeOf === undefined ? {} : { madeOf }),
});

test("a flake rate counts failures on what passed as well, and neither faults nor skips", () => {
  const [history] = historyOf([
    past("r1", 1, "failed", "m1"),
    past("r2", 2, "passed", "m1"),
    past("r3", 3, "passed", "m1"),
    // Of another image: it was broken.
    past("r4", 4, "failed", "m2"),
    past("r5", 5, "errored", "m1"),
    past("r6", 6, "skipped", "m1"),
    past("r7", 7, "failed"),
  ]);
  expect(history).toMatchObject({ counts: { passed: 2, failed: 3, errored: 1, skipped: 1 }, flakeRate: 1 / 5 });
  expect(history?.runs.map(({ run }) => run)).toEqual(["r7", "r6", "r5", "r4", "r3", "r2", "r1"]);
});

test("the flakiest comes first, and a line tells a fault from a failure", () => {
  const other = { ...past("r1", 1, "failed", "m1"), test: "specs/a.spec.ts > another" };
  const all = historyOf([
    other,
    past("r1", 1, "failed", "m1"),
    past("r2", 2, "passed", "m1"),
    { ...past("r3", 3, "errored"), why: "engine-down" },
    { ...past("r4", 4, "errored"), why: "node.adress is not a function" },
  ]);
  expect(all.map((each) => each.test)).toEqual([name, other.test]);
  expect(historyLines(all.slice(0, 1), true)).toEqual([
    `${name}: 1 passed, 1 failed, 2 could not be asked, flaky: 50.0 %`,
    "  1970-01-01T00:00:00.004Z  r4  could not ask   node.adress is not a function",
    "  1970-01-01T00:00:00.003Z  r3  infrastructure  engine-down",
    "  1970-01-01T00:00:00.002Z  r2  passed          on m1",
    "  1970-01-01T00:00:00.001Z  r1  failed          on m1",
  ]);
});

test("foreign text stays on its line", () => {
  const lines = historyLines(historyOf([{ ...past("r1", 1, "failed"), test: "a\u001b[2J\nb", why: "c\nd" }]), true);
  expect(lines).toHaveLength(2);
  expect(lines.join("")).not.toContain("\u001b");
});

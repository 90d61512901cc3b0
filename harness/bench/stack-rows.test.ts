// Rows of a stack: each held to its target, and none of what was not taken.
import { expect, test } from "vitest";
import { resetRows, stackRows } from "./stack-rows.ts";
import { verdictOf } from "./table.ts";
import type { Told } from "./told.ts";

const told = (timings: Told["timings"], why = ""): Told => ({ timings, words: {}, why });
const verdicts = (timings: Told["timings"]) => stackRows(told(timings)).map(verdictOf);

test("up is within nine tenths of a script and seven of testcontainers, checks within a tenth, a clean one within a third of down and up, memory within its limits", () => {
  const took = (up: number, checks: number, clean: number, stack: number, harness: number) => ({
    "up: ours": [up],
    "up: script": [1000],
    "up: testcontainers": [1000],
    "checks: ours": [checks],
    "checks: docker exec": [1000],
    "clean: ours": [clean],
    "clean: script": [1000],
    "memory: stack": [stack],
    "memory: harness": [harness],
  });
  expect(verdicts(took(700, 100, 350, 1200, 80))).toEqual(["met", "met", "met", "met", "met", "met"]);
  expect(verdicts(took(701, 101, 351, 1201, 81))).toEqual([
    "met",
    "not met",
    "not met",
    "not met",
    "not met",
    "not met",
  ]);
  expect(verdicts(took(901, 1, 1, 1, 1))[0]).toBe("not met");
});

test("what was not taken is neither met nor not met", () => {
  expect(verdicts({ "up: ours": [1] })).toEqual([
    "peer missing",
    "peer missing",
    "not measured",
    "not measured",
    "not measured",
    "not measured",
  ]);
});

test("a reset is within a third of down and up, and a first start is told without a target", () => {
  const reset = (ours: number) =>
    resetRows(told({ "reset: ours": [ours], "reset: script": [1000], "first: on a machine": [9000] })).map(verdictOf);
  expect(reset(350)).toEqual(["met", "for information"]);
  expect(reset(351)[0]).toBe("not met");
  expect(resetRows(told({}, "no machine")).map(verdictOf)).toEqual(["not measured", "not measured"]);
});

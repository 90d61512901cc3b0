// Rows of studios: each held to its target, and none of what was not taken.
import { expect, test } from "vitest";
import { studioRows } from "./studio-rows.ts";
import { soeAssertions, soeScript } from "./studio-soe.ts";
import { verdictOf } from "./table.ts";
import type { Told } from "./told.ts";

const words = { accelerator: "qemu", assertions: "60" };
const told = (timings: Told["timings"], why = ""): Told => ({ timings, words, why });
const verdicts = (up: Told, reset = told({}), growth = told({}), testinfra = up) =>
  studioRows({ up, reset, growth, testinfra, cores: 2 }).map(verdictOf);

test("a studio is up within three fifths of a script's time; what else is told of it informs", () => {
  const took = (boot: number) => ({ "up: boot": [boot], "up: by hand, each": [1000], "up: by hand, first": [900] });
  expect(verdicts(told({ ...took(600), "up: warm": [1] })).slice(0, 3)).toEqual([
    "met",
    "for information",
    "for information",
  ]);
  expect(verdicts(told(took(601))).slice(0, 3)).toEqual(["not met", "for information", "not measured"]);
});

test("a reset is within a tenth, growth within half of eight times one, a host within 10 MiB", () => {
  const rest = (reset: number, eight: number, memory: number) =>
    verdicts(
      told({}),
      told({ "reset: ours": [reset], "reset: anew": [1000] }),
      told({ "growth: 1": [100], "growth: 8": [eight], memory: [memory] }),
    ).slice(3, 6);
  expect(rest(100, 400, 10)).toEqual(["met", "met", "met"]);
  expect(rest(101, 401, 10.1)).toEqual(["not met", "not met", "not met"]);
});

test("a hundred checks are within a twentieth, and why testinfra is missing is its own reason", () => {
  const up = told({ "checks: ours": [50], "checks: testinfra": [1000] });
  expect(verdicts(up).at(-1)).toBe("met");
  const without = told({ "checks: ours": [50] });
  const lacking = { ...without, why: "no python3" };
  const rows = studioRows({ up: without, testinfra: lacking, reset: without, growth: without, cores: 2 });
  expect(rows.at(-1)?.peer).toMatchObject({ missing: "no python3" });
});

test("the script says each line that is not met, and is as long as the checks are many", () => {
  expect(
    soeScript()
      .split("\n")
      .filter((line) => / \|\| no \d+$/.test(line)),
  ).toHaveLength(soeAssertions);
});

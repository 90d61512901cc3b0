// What is told of a build's time left, by the last one's parts.
import { expect, test } from "vitest";
import { progressLine } from "./build-progress.ts";

const shown = (left: [string, number][], partBegan: number) => ({
  name: "soe",
  began: 0,
  partBegan,
  left: new Map(left),
});

test("without a last build there is no guess", () => {
  expect(progressLine(shown([], 0), 12_000)).toBe("soe: 12.0s");
});

test("what is left is the rest of this part and all later ones", () => {
  expect(
    progressLine(
      shown(
        [
          ["ansible", 30_000],
          ["pack", 10_000],
        ],
        10_000,
      ),
      20_000,
    ),
  ).toBe("soe: 20.0s, about 30.0s left (ansible)");
});

test("a part that takes longer than last time takes nothing off the later ones", () => {
  expect(
    progressLine(
      shown(
        [
          ["ansible", 1000],
          ["pack", 10_000],
        ],
        0,
      ),
      60_000,
    ),
  ).toBe("soe: 1m 0s, about 10.0s left (ansible)");
});

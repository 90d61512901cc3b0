// Decides which numbers of machines a command line may ask for.
import { expect, test } from "vitest";
import { countsOf } from "./counts.ts";

test("each group with its number; none is a number", () => {
  expect(countsOf(["dev=5", "render-node=0"])).toEqual({ dev: 5, "render-node": 0 });
  expect(countsOf([])).toEqual({});
});

test.each(["dev", "dev=", "=5", "dev=-1", "dev=5x", "dev=1e3", "dev = 5"])("%s is refused", (word) => {
  expect(() => countsOf([word])).toThrow(/is no group and number; write each group once/);
});

test("a group twice is refused", () => {
  expect(() => countsOf(["dev=1", "dev=2"])).toThrow('the group "dev" is counted twice');
});

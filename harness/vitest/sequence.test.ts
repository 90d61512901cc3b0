// Decides that what takes longest begins first, in its own group, that nothing else changes its place, and that what is named is there.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { home } from "../place.ts";
import { longest } from "./longest.ts";
import { inOrder } from "./sequence.ts";

test("those that are named come first in their group, and the others stay as they were", () => {
  const files = ["1 c", "1 a", "1 long", "2 b", "2 longest", "2 long"];
  const ranks = ["longest", "long"];
  const sorted = inOrder(files, {
    group: (file) => Number(file[0]),
    rank: (file) => (ranks.includes(file.slice(2)) ? ranks.indexOf(file.slice(2)) : ranks.length),
  });
  expect(sorted).toEqual(["1 long", "1 c", "1 a", "2 longest", "2 long", "2 b"]);
});

test("each that is named is there, and is named once", () => {
  expect(longest.filter((file) => !existsSync(join(home, file)))).toEqual([]);
  expect(new Set(longest).size).toBe(longest.length);
});

// What is left of a build, by the parts of the last one.
import { expect, test } from "vitest";
import { partOf, settle } from "./build-parts.ts";

const after = (...ended: string[]) => {
  const left = new Map(
    ["base: base debian bookworm", "base: pack", "base dockerfile tool", "run sh -c one", "run two", "pack"].map(
      (title) => [title, 1],
    ),
  );
  for (const part of ended) settle(left, part);
  return [...left.keys()];
};

test("a part that ended takes with it all before it, which were found", () => {
  expect(after("base: base debian bookworm")).toEqual([
    "base: pack",
    "base dockerfile tool",
    "run sh -c one",
    "run two",
    "pack",
  ]);
  expect(after("base dockerfile tool")).toEqual(["run sh -c one", "run two", "pack"]);
  expect(after("base: ")).toEqual(["base dockerfile tool", "run sh -c one", "run two", "pack"]);
});

test("a step that is another now takes the place of the next that does such work; what is new takes nothing", () => {
  expect(after("base dockerfile tool", "run sh -c other")).toEqual(["run two", "pack"]);
  expect(after("copy x")).toHaveLength(6);
});

test("a line's part is what it tells of", () => {
  expect(partOf("base: run sh -c 'a: b': 1.2s")).toBe("base: run sh -c 'a: b'");
});

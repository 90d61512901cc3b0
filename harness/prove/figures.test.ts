// Decides that figures count each change once, that none is noticed by rounding, and that everything that is to be named is.
import { expect, test } from "vitest";
import type { Mutant, Proof } from "../model/proof.ts";
import { figureLines, figuresOf } from "./figures.ts";

const mutant = (id: string, outcome: Mutant["outcome"], more: Partial<Mutant> = {}): Mutant => ({
  id,
  node: "box",
  kind: "file",
  outcome,
  ms: 10,
  ...more,
});
const proof = (file: string, mutants: readonly Mutant[], more: Partial<Proof> = {}): Proof => ({
  file: `specs/${file}.spec.ts`,
  environment: "studio",
  mutants,
  refused: [],
  alwaysTrue: [],
  unproven: [],
  hollow: [],
  unrepeatable: [],
  ms: 100,
  ...more,
});

test("what one spec of an environment notices is noticed, and counts once", () => {
  const figures = figuresOf([
    proof("one", [mutant("box: a", "found"), mutant("box: b", "survived"), mutant("box: c", "errored")]),
    proof("two", [mutant("box: a", "survived"), mutant("box: b", "survived")]),
  ]);
  expect(figures).toMatchObject({ made: 3, found: 1, errored: 1, survived: 1, msEach: 40 });
  expect(figures.share).toBeCloseTo(2 / 3);
  expect(figures.survivors).toEqual([
    { id: "studio/box: b", nearest: undefined, in: ["specs/one.spec.ts", "specs/two.spec.ts"] },
  ]);
  expect(figures.specs.map(({ counts }) => counts.share)).toEqual([2 / 3, 0]);
});

test("the same change of another environment is another one", () => {
  const figures = figuresOf([
    proof("one", [mutant("box: a", "found")]),
    proof("two", [mutant("box: a", "survived")], { environment: "other" }),
  ]);
  expect(figures).toMatchObject({ made: 2, survived: 1 });
});

test("one of a thousand is not 100 %, and nothing made is said to be that", () => {
  const many = Array.from({ length: 9999 }, (_, at) => mutant(`box: ${at}`, "found"));
  expect(figureLines(figuresOf([proof("one", [...many, mutant("box: last", "survived")])]))[0]).toContain("99.9 %");
  expect(figureLines(figuresOf([proof("one", [])]))[0]).toContain("no change could be made");
});

test("what has no worth is named, and so is what was left alone", () => {
  const nearest = { title: "file /a is a file", seen: "a file", changed: false };
  const text = figureLines(
    figuresOf([
      proof("one", [mutant("box: another user owns /a", "survived", { nearest })], {
        alwaysTrue: [{ test: "t", title: "box: file /a is there or not", mutants: 4 }],
        hollow: [{ test: "nothing", why: "it asked nothing of any node" }],
        refused: [{ id: "host: take /a away", why: "this machine is never changed" }],
        unproven: [{ test: "t", title: "box: moon is full", probes: ["sky"] }],
      }),
    ]),
  ).join("\n");
  expect(text).toContain(
    'studio/box: another user owns /a  (one; nearest "file /a is a file", which saw no difference)',
  );
  expect(text).toContain("one > t: box: file /a is there or not (4 changes of what it looks at)");
  expect(text).toMatch(/tests that observe nothing:\n {2}one > nothing: it asked nothing of any node/);
  expect(text).toContain("one: host: take /a away: this machine is never changed");
  expect(text).toContain("one > t: box: moon is full (sky)");
});

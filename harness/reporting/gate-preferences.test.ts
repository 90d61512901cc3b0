// Decides that a policy gets the image that it wants of the two that prefer(…) leaves, and the right 'no', by its code, where it does not.
import { expect, test } from "vitest";
import { decide } from "./gate.ts";
import { changed, codes, goodEvidence, goodPolicy, preferred, soon } from "./gate-sample.ts";
import { decisionLines, explanationLines } from "./gate-words.ts";
import type { Report } from "./report.ts";

type Preference = NonNullable<Report["preferences"]>[number];
const used: Preference = { recipe: "mongodb", reference: "mongo:7", imageId: preferred, why: "the registry has it" };
const { imageId: _, ...unused } = { ...used, why: "no registry answered" };
const own = `sha256:${"c".repeat(64)}`;
const with_ = (...preferences: Preference[]) => changed((report) => Object.assign(report, { preferences }));
/** The recipe's own image was tested, on its node. */
const onRecipe = changed((report) => {
  Object.assign(report, { preferences: [{ ...unused, recipe: "vfx-studio-soe" }] });
  Object.assign(report.environments[0]?.nodes[0]?.facts ?? {}, { image: own });
});

test("the preferred image, on a node of the run, is told with its digest and the node", () => {
  const decision = decide(goodPolicy(), goodEvidence(), soon);
  const says = `mongo:7, ${preferred}, was tested, on docker-soe/soe: the registry has it`;
  expect(decision.met).toContainEqual({ code: "preference", about: "mongodb", says });
  expect(explanationLines(decision)).toContain(`  mongodb: ${says} [preference]`);
});

test("the recipe's own, where the policy wants that", () => {
  const policy = goodPolicy({ preferences: { "vfx-studio-soe": "recipe" } });
  expect(codes(onRecipe, policy)).toEqual([]);
  expect(decide(policy, onRecipe, soon).met).toContainEqual({
    code: "preference",
    about: "vfx-studio-soe",
    says: `the recipe's own image, ${own}, was tested, on docker-soe/soe: no registry answered`,
  });
});

test.each<[code: string, what: string, preferences: Preference[], choice: string]>([
  ["not-preferred", "the recipe's was tested", [unused], "mongo:7"],
  ["preference-missing", "nothing is said of it", [], "mongo:7"],
  ["preference-missing", "nothing is said of it, and the recipe's is wanted", [], "recipe"],
  ["other-preference", "another image is preferred now", [{ ...used, reference: "mongo:8" }], "mongo:7"],
  ["preferred-used", "the preferred was tested, and the recipe's is wanted", [used], "recipe"],
  ["preference-unused", "no node was on it", [{ ...used, imageId: own }], "mongo:7"],
  ["preference-unused", "no node was on the recipe's", [unused], "recipe"],
  ["not-preferred", "one part of a merged run was on the recipe's", [used, unused], "mongo:7"],
  ["ambiguous-preference", "two parts were on two images", [used, { ...used, imageId: own }], "mongo:7"],
  ["duplicate-preference", "it is told twice", [used, { ...used }], "mongo:7"],
])("%s: %s", (code, _what, preferences, choice) =>
  expect(codes(with_(...preferences), goodPolicy({ preferences: { mongodb: choice } }))).toEqual([code]),
);

test("where the policy does not ask, it is a note, and harmless", () => {
  const policy = goodPolicy({ preferences: {} });
  const decision = decide(policy, with_({ ...unused, why: "no\u001b[31m host\nno  accepted" }), soon);
  expect(decision).toMatchObject({ accepted: true, notes: [{ code: "preference" }] });
  expect(decisionLines(decision)).toContainEqual(
    expect.stringMatching(
      /^ {2}note {2}mongodb is the recipe's, not mongo:7: no host ⏎ no {2}accepted \[preference\]$/,
    ),
  );
});

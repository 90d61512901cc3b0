// Decides whether the run was on the image that a policy wants where `prefer(reference, recipe)` leaves two: the preferred one, or the
// recipe's. Pure. What the report does not say, or says of an image that no node was on, is a no.
import type { Policy } from "../model/policy.ts";
import { type Findings, repeated } from "./gate-decision.ts";
import { sayPreference } from "./preference.ts";
import type { Report } from "./report.ts";

type Preference = NonNullable<Report["preferences"]>[number];

/** What a policy writes for the image that the recipe gives. */
const recipes = "recipe";

/** Tells of each recipe that the policy names which image of the two was tested; of others as a note. */
export function judgePreferences(report: Report, { preferences: wanted }: Policy, findings: Findings): void {
  const told = report.preferences ?? [];
  // A merged report may have a recipe several times, of its parts; each time it has to be as it is wanted.
  for (const each of repeated(told.map((one) => JSON.stringify(one))))
    findings.no("duplicate-preference", "what became of a preferred image is told twice in the same words", each);
  for (const each of told) if (!Object.hasOwn(wanted, each.recipe)) findings.note("preference", sayPreference(each));
  for (const [recipe, choice] of Object.entries(wanted))
    judgeChoice(
      recipe,
      choice,
      told.filter((each) => each.recipe === recipe),
      { report, findings },
    );
}

function judgeChoice(
  recipe: string,
  choice: string,
  told: readonly Preference[],
  { report, findings }: { readonly report: Report; readonly findings: Findings },
): void {
  const before = findings.refusals.length;
  const want = choice === recipes ? "the recipe's own image" : choice;
  if (told.length === 0)
    findings.no(
      "preference-missing",
      `the policy wants ${want}, and the run does not say which image it was on`,
      recipe,
    );
  for (const { reference, imageId, why } of told)
    if (choice === recipes) {
      if (imageId !== undefined)
        findings.no(
          "preferred-used",
          `the policy wants ${want}, and ${reference}, ${imageId}, was tested: ${why}`,
          recipe,
        );
    } else if (reference !== choice)
      findings.no("other-preference", `the policy wants ${want}, and ${reference} was preferred`, recipe);
    else if (imageId === undefined)
      findings.no("not-preferred", `the policy wants ${want}, and the recipe's was tested: ${why}`, recipe);
  const digests = new Set(told.flatMap(({ imageId }) => imageId ?? []));
  if (digests.size > 1)
    findings.no(
      "ambiguous-preference",
      `the run was on ${digests.size} images of ${want}: ${[...digests].join(", ")}`,
      recipe,
    );
  if (findings.refusals.length > before) return;
  const [digest] =
    choice === recipes
      ? report.images.filter((image) => image.recipe === recipe).map(({ imageId }) => imageId)
      : digests;
  const nodes = digest === undefined ? [] : nodesOn(report, digest);
  if (digest === undefined || nodes.length === 0)
    findings.no("preference-unused", `the policy wants ${want}, and no node of the run says that it was on it`, recipe);
  else findings.yes("preference", `${want}, ${digest}, was tested, on ${nodes.join(", ")}: ${told[0]?.why}`, recipe);
}

/** As the engine said of them while they stood. */
function nodesOn({ environments }: Report, imageId: string): readonly string[] {
  const names = environments.flatMap(({ environment, nodes }) =>
    nodes.filter(({ facts }) => bare(facts?.["image"]) === bare(imageId)).map(({ node }) => `${environment}/${node}`),
  );
  return [...new Set(names)];
}

/** One engine says the digest with its algorithm before it, another one without. */
function bare(digest: string | undefined): string | undefined {
  return digest?.replace(/^sha256:/, "");
}

// Decides whether a run was on what is to be released: the same inputs, the same images, and these within their budgets. Pure: what the
// checkout and the engines have is evidence. What is not known is not within a budget.
import { sayBytes, sayMs } from "../model/duration.ts";
import type { Policy } from "../model/policy.ts";
import type { Findings } from "./gate-decision.ts";
import type { GateEvidence, ImageChange } from "./gate-evidence.ts";
import type { Report } from "./report.ts";

/** Files that the run was made of are what the checkout has. */
export function judgeInputs(report: Report, { checkout }: GateEvidence, findings: Findings): void {
  const { inputs = [], tests } = report;
  if (inputs.length === 0) {
    findings.no("no-inputs", "the report does not say which files the run was made of");
    return;
  }
  if (checkout === undefined) {
    findings.no("no-checkout", "there is no checkout to hold the run's files against");
    return;
  }
  const before = findings.refusals.length;
  const known = new Set(inputs.map(({ path }) => path));
  // Of a spec of which no test began nothing was read but its own text.
  const began = tests.filter(({ outcome }) => outcome !== "skipped");
  for (const file of new Set(began.map((test) => test.file)))
    if (!known.has(file)) findings.no("input-missing", "tests of it ran, and it is not among the run's files", file);
  for (const [path, sha256] of checkout)
    if (sha256 !== undefined && !known.has(path))
      findings.no("input-missing", "a spec of the run is made of it, and the run did not read it", path);
  for (const { path, sha256 } of inputs) {
    const now = checkout.get(path);
    if (now === undefined) findings.no("input-gone", "the run read it, and the checkout has no such file", path);
    else if (now !== sha256) findings.no("input-changed", "it is another one than the run read", path);
  }
  if (findings.refusals.length === before)
    findings.yes("inputs-unchanged", `all ${inputs.length} files that the run was made of are as they were`);
}

/** Each image that is released was tested as it is now. */
export function judgeImages(
  report: Report,
  policy: Policy,
  { images: present }: GateEvidence,
  findings: Findings,
): void {
  const asked = new Set([...policy.images, ...(present ?? []).map(({ recipe }) => recipe)]);
  for (const recipe of asked) {
    const tested = report.images.find((image) => image.recipe === recipe);
    if (tested === undefined) {
      findings.no("image-untested", "the run had no image of this recipe", recipe);
      continue;
    }
    const now = (present ?? []).filter((image) => image.recipe === recipe);
    const [image] = now;
    if (image === undefined) findings.no("image-unknown", "what this recipe's image is now is not known", recipe);
    else if (now.length > 1) findings.no("image-unknown", "two different things are said of what it is now", recipe);
    else if (image.imageId === undefined)
      findings.no("image-gone", `${tested.imageId} was tested, and there is no such image any more`, recipe);
    else if (image.imageId !== tested.imageId)
      findings.no("another-digest", `${tested.imageId} was tested, and ${tested.tag} is ${image.imageId} now`, recipe);
    else if (image.disk !== tested.disk)
      findings.no(
        "another-digest",
        `its disk was ${tested.disk ?? "none"}, and is ${image.disk ?? "gone or another one"} now`,
        recipe,
      );
    else if (image.recipeDigest === undefined)
      findings.no("recipe-unknown", "what would go into it today is not known", recipe);
    else if (image.recipeDigest !== tested.recipeDigest)
      findings.no(
        "recipe-changed",
        `a build would make it anew: its recipe is ${image.recipeDigest} now, and was ${tested.recipeDigest}`,
        recipe,
      );
    else findings.yes("same-image", `${tested.imageId} was tested, and is what there is now`, recipe);
  }
}

/** Sizes, differences and times are within what is allowed. */
export function judgeBudgets(report: Report, policy: Policy, evidence: GateEvidence, findings: Findings): void {
  for (const [recipe, budget] of Object.entries(policy.imageBudgets)) {
    const { bytes: limit } = budget;
    if (limit !== undefined) {
      const bytes = evidence.images?.find((image) => image.recipe === recipe)?.bytes;
      if (bytes === undefined) findings.no("size-unknown", "its size has a budget, and is not known", recipe);
      else if (!(bytes <= limit))
        findings.no("too-large", `it has ${sayBytes(bytes)}, and may have ${sayBytes(limit)}`, recipe);
      else findings.yes("size", `it has ${sayBytes(bytes)}, and may have ${sayBytes(limit)}`, recipe);
    }
    const change = evidence.changes?.find((each) => each.recipe === recipe);
    for (const what of ["packagesAdded", "packagesRemoved", "setuidAdded"] as const)
      judgeChange(recipe, what, budget[what], change, findings);
  }
  for (const [about, limit] of Object.entries(policy.readyMs)) {
    const times = readyTimes(report, about);
    // Not spread: a report may have more of them than the stack holds.
    const slowest = times.reduce((most, time) => Math.max(most, time), 0);
    if (times.length === 0 || !Number.isFinite(slowest) || times.some((time) => time < 0))
      findings.no("ready-unknown", "the time until it is ready has a budget, and is not known", about);
    else if (slowest > limit)
      findings.no("too-slow", `it was ready after ${sayMs(slowest)}, and may take ${sayMs(limit)}`, about);
    else findings.yes("ready", `it was ready after ${sayMs(slowest)}, and may take ${sayMs(limit)}`, about);
  }
}

const words = {
  packagesAdded: "packages added",
  packagesRemoved: "packages removed",
  setuidAdded: "setuid files added",
};

function judgeChange(
  recipe: string,
  what: keyof typeof words,
  limit: number | undefined,
  change: ImageChange | undefined,
  findings: Findings,
): void {
  if (limit === undefined) return;
  if (change === undefined) {
    findings.no(
      "change-unknown",
      `there is a budget of ${words[what]}, and its difference to an older image is not known`,
      recipe,
    );
    return;
  }
  const found = change[what];
  const says = `${words[what]}: ${found.length}${found.length === 0 ? "" : ` (${found.slice(0, 10).join(", ")})`}, of ${limit} that are allowed`;
  if (found.length > limit) findings.no("too-much-changed", says, recipe);
  else findings.yes("change", says, recipe);
}

/** From the beginning of its creation until it was ready, of each time the node was stood up, in milliseconds; NaN where that never came. */
function readyTimes({ environments }: Report, about: string): readonly number[] {
  return environments.flatMap(({ environment, nodes }) =>
    nodes
      .filter(({ node }) => `${environment}/${node}` === about)
      .map(({ phases }) => {
        const began = phases.find(({ phase }) => phase === "create");
        const ready = phases.find(({ phase, state }) => phase === "ready" && state === "done");
        return began === undefined || ready === undefined
          ? Number.NaN
          : Date.parse(ready.startedAt) + ready.ms - Date.parse(began.startedAt);
      }),
  );
}

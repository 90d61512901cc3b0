// Decides that no damage to the evidence is accepted where a policy asks about what is damaged: each value of a good report, and of what
// goes with it, is deleted, changed and doubled, one at a time. What may be changed is listed here, and everything else is refused.
import { expect, test } from "vitest";
import { decide } from "./gate.ts";
import type { GateEvidence } from "./gate-evidence.ts";
import { type Mutation, mutationsOf, reorderingsOf } from "./gate-mutations.ts";
import { goodEvidence, goodPolicy, goodReport, soon } from "./gate-sample.ts";

/** Fields of a report that no policy asks about: words for people, and times that no budget is about. */
const inert = [
  /^(run|version|command|host|overhead)\b/,
  /^tests\.\d+\.(ms|checks\.\d+\.(expected|seen|command|tries|at|ms))$/,
  /^preferences\.\d+\.why$/,
  /^images\.\d+\.(tag|treeDigest|built|ms)$/,
  /^environments\.\d+\.(scope|file)$/,
  /^environments\.\d+\.phases\b/,
  /^environments\.\d+\.nodes\.\d+\.facts(\.(accelerator|access))?$/,
  // Of the phases of a node with a budget: those that are not its creation and not its readiness; see below.
  /^environments\.\d+\.nodes\.\d+\.phases(\.\d+(\.(startedAt|ms|phase))?)?$/,
  /^resources\b/,
];

const document = JSON.parse(JSON.stringify(goodReport()));
const evidence = goodEvidence();

function accepted(mutations: Iterable<Mutation>, shown: (document: unknown) => GateEvidence) {
  const all = [...mutations];
  return { all, accepted: all.filter((each) => decide(goodPolicy(), shown(each.document), soon).accepted) };
}

test("of the report: 0 are accepted that a policy could ask about", () => {
  const { all, accepted: through } = accepted(mutationsOf(document), (report) => ({ ...evidence, report }));
  expect(all.length).toBeGreaterThan(1_500);
  const wrong = through.filter(({ path }) => !inert.some((pattern) => pattern.test(path)));
  console.log(
    `${wrong.length} of ${all.length - (through.length - wrong.length)} accepted; ${through.length - wrong.length} of no bearing`,
  );
  expect(wrong.map(({ path, how }) => `${path}: ${how}`)).toEqual([]);
  // The list itself says nothing that is not so.
  for (const pattern of inert)
    expect(
      through.filter(({ path }) => pattern.test(path)),
      String(pattern),
    ).not.toEqual([]);
  // What a budget is measured by cannot be taken away, nor moved out of reach.
  const [stand] = goodReport().environments;
  for (const [nth, { phase }] of (stand?.nodes[0]?.phases ?? []).entries()) {
    if (phase !== "create" && phase !== "ready") continue;
    const own = `environments.0.nodes.0.phases.${nth}`;
    const moved = through.filter(
      ({ path, how }) => path === own || path === `${own}.phase` || (path === `${own}.startedAt` && how === "another"),
    );
    expect(moved.map(({ path, how }) => `${path}: ${how}`)).toEqual([]);
  }
});

/** What goes with a report and may be otherwise: words, what is under a budget, a signing time that nobody has to know. */
const free = [
  /^statements\.0\.signedAt$/,
  /^statements\.0\.subjects\.0\.name$/,
  // A statement may say less than the report whose digest it has, and twice the same.
  /^statements$/,
  /^statements\.0\.predicate\.(passedTests\.\d+|warnedTests|failedTests)$/,
  /^images\.0\.bytes$/,
  /^changes$/,
  /^changes\.0\.packagesAdded(\.\d+)?$/,
];
/** By what a field's name is changed to, and what has no shape of its own because our own code makes it. */
const freeWays = /^signedAt renamed$|^name renamed$|^(warned|failed)Tests renamed$|^given an unknown field$/;

test("of statements, images, differences and the checkout: 0", () => {
  const { report, reportDigest, statements, images, changes, checkout } = evidence;
  const shown = JSON.parse(
    JSON.stringify({ reportDigest, statements, images, changes, checkout: Object.fromEntries(checkout ?? []) }),
  );
  const { all, accepted: through } = accepted(mutationsOf(shown), (given) => {
    const { checkout: files, ...rest } = given as { checkout?: Record<string, string> | null };
    return {
      ...(rest as GateEvidence),
      report,
      ...(files === undefined ? {} : { checkout: new Map(Object.entries(files ?? {})) }),
    };
  });
  expect(all.length).toBeGreaterThan(250);
  const wrong = through.filter(({ path, how }) => {
    const inPredicate = path.startsWith("statements.0.predicate");
    const ours = freeWays.test(how) && (!inPredicate || how.endsWith("Tests renamed"));
    return !ours && !free.some((pattern) => pattern.test(path));
  });
  console.log(
    `${wrong.length} of ${all.length - (through.length - wrong.length)} accepted; ${through.length - wrong.length} of no bearing`,
  );
  expect(wrong.map(({ path, how }) => `${path}: ${how}`)).toEqual([]);
});

test("another order of a list is the same report", () => {
  const { all, accepted: through } = accepted(reorderingsOf(document), (report) => ({ ...evidence, report }));
  // What a list is read by is its order where it is text: the command. No list of the report is asked about by place.
  expect(all.length).toBeGreaterThan(5);
  expect(all.filter((each) => !through.includes(each)).map(({ path }) => path)).toEqual([]);
});

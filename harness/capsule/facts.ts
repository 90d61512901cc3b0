// Decides what of a report a capsule is about: what failed, in which spec files, by which check; and which images took part. Pure.
import type { Report, TestReport } from "../reporting/report.ts";
import type { CapsuleManifest, Failure } from "./manifest.ts";

type Concluded = Pick<Report, "tests" | "troubles" | "images" | "environments">;

/** Tests that did not pass and were not skipped. */
export function failuresIn({ tests }: Pick<Report, "tests">): Failure[] {
  return tests.flatMap((test) =>
    test.outcome === "failed" || test.outcome === "errored" ? [failureOf(test, test.outcome)] : [],
  );
}

function failureOf(test: TestReport, outcome: Failure["outcome"]): Failure {
  const check = test.checks.findLast((each) => each.outcome === "failed" || each.outcome === "errored");
  const [error] = test.errors;
  return {
    file: test.file,
    test: test.name,
    outcome,
    ...(test.environment === undefined ? {} : { environment: test.environment }),
    ...(check === undefined
      ? {}
      : {
          check: {
            title: check.title,
            negated: check.negated,
            node: check.node,
            outcome: check.outcome as Failure["outcome"],
            ...(check.expected === undefined ? {} : { expected: check.expected }),
            ...(check.seen === undefined ? {} : { seen: check.seen }),
          },
        }),
    ...(error === undefined
      ? {}
      : {
          error: {
            name: error.name,
            message: error.message,
            ...(error.code === undefined ? {} : { code: error.code }),
            ...(error.at === undefined ? {} : { at: error.at }),
          },
        }),
  };
}

/** Spec files that a capsule of this report is about; none where nothing went wrong that a spec has to do with. */
export function specsIn(report: Concluded): string[] {
  const files = [
    ...failuresIn(report).map(({ file }) => file),
    ...report.troubles.flatMap(({ file }) => file ?? []),
  ].filter((file) => !file.startsWith("harness/") && !file.startsWith(".."));
  return [...new Set(files)].sort();
}

/** Each image once, by its recipe and version. */
export function imagesOf({ images }: Pick<Report, "images">): CapsuleManifest["images"] {
  const byTag = new Map(
    images.map(({ recipe, tag, recipeDigest, treeDigest, imageId }) => [
      tag,
      { recipe, tag, recipeDigest, treeDigest, imageId },
    ]),
  );
  return [...byTag.values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

/** What was told of each node: what runs it, and how. */
export function nodesOf({ environments }: Pick<Report, "environments">): CapsuleManifest["nodes"] {
  const found = new Map<string, Readonly<Record<string, string>>>();
  for (const { environment, nodes } of environments)
    for (const { node, facts } of nodes) if (facts !== undefined) found.set(`${environment}/${node}`, facts);
  return [...found].map(([node, facts]) => ({ node, facts })).sort((a, b) => (a.node < b.node ? -1 : 1));
}

// Decides how it is told what differs and whether a failure was seen again, and which node a person wants to be in. Pure.
import type { Difference } from "../capsule/differences.ts";
import type { Again, SeenAgain } from "../capsule/seen-again.ts";
import type { Report } from "../reporting/report.ts";

export function differenceLines(differences: readonly Difference[]): string[] {
  return differences.flatMap(({ what, there, here, because }) =>
    because === undefined ? [`${what}: ${there} there, ${here} here`] : because.map((line) => `${what}: ${line}`),
  );
}

const words: Readonly<Record<Again, string>> = {
  same: "seen again",
  otherwise: "failed otherwise",
  "not-asked": "could not be asked here",
  passed: "did not fail here",
  absent: "did not run here",
};

/** A line a failure, then what to do where it was not seen. */
export function againLines(
  seen: readonly SeenAgain[],
  { all, exitCode }: { readonly all: boolean; readonly exitCode: number },
): string[] {
  const lines = seen.map(({ file, test, there, again, here }) => {
    const what = sayFailure(there);
    const now = again === "otherwise" && here !== undefined ? `; here ${sayFailure(here)}` : "";
    return `${words[again].padEnd(9)} ${file} > ${test}: ${what}${now}`;
  });
  const gone = seen.some(({ again }) => again === "passed");
  const hint = all
    ? "--loop 50 measures how often it fails"
    : "--all runs the tests before it too; --loop 50 measures how often it fails";
  return [...lines, ...(gone && exitCode === 0 ? [hint] : [])];
}

function sayFailure({ check, error, outcome }: SeenAgain["there"]): string {
  if (check !== undefined) return `${check.negated ? "not: " : ""}${check.title}, on ${check.node}`;
  return error === undefined ? outcome : (error.message.split("\n")[0] ?? outcome);
}

/** `run/scope/node` of the node that the failing check asked, else of the first that stands; `undefined` where nothing does. */
export function nodeToEnter(
  seen: readonly Pick<SeenAgain, "here">[],
  { run, teardown }: Pick<Report, "run" | "teardown">,
): string | undefined {
  const stands = teardown.kept?.stands ?? [];
  const asked = seen.flatMap(({ here }) => here?.check?.node ?? []);
  const all = stands.flatMap(({ environment, scope, nodes }) =>
    nodes.map(({ node }) => ({ environment, scope, node })),
  );
  const found = all.find(({ environment, node }) => asked.includes(`${environment}/${node}`)) ?? all[0];
  return found === undefined ? undefined : `${run}/${found.scope}/${found.node}`;
}

// Decides which kept run a word on the command line means: a run, an environment that was left standing, a node of either.
import { ownership } from "../lifecycle/lease.ts";
import type { Ledger, RunRow } from "../lifecycle/ledger.ts";
import { DeclarationError } from "../model/errors.ts";
import type { KeptNode, KeptStand } from "../model/event.ts";
import { nearest } from "../model/options.ts";

/** A run that outlives its owner. */
export type KeptRun = RunRow & Required<Pick<RunRow, "lease">>;

/** What stands because somebody wants to look at it, newest first. */
export function keptRuns(ledger: Pick<Ledger, "runs">): readonly KeptRun[] {
  return ledger.runs().filter((row): row is KeptRun => row.lease !== undefined && ownership(row) === "leased");
}

/** The same, and what is being changed just now: the nodes that it has stand as they stood. */
export function standingRuns(ledger: Pick<Ledger, "runs">): readonly KeptRun[] {
  return ledger
    .runs()
    .filter((row): row is KeptRun => row.lease !== undefined && ["leased", "alive"].includes(ownership(row)));
}

/** Whether an environment of that name is what the run keeps. */
export function keeps({ lease }: KeptRun, environment: string): boolean {
  return lease.stands.some((stand) => stand.environment === environment);
}

/** A node that is kept, with whose it is. */
export interface FoundNode {
  readonly run: string;
  readonly stand: KeptStand;
  readonly node: KeptNode;
}

/**
 * The node that `word` means: `<run>/<node>`, `<run>/<scope>/<node>`, `<environment>/<node>`, or a node's name alone where only one kept
 * node is called so. A `DeclarationError` (codes `no-such-node`, `which-node`) names those there are.
 */
export function nodeNamed(runs: readonly KeptRun[], word: string): FoundNode {
  const all = runs.flatMap(({ run, lease }) =>
    lease.stands.flatMap((stand) => stand.nodes.map((node) => ({ run, stand, node }))),
  );
  const wordsFor = ({ run, stand, node }: FoundNode) => [
    node.node,
    `${run}/${node.node}`,
    `${stand.environment}/${node.node}`,
    `${run}/${stand.scope}/${node.node}`,
  ];
  const meant = all.filter((each) => wordsFor(each).includes(word));
  const [first] = meant;
  if (first !== undefined && meant.length === 1) return first;
  const precise = (found: readonly FoundNode[]) =>
    found.map(({ run, stand, node }) => `${run}/${stand.scope}/${node.node}`).join(", ");
  if (first !== undefined)
    throw new DeclarationError({
      code: "which-node",
      seen: `"${word}" is the name of several nodes that are kept`,
      hint: `say which: ${precise(meant)}`,
    });
  const guess = nearest(word, all.flatMap(wordsFor));
  throw new DeclarationError({
    code: "no-such-node",
    seen: `no node "${word}" is kept`,
    hint:
      guess !== undefined
        ? `did you mean "${guess}"?`
        : all.length === 0
          ? "nothing is: assay up <environment> stands one up, assay run --keep leaves what failed"
          : `there are ${precise(all)}`,
  });
}

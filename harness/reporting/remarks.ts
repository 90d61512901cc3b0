// Decides what teardown remarked: what it saw on the nodes while it took them down, and what it could not keep of them. Of no bearing on the
// verdict.
import type { Report } from "./report.ts";

export interface Remark {
  /** `environment/node`, or the environment's name. */
  readonly where: string;
  readonly text: string;
}

/** In the order of the report's stand-ups. A teardown that failed is told elsewhere. */
export function remarksOf({ environments }: Pick<Report, "environments">): readonly Remark[] {
  return environments.flatMap(({ environment, phases, nodes }) =>
    [
      { where: environment, phases },
      ...nodes.map((each) => ({ ...each, where: `${environment}/${each.node}` })),
    ].flatMap(({ where, phases: own }) =>
      own.flatMap(({ phase, state, detail }) =>
        phase !== "destroy" || state === "failed" || detail === undefined ? [] : [{ where, text: detail }],
      ),
    ),
  );
}

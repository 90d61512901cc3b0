// Decides how what was left standing is told: how each node is reached, and when it ends.
import { oneLine } from "./escape.ts";
import type { Report } from "./report.ts";

/** `until 15:04:05`, or `until it is taken down`. */
export function sayUntil(until: number | undefined): string {
  if (until === undefined) return "until it is taken down";
  const [day, time] = [new Date(until).toDateString(), new Date(until).toTimeString().slice(0, 8)];
  return day === new Date().toDateString() ? `until ${time}` : `until ${day}, ${time}`;
}

/** One line a node, then how it all ends. */
export function keptLines(run: string, { until, stands }: NonNullable<Report["teardown"]["kept"]>): string[] {
  const several = stands.length > 1;
  return [
    ...stands.flatMap(({ environment, scope, nodes }) =>
      nodes.map(({ node, kind, name, on, reach = [] }) => {
        const where = on === undefined ? "" : ` on ${on}`;
        const word = several ? `${run}/${scope}/${node}` : `${run}/${node}`;
        return oneLine(
          [`kept      assay shell ${word}`, `${kind} ${environment}/${node}${where}, ${name}`, ...reach].join("  "),
        );
      }),
    ),
    `          ${sayUntil(until === undefined ? undefined : Date.parse(until))}; assay down ${run} ends it now`,
  ];
}

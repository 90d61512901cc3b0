// Decides how a plan is told, in the manner that people know from terraform.
import type { Plan } from "../lifecycle/plan.ts";
import type { KeptStand } from "../model/event.ts";
import { oneLine } from "../reporting/escape.ts";

const signs = { create: "  +", destroy: "  -", replace: "-/+" } as const;

/**
 * A line a change, and what it comes to.
 * @example
 * // studio:
 * //   + vm dev-003
 * //   1 unchanged
 * // plan: 1 to create, 0 to replace, 0 to destroy
 */
export function planLines(name: string, { changes, unchanged }: Plan): readonly string[] {
  const count = (action: keyof typeof signs) => changes.filter((change) => change.action === action).length;
  return [
    `${name}:`,
    ...changes.map(({ action, kind, name: thing, because }) =>
      [`${signs[action]} ${kind} ${thing}`, ...(because.length === 0 ? [] : [oneLine(because.join("; "))])].join("  "),
    ),
    ...(unchanged === 0 ? [] : [`    ${unchanged} unchanged`]),
    `plan: ${count("create")} to create, ${count("replace")} to replace, ${count("destroy")} to destroy`,
  ];
}

/** What goes when these stand no more, networks and volumes by their declared names. */
export function goesWith(run: string, stands: readonly KeptStand[]): Plan {
  const changes = stands.flatMap(({ environment, scope, nodes, resources }) => {
    const shared = ["network", "volume"] as const;
    const found = shared.flatMap((kind) => {
      const start = `${kind} assay-${run}-${scope}-${environment}-`;
      const names = resources.flatMap((each) => (each.startsWith(start) ? [each.slice(start.length)] : []));
      // The engine's part and libvirt's part of one network have one name.
      return [...new Set(names.map((each) => each.replace(/^(net|lan|vol)_/, "")))].map((name) => ({ kind, name }));
    });
    const all = [...found, ...nodes.map(({ node, kind }) => ({ kind, name: node }))];
    return all.map((each) => ({ action: "destroy" as const, ...each, because: [] }));
  });
  return { changes, unchanged: 0 };
}

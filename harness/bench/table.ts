// Decides how measurements are shown: what was asked for, what was measured, and whether that is met. A peer that could not
// be had is told with its reason, and its row is then neither met nor not met.
import { ratioOf, type Sample } from "./sample.ts";

export interface Row {
  /** What both sides did: `300 file assertions on a running container`. */
  readonly work: string;
  /** How Assay did it, and how the peer did. */
  readonly ours: { readonly by: string; readonly sample: Sample };
  readonly peer: { readonly by: string; readonly sample: Sample } | { readonly by: string; readonly missing: string };
  /** Highest ratio that is good enough; absent for a row that only informs. */
  readonly target?: number;
}

export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** What was measured with: name → version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** `met`, `not met`, `for information` or `peer missing`. */
export function verdictOf(row: Row): "met" | "not met" | "for information" | "peer missing" {
  if ("missing" in row.peer) return "peer missing";
  if (row.target === undefined) return "for information";
  return ratioOf(row.ours.sample, row.peer.sample) <= row.target ? "met" : "not met";
}

const head = ["Work", "Assay", "Peer", "Ratio", "Target", "Verdict"] as const;

/** Lines for a terminal, columns aligned. */
export function plainTable(rows: readonly Row[]): string {
  const cells = [head, ...rows.map(cellsOf)];
  const widths = head.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A whole page in Markdown: table, how each side did its work, the machine. */
export function markdownPage(rows: readonly Row[], machine: Machine): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const how = rows.flatMap(({ work, ours, peer }) => [
    `- ${work}`,
    `  - Assay: ${ours.by}; ${ours.sample.rounds} rounds`,
    `  - Peer: ${peer.by}${"missing" in peer ? `; missing: ${peer.missing}` : `; ${peer.sample.rounds} rounds`}`,
  ]);
  return [
    "# Assay against the same work by other means",
    "",
    "Medians in milliseconds, with the quartiles behind them. Both sides did the same work in the same run, by turns, after",
    "warm-up. Only the ratios mean something on another machine.",
    "",
    line(head),
    line(head.map(() => "---")),
    ...rows.map((row) => line(cellsOf(row))),
    "",
    ...how,
    "",
    `Machine: ${machine.cpus} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB. ` +
      `With ${Object.entries(machine.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(", ")}.`,
    "",
  ].join("\n");
}

function cellsOf(row: Row): string[] {
  const { work, ours, peer, target } = row;
  const ratio = "missing" in peer ? "–" : ratioOf(ours.sample, peer.sample).toFixed(2);
  return [
    work,
    sayTimes(ours.sample),
    "missing" in peer ? "missing" : sayTimes(peer.sample),
    ratio,
    target === undefined ? "–" : `≤ ${target.toFixed(1)}`,
    verdictOf(row),
  ];
}

function sayTimes({ median, lower, upper }: Sample): string {
  const digits = median < 100 ? 1 : 0;
  return `${median.toFixed(digits)} (${lower.toFixed(digits)}–${upper.toFixed(digits)})`;
}

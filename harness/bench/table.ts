// Decides how measurements are shown: what was asked for, what was measured, and whether that is met. A peer that could not
// be had is told with its reason, and its row is then neither met nor not met.
import { ratioOf, type Sample } from "./sample.ts";

type Side = { readonly by: string; readonly sample: Sample } | { readonly by: string; readonly missing: string };

export interface Row {
  /** What both sides did: `300 file assertions on a running container`. */
  readonly work: string;
  /** How Assay did it, and how the peer did; no peer where a limit is all that was asked for. */
  readonly ours: Side;
  readonly peer?: Side;
  /** Highest ratio that is good enough; with neither this nor a limit a row only informs. */
  readonly target?: number;
  /** Highest median of ours that is good enough, in `unit`. */
  readonly limit?: number;
  /** Of the numbers; default `ms`. */
  readonly unit?: "ms" | "MiB" | "%";
  /** The machine's load average when it was measured, lowest and highest: others may have been at work. */
  readonly load?: readonly [number, number];
}

export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  /** What was measured with: name → version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** `met`, `not met`, `for information`, `peer missing`, or `not measured` where ours is missing. */
export function verdictOf(row: Row): "met" | "not met" | "for information" | "peer missing" | "not measured" {
  const { ours, peer, target, limit } = row;
  if ("missing" in ours) return "not measured";
  if (limit !== undefined && ours.sample.median > limit) return "not met";
  if (peer !== undefined && "missing" in peer) return "peer missing";
  if (peer !== undefined && target !== undefined)
    return ratioOf(ours.sample, peer.sample) <= target ? "met" : "not met";
  return limit === undefined ? "for information" : "met";
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

/** One part of the page in Markdown: table, how each side did its work, the machine. */
export function markdownPart(rows: readonly Row[], machine: Machine): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const told = (name: string, side: Side) =>
    `  - ${name}: ${side.by}; ${"missing" in side ? `missing: ${side.missing}` : roundsOf(side.sample)}`;
  const how = rows.flatMap(({ work, ours, peer, load }) => [
    `- ${work}${load === undefined ? "" : ` (load average ${load.map((each) => each.toFixed(1)).join(" to ")})`}`,
    told("Assay", ours),
    ...(peer === undefined ? [] : [told("Peer", peer)]),
  ]);
  return [
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

function roundsOf({ rounds }: Sample): string {
  return rounds === 1 ? "1 round" : `${rounds} rounds`;
}

function cellsOf(row: Row): string[] {
  const { work, ours, peer, target, limit, unit = "ms" } = row;
  const cell = (side: Side | undefined) =>
    side === undefined
      ? "–"
      : "missing" in side
        ? "missing"
        : `${sayTimes(side.sample)}${unit === "ms" ? "" : ` ${unit}`}`;
  const both = peer !== undefined && "sample" in peer && "sample" in ours;
  const targets = [
    ...(target === undefined ? [] : [`≤ ${Number.isInteger(target * 10) ? target.toFixed(1) : target.toFixed(2)}`]),
    ...(limit === undefined ? [] : [`≤ ${limit} ${unit}`]),
  ];
  return [
    work,
    cell(ours),
    cell(peer),
    both ? ratioOf(ours.sample, peer.sample).toFixed(2) : "–",
    targets.length === 0 ? "–" : targets.join(", "),
    verdictOf(row),
  ];
}

function sayTimes({ median, lower, upper }: Sample): string {
  const digits = median < 100 ? 1 : 0;
  return `${median.toFixed(digits)} (${lower.toFixed(digits)}–${upper.toFixed(digits)})`;
}

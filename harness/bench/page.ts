// Decides what the bench leaves behind: its numbers, and made of them a page and a chart. A part that is measured anew replaces
// what was there of it; the others stay.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chartOf } from "./chart.ts";
import { type Machine, markdownPart, type Row } from "./table.ts";

/** What was measured at one time: `Containers`, `Machines`. */
export interface BenchPart {
  readonly rows: readonly Row[];
  readonly machine: Machine;
}

/** By their titles. */
export type BenchParts = Readonly<Record<string, BenchPart>>;

const opening = [
  "# Assay against the same work by other means",
  "",
  "Medians in milliseconds where nothing else is said, with the quartiles behind them. Both sides did the same work in the same",
  "run, by turns, after warm-up. Only the ratios mean something on another machine.",
  "",
  "![How long Assay takes for the same work, as a part of what the peer takes](bench.svg)",
].join("\n");

/** Writes `bench.json`, `bench.md` and `bench.svg` in a directory; answers the page's path. */
export function keepPart(directory: string, title: string, part: BenchPart): string {
  const numbers = join(directory, "bench.json");
  const before = existsSync(numbers) ? (JSON.parse(readFileSync(numbers, "utf8")) as BenchParts) : {};
  const parts = withPart(before, title, part);
  writeFileSync(numbers, `${JSON.stringify(parts, null, 2)}\n`);
  writeFileSync(join(directory, "bench.svg"), chartOf(Object.values(parts).flatMap(({ rows }) => rows)));
  const page = join(directory, "bench.md");
  writeFileSync(page, pageOf(parts));
  return page;
}

/** In the order of their titles. */
export function withPart(parts: BenchParts, title: string, part: BenchPart): BenchParts {
  return Object.fromEntries(Object.entries({ ...parts, [title]: part }).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** All parts in Markdown. */
export function pageOf(parts: BenchParts): string {
  const told = Object.entries(parts).map(
    ([title, { rows, machine }]) => `## ${title}\n\n${markdownPart(rows, machine).trim()}`,
  );
  return `${[opening, ...told].join("\n\n")}\n`;
}

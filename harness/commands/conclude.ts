// Decides how a run's events become its report and its last words. Loaded while the specs run, so that neither start nor end
// waits for it.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { RunEvent } from "../model/event.ts";
import { linkTo } from "../reporting/link.ts";
import { type Report, reportOf } from "../reporting/report.ts";
import { verdictLines } from "../reporting/verdict.ts";
import { writeReport } from "../reporting/write.ts";
import { linesForCi } from "./ci.ts";

export interface Concluding {
  readonly color: boolean;
  readonly links?: string | undefined;
  readonly aside: boolean;
  readonly json: boolean;
  /** What else is made of the report once it lies there; answers lines that say so. */
  readonly pack?: (report: Report) => Promise<readonly string[]>;
}

/**
 * Writes the report into `directory`, prints the verdict and where the report is, `aside` on standard error; with `json` the report itself too. `links`:
 * the directory that places are relative to, where they are to be links.
 */
export async function conclude(
  events: readonly RunEvent[],
  directory: string,
  { color, links, aside, json, pack }: Concluding,
): Promise<Report> {
  const concluded = reportOf(events);
  const paths = await writeReport(directory, concluded);
  const where = relative(process.cwd(), paths.html);
  const link = links === undefined ? undefined : linkTo(links);
  const packed = (await pack?.(concluded)) ?? [];
  const verdict = verdictLines(concluded, { color, where, page: paths.html, link });
  const lines = `${linesForCi(concluded, [...packed, ...verdict]).join("\n")}\n`;
  (aside ? process.stderr : process.stdout).write(lines);
  if (json) process.stdout.write(readFileSync(paths.json, "utf8"));
  return concluded;
}

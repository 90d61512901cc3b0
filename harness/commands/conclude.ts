// Decides how a run's events become its report and its last words. Loaded while the specs run, so that neither start nor end
// waits for it.
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import type { RunEvent } from "../model/event.ts";
import { type Report, reportOf } from "../reporting/report.ts";
import { verdictLines } from "../reporting/verdict.ts";
import { writeReport } from "../reporting/write.ts";

/** Writes the report into `directory`, prints the verdict and where the report is; with `json` that on standard error, and the report itself. */
export async function conclude(
  events: readonly RunEvent[],
  directory: string,
  { color, json }: { readonly color: boolean; readonly json: boolean },
): Promise<Report> {
  const concluded = reportOf(events);
  const paths = await writeReport(directory, concluded);
  const where = relative(process.cwd(), paths.html);
  const lines = `${verdictLines(concluded, { color, where }).join("\n")}\n`;
  if (json) {
    process.stderr.write(lines);
    process.stdout.write(readFileSync(paths.json, "utf8"));
  } else process.stdout.write(lines);
  return concluded;
}

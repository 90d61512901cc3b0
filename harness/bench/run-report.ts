// Decides how a bench reads what a run of its own told: the one report in a directory that is that run's alone. Refuses to guess among several.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Report, reportSchema } from "../reporting/report.ts";

/** The report of the run that was started with `ASSAY_REPORTS` set to `directory`; it is taken away, so that the next run is alone again. */
export function takeReport(directory: string): Report {
  const [run, another] = readdirSync(directory);
  if (run === undefined || another !== undefined)
    throw new Error(`${directory} has ${run === undefined ? "no report" : "reports of several runs"}`);
  const report = reportSchema.parse(JSON.parse(readFileSync(join(directory, run, "report.json"), "utf8")));
  rmSync(join(directory, run), { recursive: true });
  return report;
}

// Decides what a CI service is told beside the report, where it says by its variables that it reads it: GitHub's jobs get annotations and
// a summary on the job's page. Refuses to fail a run for it.
import { appendFileSync } from "node:fs";
import { messageOf } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { annotationLines, fenced } from "../reporting/annotations.ts";
import type { Report } from "../reporting/report.ts";
import { summaryOf } from "../reporting/summary.ts";

/** A run's last lines as that service is to see them, with what else it reads. `lines` are without newlines. */
export function linesForCi(report: Report, lines: readonly string[], env: NodeJS.ProcessEnv = process.env): string[] {
  // A run that a test of a run makes is that test's business, and nobody's job.
  if (env["GITHUB_ACTIONS"] !== "true" || env["ASSAY_WITHIN"] !== undefined) return [...lines];
  const summary = env["GITHUB_STEP_SUMMARY"] ?? "";
  const troubles: string[] = [];
  if (summary !== "") {
    try {
      appendFileSync(summary, redact(summaryOf(report)));
    } catch (error) {
      troubles.push(`the job's summary could not be written: ${messageOf(error)}`);
    }
  }
  return [...fenced([...troubles, ...lines]), ...annotationLines(report).map(redact)];
}

// Decides how `assay merge` reads reports that were made elsewhere and writes the one that they are together, with their evidence.
// Refuses what is no report: a file of somebody else's is read by the schema, and its words never become a path.
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { readConfig } from "../config.ts";
import { DeclarationError } from "../model/errors.ts";
import { mergeReports, type ReportAt } from "../reporting/merge.ts";
import { readReport } from "../reporting/read.ts";
import { verdictLines } from "../reporting/verdict.ts";
import { writeReport } from "../reporting/write.ts";
import { linesForCi } from "./ci.ts";

/**
 * `assay merge <report…>`: each a `report.json` or the directory it is in. Prints the verdict of all, with `json` the merged report and
 * nothing else. The exit code is the merged report's; a `DeclarationError` (codes `no-report`, `bad-report`, those of `mergeReports`)
 * for what cannot be merged, and then nothing is written.
 */
export async function mergeCommand(
  words: readonly string[],
  options: { readonly out?: string; readonly json?: boolean },
): Promise<number> {
  const config = readConfig();
  const given = words.map(reportAt);
  const run = `merged-${Math.floor(Date.now() / 1000).toString(36)}${randomBytes(2).toString("hex")}`;
  const merged = mergeReports(given, run);
  const out = resolve(options.out ?? join(config.runs, run));
  if (existsSync(join(out, "report.json")))
    throw new DeclarationError({
      code: "taken",
      seen: `${out} holds a report already`,
      hint: "give another directory to --out",
    });
  for (const { report, at } of given) takeEvidence(report.run, dirname(at), out);
  const paths = await writeReport(out, merged);
  if (options.json === true) process.stdout.write(readFileSync(paths.json, "utf8"));
  else {
    const where = relative(process.cwd(), paths.html);
    process.stdout.write(`${linesForCi(merged, verdictLines(merged, { color: config.color, where })).join("\n")}\n`);
  }
  return merged.exitCode;
}

/** A `report.json`, or the directory it is in. */
export function reportAt(word: string): ReportAt {
  const given = resolve(word);
  const at = (statSync(given, { throwIfNoEntry: false })?.isDirectory() ?? false) ? join(given, "report.json") : given;
  return { report: readReport(at), at };
}

/** What a CI job kept is often the report alone: then its evidence stays where it was. */
function takeEvidence(run: string, from: string, out: string): void {
  const evidence = join(from, "evidence");
  if (!existsSync(evidence)) return;
  // Links are copied as they are, not followed: they may lead anywhere.
  cpSync(evidence, join(out, "evidence", run), { recursive: true, verbatimSymlinks: true });
}

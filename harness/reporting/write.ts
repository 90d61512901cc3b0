// Decides what a run's directory holds at the end: the report and what is rendered from it, each whole or not there.
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ReportError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { ctrfOf } from "./ctrf.ts";
import { redactMarkup } from "./escape.ts";
import { excerptsIn } from "./excerpt.ts";
import { htmlOf, type PageOptions } from "./html.ts";
import { junitOf } from "./junit.ts";
import { type Report, reportSchema } from "./report.ts";
import { sarifOf } from "./sarif.ts";
import { summaryOf } from "./summary.ts";
import { tapOf } from "./tap.ts";

/** What a page shows beside what lies in the run's directory. */
export type Beside = Pick<PageOptions, "compared" | "diffs">;

/** Absolute paths of what was written, when `directory` is absolute. */
export interface ReportPaths {
  readonly json: string;
  readonly junit: string;
  readonly summary: string;
  readonly html: string;
  readonly ctrf: string;
  readonly tap: string;
  readonly sarif: string;
}

/**
 * Writes `report.json`, `junit.xml`, `summary.md`, `index.html`, `ctrf.json`, `results.tap` and `results.sarif`. Registered secrets are redacted once more on the way
 * out. Rejects with a `ReportError`: code `bad-report` when the report breaks its own schema (nothing is written then),
 * `unwritable` when the directory cannot be written. Idempotent; a reader never sees half a file.
 *
 * @example
 * const paths = await writeReport("reports/runs/k3f9", reportOf(events));
 */
export async function writeReport(directory: string, report: Report): Promise<ReportPaths> {
  // One report a process: compiling the schema first would cost more than reading it.
  const read = reportSchema.safeParse(report, { jitless: true });
  if (!read.success) {
    throw new ReportError({
      code: "bad-report",
      phase: "report",
      seen: `the report breaks its schema: ${read.error.issues
        .slice(0, 5)
        .map(({ path, message }) => `${path.join(".")}: ${message}`)
        .join("; ")}`,
      hint: "this is a fault of Assay; please report it with the run's events",
      cause: read.error,
    });
  }
  const paths = {
    json: join(directory, "report.json"),
    junit: join(directory, "junit.xml"),
    summary: join(directory, "summary.md"),
    html: join(directory, "index.html"),
    ctrf: join(directory, "ctrf.json"),
    tap: join(directory, "results.tap"),
    sarif: join(directory, "results.sarif"),
  };
  const texts: readonly (readonly [path: string, text: string])[] = [
    [paths.json, redactedJson(report)],
    // The texts of these were made plain one by one; redacted as a whole they could be no JSON any more.
    [paths.ctrf, ctrfOf(report)],
    [paths.sarif, sarifOf(report)],
    [paths.tap, redact(tapOf(report))],
    [paths.junit, redactMarkup(junitOf(report))],
    [paths.summary, redact(summaryOf(report))],
    [paths.html, pageOf(directory, report)],
  ];
  await put(directory, texts);
  return paths;
}

/** Writes `index.html` anew, of a report that is in `directory` already; answers its path. Rejects as `writeReport` does. */
export async function writePage(directory: string, report: Report, beside: Beside): Promise<string> {
  const path = join(directory, "index.html");
  await put(directory, [[path, pageOf(directory, report, beside)]]);
  return path;
}

/** The text of `index.html` of a report whose evidence lies in `directory`. */
export function pageOf(directory: string, report: Report, beside: Beside = {}): string {
  return redactMarkup(htmlOf(report, { ...beside, excerpts: excerptsIn(report, directory) }));
}

async function put(directory: string, texts: readonly (readonly [path: string, text: string])[]): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await Promise.all(texts.map(([path, text]) => replace(path, text)));
  } catch (error) {
    throw new ReportError({
      code: "unwritable",
      phase: "report",
      seen: `the report could not be written to ${directory}: ${messageOf(error)}`,
      hint: "free disk space there, or make the directory writable",
      cause: error,
    });
  }
}

/**
 * A secret that happens to be one of the report's own words (`passed`) would break the document when redacted in it.
 * Foreign texts were redacted one by one before, so the document stands then.
 */
function redactedJson(report: Report): string {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  const redacted = redact(text);
  if (redacted === text) return text;
  try {
    return reportSchema.safeParse(JSON.parse(redacted)).success ? redacted : text;
  } catch {
    return text;
  }
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await open(temporary, "w", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

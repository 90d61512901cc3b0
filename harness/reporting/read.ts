// Decides how reports, and differences of images, are read from files of whoever wrote them. Words in a report never become a path.
import { type DiffDocument, diffDocumentSchema } from "../diff/violations.ts";
import { badDocument, type DocumentKind, type Misshapen, readDocument, shapeOf } from "./document.ts";
import { type Report, reportSchema } from "./report.ts";

const report: DocumentKind = { noun: "report", hint: "name report.json of a run, or the directory it is in" };
const diff: DocumentKind = { noun: "diff", hint: "assay diff <old> <new> --json writes one" };
const otherVersion = "reports of another version of Assay may have another shape: see reports/report.schema.json";

/**
 * The report in a file. A `DeclarationError`: `no-report` where there is no file, `not-a-file`, `too-large` (nothing of it is read then),
 * `bad-report` with the place in it.
 * @example readReport("reports/runs/k3f9x2/report.json").verdict
 */
export function readReport(path: string): Report {
  const read = reportIn(readDocument(path, report).document);
  if (read.wrong !== undefined) throw badDocument(path, { ...report, hint: otherVersion }, read.wrong.says);
  return read.data;
}

/** What was read as a report, or why it is none. The same answer for all who ask. */
export function reportIn(
  document: unknown,
): { readonly data: Report; readonly wrong?: never } | { readonly wrong: Misshapen } {
  const read = shapeOf(reportSchema, document);
  // It names directories and is put into commands.
  if (read.wrong === undefined && !/^[\w-]{1,64}$/.test(read.data.run))
    return { wrong: { code: "bad-shape", says: "run: no run is called so" } };
  return read;
}

/** What `assay diff --json` printed. A `DeclarationError` (`no-diff`, `not-a-file`, `too-large`, `bad-diff`). */
export function readDiff(path: string): DiffDocument {
  const read = shapeOf(diffDocumentSchema, readDocument(path, diff).document);
  if (read.wrong !== undefined) throw badDocument(path, diff, read.wrong.says);
  return read.data;
}

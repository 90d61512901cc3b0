// Decides how reports, and differences of images, are read from files of whoever wrote them. Words in a report never become a path.
import { type DiffDocument, diffDocumentSchema } from "../diff/violations.ts";
import { badDocument, type DocumentKind, type ReadDocument, readDocument } from "./document.ts";
import type { Report } from "./report.ts";
import { reportIn, shapeOf } from "./shape.ts";

const report: DocumentKind = { noun: "report", hint: "name report.json of a run, or the directory it is in" };
const diff: DocumentKind = { noun: "diff", hint: "assay diff <old> <new> --json writes one" };
const otherVersion = "reports of another version of Assay may have another shape: see reports/report.schema.json";

/** What a report's file holds, whatever its shape, and SHA-256 over its bytes. A `DeclarationError` as `readReport`'s. */
export function readReportDocument(path: string): ReadDocument {
  return readDocument(path, report);
}

/**
 * The report in a file. A `DeclarationError`: `no-report` where there is no file, `not-a-file`, `too-large` (nothing of it is read then),
 * `bad-report` with the place in it.
 * @example readReport("reports/runs/k3f9x2/report.json").verdict
 */
export function readReport(path: string): Report {
  return readDigested(path).report;
}

/** As `readReport`, with SHA-256 over the bytes it was read from, hexadecimal: what statements name it by. */
export function readDigested(path: string): { readonly report: Report; readonly sha256: string } {
  const { document, sha256 } = readDocument(path, report);
  const read = reportIn(document);
  if (read.wrong !== undefined) throw badDocument(path, { ...report, hint: otherVersion }, read.wrong.says);
  return { report: read.data, sha256 };
}

/** What `assay diff --json` printed. A `DeclarationError` (`no-diff`, `not-a-file`, `too-large`, `bad-diff`). */
export function readDiff(path: string): DiffDocument {
  const read = shapeOf(diffDocumentSchema, readDocument(path, diff).document);
  if (read.wrong !== undefined) throw badDocument(path, diff, read.wrong.says);
  return read.data;
}

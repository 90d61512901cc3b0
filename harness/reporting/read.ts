// Decides whether a file is a report, before anything is believed of it. Its size is bounded, then its shape is; half a one, one of another
// version and one that something else made are refused with what is wrong and where. Words in it never become a path.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { oneLine } from "./escape.ts";
import { type Report, reportSchema } from "./report.ts";

/** A report of two thousand checks has two MiB. */
const mostBytes = 64 * 1024 ** 2;
/** Values in it: a check has ten. What is wrong with each of them would be told, and told in memory first. */
const mostValues = 1_000_000;

/**
 * The report in a file. A `DeclarationError`: `no-report` where there is no file, `not-a-file`, `too-large` (nothing of it is read then),
 * `bad-report` with the place in it.
 * @example readReport("reports/runs/k3f9x2/report.json").verdict
 */
export function readReport(path: string, most = mostBytes): Report {
  const document = parsed(path, textOf(path, most));
  const read = judged(path, document);
  if (!read.success) {
    const { schemaVersion } = (document ?? {}) as { readonly schemaVersion?: unknown };
    const [issue] = read.error.issues;
    const other = schemaVersion !== undefined && schemaVersion !== 1;
    throw bad(
      path,
      other
        ? `its schemaVersion is ${oneLine(JSON.stringify(schemaVersion), 40)}, and this Assay reads 1`
        : `${oneLine(issue?.path.join(".") || "the document", 200)}: ${oneLine(issue?.message ?? "", 200)}`,
      "reports of another version of Assay may have another shape: see reports/report.schema.json",
    );
  }
  // It names directories and is put into commands.
  if (!/^[\w-]{1,64}$/.test(read.data.run)) throw bad(path, "it has a run that no run is called");
  return read.data;
}

function judged(path: string, document: unknown) {
  try {
    return reportSchema.safeParse(document, { jitless: true });
  } catch (error) {
    // A list of hundreds of thousands of wrong things is more than zod can join.
    throw bad(path, "more is wrong in it than can be told", undefined, error);
  }
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const ends = /Unexpected end|Unterminated|Expected .* at position (\d+)/.exec(messageOf(error));
    const cut = ends !== null && (ends[1] === undefined || Number(ends[1]) >= text.trimEnd().length - 1);
    const seen = cut
      ? `it ends in the middle, after ${text.length} characters: only a part of it was written or copied`
      : oneLine(messageOf(error), 200);
    throw bad(path, seen, "name report.json of a run, or the directory it is in", error);
  }
}

/** Not followed by what it was a moment ago: the open file is asked, and no more is read than was allowed. */
function textOf(path: string, most: number): string {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const missing = ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
    throw new DeclarationError({
      code: missing ? "no-report" : "unreadable",
      seen: missing ? `there is no ${path}` : `${path} cannot be read: ${messageOf(error)}`,
      hint: "name report.json of a run, or the directory it is in",
      cause: error,
    });
  }
  try {
    const facts = fstatSync(file);
    if (!facts.isFile())
      throw new DeclarationError({ code: "not-a-file", seen: `${path} is no file`, hint: "name report.json of a run" });
    if (facts.size > most)
      throw new DeclarationError({
        code: "too-large",
        seen: `${path} has ${facts.size} bytes, and no report has more than ${most}`,
        hint: "it was not written by Assay, or something was written behind it",
      });
    const bytes = Buffer.allocUnsafe(facts.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    if (valuesIn(bytes.subarray(0, length)) > mostValues)
      throw new DeclarationError({
        code: "too-large",
        seen: `${path} has more than ${mostValues} values, and no report has that many`,
        hint: "it was not written by Assay",
      });
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}

/** Commas and opening brackets outside strings; more than there are values in what is no JSON, and then that is found next. */
function valuesIn(bytes: Buffer): number {
  let count = 1;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count += 1;
  }
  return count;
}

function bad(path: string, seen: string, hint?: string, cause?: unknown): DeclarationError {
  return new DeclarationError({
    code: "bad-report",
    seen: `${path} is no report: ${seen}`,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

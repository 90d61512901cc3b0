// Decides whether a file is a report, before anything is believed of it. Its size is bounded, then its shape is; half a one, one of another
// version and one that something else made are refused with what is wrong and where. Words in it never become a path.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { oneLine } from "./escape.ts";
import { type Report, reportSchema } from "./report.ts";

/** 64 MiB: a report of two thousand checks has two. Reading it takes some ten times that in memory. */
const mostBytes = 64 * 1024 ** 2;

/**
 * The report in a file. A `DeclarationError`: `no-report` where there is no file, `not-a-file`, `too-large` (nothing of it is read then),
 * `bad-report` with the place in it.
 * @example readReport("reports/runs/k3f9x2/report.json").verdict
 */
export function readReport(path: string, most = mostBytes): Report {
  const document = parsed(path, textOf(path, most));
  const read = reportSchema.safeParse(document, { jitless: true });
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
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}

function bad(path: string, seen: string, hint?: string, cause?: unknown): DeclarationError {
  return new DeclarationError({
    code: "bad-report",
    seen: `${path} is no report: ${seen}`,
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

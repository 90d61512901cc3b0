// Decides whether a file holds a document at all, before anything is believed of it: its size, its number of values and its depth are
// bounded, then it is parsed. What is refused is told in one line. What shape it has is asked in shape.ts.
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { oneLine } from "./escape.ts";

/** What kind of document is wanted. Codes of errors are made of its name: `no-report`, `bad-report`. */
export interface DocumentKind {
  readonly noun: "report" | "diff" | "bundle";
  /** What to do where a file is none. */
  readonly hint: string;
  /** Of the whole file; 64 MiB unless told otherwise. A report of two thousand checks has two MiB. */
  readonly mostBytes?: number;
}

const mostBytes = 64 * 1024 ** 2;
/** A check has ten. What is wrong with each of them would be told, and told in memory first. */
const mostValues = 1_000_000;
/** A report has eight. What goes through a value by calling itself has an end of its stack. */
const mostDeep = 64;

/** A document of any shape, and SHA-256 over the bytes it was read from, hexadecimal. */
export interface ReadDocument {
  readonly document: unknown;
  readonly sha256: string;
}

/**
 * What a file holds, whatever its shape. A `DeclarationError`: `no-<noun>` where there is no file, `unreadable`, `not-a-file`, `too-large`
 * (nothing of it is parsed then), `bad-<noun>` for what is no JSON, half of one, or JSON in which an object has a key twice.
 */
export function readDocument(path: string, kind: DocumentKind): ReadDocument {
  const bytes = readBytes(path, kind);
  const { values, depth, keys } = extentOf(bytes);
  if (values > mostValues)
    throw new DeclarationError({
      code: "too-large",
      seen: `${path} has more than ${mostValues} values, and no ${kind.noun} has that many`,
      hint: "it was not written by Assay",
    });
  if (depth > mostDeep) throw badDocument(path, kind, `its values lie more than ${mostDeep} deep in each other`);
  const document = parsed(path, bytes.toString("utf8"), kind);
  if (keysIn(document) < keys)
    throw badDocument(path, kind, "an object of it has a key twice, and who else reads it may take the other one");
  return { document, sha256: digestOf(bytes) };
}

/** The bytes of a file within its kind's bounds. A `DeclarationError` as `readDocument`'s. */
export function readBytes(path: string, kind: DocumentKind): Buffer {
  const { noun, hint, mostBytes: most = mostBytes } = kind;
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const missing = ["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
    throw new DeclarationError({
      code: missing ? `no-${noun}` : "unreadable",
      seen: missing ? `there is no ${path}` : `${path} cannot be read: ${messageOf(error)}`,
      hint,
      cause: error,
    });
  }
  try {
    // The open file is asked, which may be another one than its name was a moment ago; and no more is read than was allowed.
    const facts = fstatSync(file);
    if (!facts.isFile()) throw new DeclarationError({ code: "not-a-file", seen: `${path} is no file`, hint });
    if (facts.size > most)
      throw new DeclarationError({
        code: "too-large",
        seen: `${path} has ${facts.size} bytes, and no ${noun} has more than ${most}`,
        hint: "it was not written by Assay, or something was written behind it",
      });
    const bytes = Buffer.allocUnsafe(facts.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** The refusal of a file, as all readers of its kind word it. */
export function badDocument(path: string, kind: DocumentKind, seen: string, cause?: unknown): DeclarationError {
  return new DeclarationError({
    code: `bad-${kind.noun}`,
    seen: `${path} is no ${kind.noun}: ${seen}`,
    hint: kind.hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

function parsed(path: string, text: string, kind: DocumentKind): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const ends = /Unexpected end|Unterminated|Expected .* at position (\d+)/.exec(messageOf(error));
    const cut = ends !== null && (ends[1] === undefined || Number(ends[1]) >= text.trimEnd().length - 1);
    const seen = cut
      ? `it ends in the middle, after ${text.length} characters: only a part of it was written or copied`
      : oneLine(messageOf(error), 200);
    throw badDocument(path, kind, seen, error);
  }
}

/** Commas, colons and opening brackets outside strings; more than there are values and keys in what is no JSON, and then that is found next. */
function extentOf(bytes: Buffer): { readonly values: number; readonly depth: number; readonly keys: number } {
  let values = 1;
  let keys = 0;
  let depth = 0;
  let open = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (inString) {
      if (byte === 0x5c) index += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x2c) values += 1;
    else if (byte === 0x3a) keys += 1;
    else if (byte === 0x5b || byte === 0x7b) {
      values += 1;
      open += 1;
      if (open > depth) depth = open;
    } else if (byte === 0x5d || byte === 0x7d) open -= 1;
  }
  return { values, depth, keys };
}

/** Of all objects in it; of those that were written twice one is left. */
function keysIn(document: unknown): number {
  let keys = 0;
  const todo = [document];
  while (todo.length > 0) {
    const next = todo.pop();
    if (typeof next !== "object" || next === null) continue;
    const values: unknown[] = Object.values(next);
    if (!Array.isArray(next)) keys += values.length;
    for (const value of values) if (typeof value === "object") todo.push(value);
  }
  return keys;
}

function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

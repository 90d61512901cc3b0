// Decides how data becomes bytes that can be compared: canonical JSON, and SHA-256 over it. Refuses what JSON cannot say.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

/**
 * JSON with keys in byte order and no white space: equal data gives equal text, on any machine. Keys whose value is
 * `undefined` are left out. A number that JSON has no form for, or a function, is a `TypeError`.
 *
 * @example canonicalJson({ b: 1, a: [true, undefined] }) // '{"a":[true,null],"b":1}'
 */
export function canonicalJson(value: unknown, indent = ""): string {
  return write(value, indent, "");
}

function write(value: unknown, indent: string, margin: string): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${value} has no JSON form`);
  if (["string", "number", "boolean"].includes(typeof value)) return JSON.stringify(value);
  if (typeof value !== "object") throw new TypeError(`a ${typeof value} has no JSON form`);
  const inner = margin + indent;
  const items = Array.isArray(value)
    ? value.map((item) => write(item, indent, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map(([key, item]) => `${JSON.stringify(key)}:${indent === "" ? "" : " "}${write(item, indent, inner)}`);
  const [left, right] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return `${left}${right}`;
  if (indent === "") return `${left}${items.join(",")}${right}`;
  return `${left}\n${inner}${items.join(`,\n${inner}`)}\n${margin}${right}`;
}

/** `sha256:…` of bytes or text. @example digestOf(canonicalJson({ a: 1 })) */
export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** The 64 hexadecimal digits alone: what directories are called. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}

/** As much as is read at once, bytes. */
const piece = 1 << 20;

/**
 * SHA-256 of a file in hexadecimal digits. A file known to be small is read in one go, others a mebibyte at a time. Rejects
 * with the file system's own error.
 */
export async function hashFile(path: string, size = Number.POSITIVE_INFINITY): Promise<string> {
  if (size <= piece) return createHash("sha256").update(readFileSync(path)).digest("hex");
  await using file = await open(path, "r");
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(piece);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
  }
}

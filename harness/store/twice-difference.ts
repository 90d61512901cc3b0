// Decides how two trees of one recipe are compared, and what is known of why they differ. Pure but for reading the files that do.
import { lstat, open } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "./canonical.ts";
import type { Listing } from "./entry-listing.ts";

/** A path at which two builds of one recipe differ. */
export interface Difference {
  readonly path: string;
  /** `only in the first`, `mode 0644 → 0600`, `contents: the same lines in another order` … */
  readonly how: readonly string[];
}

export interface TwiceResult {
  /** Files, their modes, owners, contents and times are the same. */
  readonly same: boolean;
  /** Of the trees. */
  readonly digests: readonly [Digest, Digest];
  readonly differences: readonly Difference[];
}

export interface BuiltTree {
  readonly tree: string;
  readonly listing: Listing;
  /** Newer times are dated back to it, seconds. */
  readonly epochSeconds: number;
}

/** As much of a file as is looked at, bytes. */
const piece = 4 << 20;
const fields = ["name", "type", "mode", "uid", "gid", "size", "sha256", "link", "device"] as const;

/** All paths at which two trees differ, in order. */
export async function differencesOf(first: BuiltTree, second: BuiltTree): Promise<Difference[]> {
  const paths = [...new Set([...first.listing.keys(), ...second.listing.keys()])].sort();
  const found: Difference[] = [];
  for (const path of paths) {
    const [one, other] = [first.listing.get(path), second.listing.get(path)];
    if (one === undefined || other === undefined) {
      found.push({ path, how: [one === undefined ? "only in the second" : "only in the first"] });
      continue;
    }
    const how =
      one === other ? await timesOf(path, first, second) : await lineDifference(path, one, other, first, second);
    if (how.length > 0) found.push({ path, how });
  }
  return found;
}

async function lineDifference(
  path: string,
  one: string,
  other: string,
  first: BuiltTree,
  second: BuiltTree,
): Promise<string[]> {
  const [was, is] = [JSON.parse(one) as unknown[], JSON.parse(other) as unknown[]];
  const how: string[] = [];
  for (const [at, field] of fields.entries()) {
    if (field === "name" || field === "size" || JSON.stringify(was[at]) === JSON.stringify(is[at])) continue;
    if (field === "sha256") {
      // Of another type it is said already; and a link would be followed out of the tree, a pipe waited for.
      if (![was[1], is[1]].every((type) => type === "file")) continue;
      const [a, b] = await Promise.all([beginning(join(first.tree, path)), beginning(join(second.tree, path))]);
      how.push(`contents: ${contentDifference(a, b)}`);
    } else how.push(`${field} ${String(was[at])} → ${String(is[at])}`);
  }
  if (JSON.stringify(was.slice(fields.length)) !== JSON.stringify(is.slice(fields.length)))
    how.push("extended attributes");
  return how;
}

/** Times are no part of a tree's digest, and are part of a layer. */
async function timesOf(path: string, first: BuiltTree, second: BuiltTree): Promise<string[]> {
  const at = async ({ tree, epochSeconds }: BuiltTree) =>
    Math.min(epochSeconds, Math.floor((await lstat(join(tree, path))).mtimeMs / 1000));
  const [one, other] = await Promise.all([at(first), at(second)]);
  return one === other ? [] : [`time ${iso(one)} → ${iso(other)}`];
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

/** Why two contents differ, as far as it shows. */
export function contentDifference(one: Buffer, other: Buffer): string {
  const at = firstDifference(one, other);
  const gzip = (bytes: Buffer) => bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (gzip(one) && gzip(other) && withoutGzipTime(one).equals(withoutGzipTime(other)))
    return "the time in its gzip header";
  if (!one.includes(0) && !other.includes(0)) {
    const [a, b] = [one.toString("latin1"), other.toString("latin1")];
    const sorted = (text: string) => text.split("\n").sort().join("\n");
    if (sorted(a) === sorted(b)) return "the same lines in another order";
    const numbers = (text: string) => text.replace(/\d+/g, "0");
    if (numbers(a) === numbers(b)) return `numbers alone, a time or a process id perhaps, first at byte ${at}`;
    const words = (text: string) => text.replace(/[0-9a-f-]{8,}/gi, "0");
    if (words(a) === words(b)) return `hexadecimal words alone, an id or a hash perhaps, first at byte ${at}`;
  }
  return `${one.length} and ${other.length} bytes, first at byte ${at}`;
}

function withoutGzipTime(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  return copy.fill(0, 4, 8);
}

function firstDifference(one: Buffer, other: Buffer): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at;
  return length;
}

async function beginning(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const buffer = Buffer.alloc(Math.min(piece, (await file.stat()).size));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return buffer.subarray(0, bytesRead);
}

/** For people: a verdict, and a line for each of the first differences. */
export function twiceLines({ same, digests: [one, other], differences }: TwiceResult, most = 40): string[] {
  if (same) return [`built twice from nothing, and the same: ${one}`];
  const more = differences.length - most;
  return [
    one === other
      ? `built twice from nothing; the files are the same, ${one}, and times are not:`
      : `built twice from nothing, and not the same: ${one}, ${other}`,
    ...differences.slice(0, most).map(({ path, how }) => `  ${path}: ${how.join(", ")}`),
    ...(more > 0 ? [`  and ${more} more; --json has all`] : []),
  ];
}

// Decides how an archive's list is read from its bytes, bounded in entries and in what compression may make of them.
// Sources of the formats: POSIX pax and the GNU tar manual; zip's central directory by PKWARE's APPNOTE 4.3.12 and 4.3.16.
import { gunzipSync, inflateRawSync, zstdDecompressSync } from "node:zlib";

export interface ArchiveEntry {
  readonly name: string;
  /** What a link holds. */
  readonly target?: string | undefined;
  readonly hard: boolean;
}
/** The list; or why it cannot be read. */
export type ArchiveSeen = { readonly entries: readonly ArchiveEntry[] } | { readonly flaw: string };

const limits = { entries: 200_000, unpacked: 256 * 1024 ** 2 };

/** Told by the first bytes: zip, gzip, zstd, else tar. Never throws: an archive that cannot be read is a flaw of it. */
export function listArchive(bytes: Buffer): ArchiveSeen {
  try {
    if (bytes.length >= 22 && (bytes.readUInt32LE(0) === 0x04034b50 || bytes.readUInt32LE(0) === 0x06054b50))
      return listZip(bytes);
    if (bytes.length > 6 && bytes.readUIntBE(0, 6) === 0xfd377a585a00)
      return { flaw: "it is xz, which cannot be read here" };
    const gzip = bytes.length > 2 && bytes.readUInt16BE(0) === 0x1f8b;
    const zstd = bytes.length > 4 && bytes.readUInt32LE(0) === 0xfd2fb528;
    const bounded = { maxOutputLength: limits.unpacked };
    const unpacked = gzip ? gunzipSync(bytes, bounded) : zstd ? zstdDecompressSync(bytes, bounded) : bytes;
    if (unpacked.length < block || unpacked.toString("latin1", 257, 262) !== "ustar")
      return { flaw: "it is no tar, plain or with gzip or zstd, and no zip" };
    return { entries: listTar(unpacked) };
  } catch (error) {
    return { flaw: `it cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

const block = 512;
const nothing = Buffer.alloc(block);

/**
 * Walks from header to header up to the first that is empty: contents are skipped, so that a gigabyte of nothing costs nothing. Long
 * names are those of pax (`path`, `linkpath`) and of GNU tar (types L and K). Where programs that unpack it would find the next header in
 * different places, it throws: what one of them sees, another would hide.
 */
function listTar(bytes: Buffer): readonly ArchiveEntry[] {
  const entries: ArchiveEntry[] = [];
  let next: Extended = {};
  for (let at = 0; at < bytes.length; ) {
    const header = bytes.subarray(at, at + block);
    if (header.length < block) throw new Error("it ends within a header");
    if (header.equals(nothing)) return entries;
    const type = header.toString("latin1", 156, 157);
    const size = next.size !== undefined && !"xgLK".includes(type) ? next.size : numberIn(header.subarray(124, 136));
    const contents = bytes.subarray(at + block, at + block + size);
    if (header.toString("latin1", 257, 262) !== "ustar" || !Number.isSafeInteger(size) || contents.length < size)
      throw new Error(`the header at byte ${at} is damaged, or the archive is cut off`);
    if ((size > 0 && (type === "1" || type === "2")) || (type === "S" && header[482] !== 0))
      throw new Error(`the header at byte ${at} is of a link with contents, or of a file with holes`);
    at += block + Math.ceil(size / block) * block;
    if (type === "g" && Object.keys(paxRecords(contents)).length > 0)
      throw new Error("it has names or sizes for all of its entries at once");
    if (type === "g") continue;
    if (type === "x") next = { ...next, ...paxRecords(contents) };
    else if (type === "L") next = { ...next, path: textIn(contents) };
    else if (type === "K") next = { ...next, linkpath: textIn(contents) };
    else {
      const [name, prefix, link] = [header.subarray(0, 100), header.subarray(345, 500), header.subarray(157, 257)].map(
        textIn,
      );
      // GNU tar's own format has times where the prefix would be.
      const long = header[263] === 0x30 && prefix !== "" ? `${prefix}/${name}` : name;
      const target = type === "1" || type === "2" ? (next.linkpath ?? link) : undefined;
      entries.push({ name: next.path ?? long ?? "", hard: type === "1", target });
      if (entries.length > limits.entries) throw new Error(`it has more than ${limits.entries} entries`);
      next = {};
    }
  }
  throw new Error("it has no end");
}

/** Octal, or base 256 where the first bit is set (GNU tar, for what is bigger). */
function numberIn(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) return Number(`0x${field.subarray(1).toString("hex")}`);
  const digits = /^ *([0-7]+)/.exec(field.toString("latin1"))?.[1];
  return digits === undefined ? 0 : Number.parseInt(digits, 8);
}

function textIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? bytes.length : end);
}

/** What an extended header says in the place of the header after it. */
interface Extended {
  path?: string | undefined;
  linkpath?: string | undefined;
  size?: number;
}

/** Records `LENGTH KEY=VALUE\n`. */
function paxRecords(bytes: Buffer): Extended {
  const found: Extended = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    if (space === -1 || !Number.isSafeInteger(length) || length <= 0) throw new Error("an extended header is damaged");
    const [, key, value = ""] =
      /^(path|linkpath|size)=(.*)\n$/s.exec(bytes.toString("utf8", space + 1, at + length)) ?? [];
    if (key === "size") found.size = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    else if (key !== undefined) found[key as "path" | "linkpath"] = value;
    at += length;
  }
  return found;
}

/** The central directory at the end says what is there; of a symbolic link, the contents are its target. */
function listZip(bytes: Buffer): ArchiveSeen {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end === -1 || end + 22 > bytes.length) return { flaw: "it is a zip without its end" };
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count === 0xffff || at === 0xffffffff) return { flaw: "it is a zip64, which cannot be read here" };
  const entries: ArchiveEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== 0x02014b50) return { flaw: "its list of entries is damaged" };
    const nameLength = bytes.readUInt16LE(at + 28);
    const next = at + 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (next > end) return { flaw: "its list of entries is damaged" };
    // Made by a unix: the upper half of the attributes is the mode.
    const link = bytes[at + 5] === 3 && bytes.readUInt16LE(at + 40) >> 12 === 0o12;
    const target = link ? zipTarget(bytes, at) : undefined;
    entries.push({ name: bytes.toString("utf8", at + 46, at + 46 + nameLength), hard: false, target });
    at = next;
  }
  return { entries };
}

/** More than any kernel takes as the target of a link. */
const targetLimit = 64 * 1024;

/** The contents of the entry whose record in the directory is at `at`, stored or deflated. Throws where they cannot be read. */
function zipTarget(bytes: Buffer, at: number): string {
  const method = bytes.readUInt16LE(at + 10);
  const header = bytes.readUInt32LE(at + 42);
  const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
  const contents = bytes.subarray(start, start + bytes.readUInt32LE(at + 20));
  if (contents.length > targetLimit) throw new Error("a link in it is longer than any link");
  if (method === 0) return contents.toString("utf8");
  if (method !== 8) throw new Error(`a link in it is compressed in a way that is not known (${method})`);
  return inflateRawSync(contents, { maxOutputLength: targetLimit }).toString("utf8");
}

// Decides what an rpm header says: the record of one package, as its database keeps it. Pure, of its bytes. Refuses a header of which
// anything is not as it must be: counts, places, text without an end, values that lie over each other, a digest that is not its own.
import { createHash } from "node:crypto";

/** A header, or a database of headers, that is not whole; its message says what was seen. */
export class DamagedRpm extends Error {}

/** One package's record. Values by rpm's tag numbers; `[]` where it has none. A value of another type than is asked for is damage. */
export interface RpmHeader {
  texts(tag: number): readonly string[];
  numbers(tag: number): readonly number[];
}

interface Place {
  readonly type: number;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

const mostBytes = 0x0fff_ffff;
const mostEntries = 0xffff;
/** Of one tag, where each is read: the biggest packages bring some hundred thousand files. */
const mostValues = 2 ** 20;
const entryBytes = 16;
const region = 63;
const firstTag = 100;
/** Bytes of one value by its type: null, character, 8, 16, 32, 64 bits, text, bytes, list of texts, text in several languages. */
const widths = [0, 1, 1, 2, 4, 8, 0, 1, 0, 0] as const;
const alignments = [1, 1, 1, 2, 4, 8, 1, 1, 1, 1] as const;
const single = 6;
const bytesType = 7;
const texts: readonly number[] = [single, 8, 9];
const magic = Buffer.from("8eade80100000000", "hex");
const digests = [
  [273, "sha256"],
  [269, "sha1"],
] as const;

/**
 * Of the bytes of a header: two numbers of 4 bytes, how many entries and how many bytes of data; entries of 16 bytes: tag, type, place in
 * the data, count; the data. All big-endian. As rpm's manual has it (docs/manual: "Package format", "Immutable header regions") and
 * `lib/header.c` checks it. The part that came with the package is held against the digest that is kept beside it, where there is one. Nothing
 * is allocated by what it says. Throws `DamagedRpm`.
 * @example readHeader(blob).texts(1000) // ["bash"]
 */
export function readHeader(blob: Buffer): RpmHeader {
  if (blob.length < 8) throw new DamagedRpm(`a header of ${blob.length} bytes`);
  if (blob.length > mostBytes) throw new DamagedRpm(`a header of ${blob.length} bytes; rpm itself allows ${mostBytes}`);
  const [entries, bytes] = [blob.readUInt32BE(0), blob.readUInt32BE(4)];
  if (entries < 1 || entries > mostEntries || 8 + entries * entryBytes + bytes !== blob.length)
    throw new DamagedRpm(`a header of ${blob.length} bytes that says ${entries} entries and ${bytes} bytes of data`);
  const data = blob.subarray(8 + entries * entryBytes);
  const whole = regionOf(blob, entries, data);
  const places = new Map<number, Place>();
  let end = 0;
  for (let at = whole === undefined ? 0 : 1; at < entries; at += 1) {
    const from = 8 + at * entryBytes;
    const [tag, type] = [blob.readUInt32BE(from), blob.readUInt32BE(from + 4)];
    const [start, count] = [blob.readUInt32BE(from + 8), blob.readUInt32BE(from + 12)];
    const wrong = (why: string) => new DamagedRpm(`entry ${at} of ${entries} (tag ${tag}): ${why}`);
    const alignment = alignments[type];
    if (tag < firstTag) throw wrong("a tag that no package has");
    if (alignment === undefined || type === 0) throw wrong(`type ${type}`);
    if (start % alignment !== 0) throw wrong(`its data begin at ${start}, which is odd for type ${type}`);
    if (start < end) throw wrong(`its data begin at ${start}, before those of the entry before it end`);
    if (count < 1 || count > data.length - start || (type === single && count !== 1))
      throw wrong(`${count} values at ${start} of ${data.length} bytes`);
    if (count > mostValues && type !== bytesType)
      throw wrong(`${count} values, and more than ${mostValues} are not read`);
    end = start + (texts.includes(type) ? lengthOf(data, start, count, wrong) : count * (widths[type] ?? 0));
    if (end > data.length) throw wrong(`its data end at ${end} of ${data.length} bytes`);
    if (whole !== undefined && start < whole.bytes && end > whole.bytes - entryBytes)
      throw wrong("its data lie over the end of the package's own part");
    // What was added when it was installed counts, where both have it.
    places.set(tag, { type, start, end, count });
  }
  const header = valuesOf(data, places);
  if (whole !== undefined) holdAgainstDigest(blob, entries, whole, header);
  return header;
}

interface Region {
  readonly entries: number;
  readonly bytes: number;
}

/** The part that came with the package, as its first entry says; `undefined` where the header is not parted. */
function regionOf(blob: Buffer, entries: number, data: Buffer): Region | undefined {
  const tag = blob.readUInt32BE(8);
  if (tag >= firstTag) return undefined;
  const wrong = (why: string) => new DamagedRpm(`the package's own part of the header: ${why}`);
  const [type, at, count] = [blob.readUInt32BE(12), blob.readUInt32BE(16), blob.readUInt32BE(20)];
  if (tag !== region || type !== 7 || count !== entryBytes) throw wrong(`tag ${tag}, type ${type}, count ${count}`);
  if (at > data.length - entryBytes) throw wrong(`it ends at ${at} of ${data.length} bytes`);
  const [again, typeAgain, back, countAgain] = [0, 4, 8, 12].map((offset) => data.readInt32BE(at + offset));
  const own = -(back ?? 0) / entryBytes;
  if (again !== region || typeAgain !== 7 || countAgain !== entryBytes || !Number.isInteger(own))
    throw wrong(`its end says tag ${again}, type ${typeAgain}, count ${countAgain}`);
  if (own < 1 || own > entries) throw wrong(`${own} of ${entries} entries`);
  return { entries: own, bytes: at + entryBytes };
}

function lengthOf(data: Buffer, start: number, count: number, wrong: (why: string) => Error): number {
  let at = start;
  for (let read = 0; read < count; read += 1) {
    const stop = data.indexOf(0, at);
    if (stop === -1) throw wrong(`text ${read + 1} of ${count} has no end`);
    at = stop + 1;
  }
  return at - start;
}

function valuesOf(data: Buffer, places: ReadonlyMap<number, Place>): RpmHeader {
  return {
    texts(tag) {
      const place = places.get(tag);
      if (place === undefined) return [];
      if (!texts.includes(place.type)) throw new DamagedRpm(`tag ${tag} is no text, but of type ${place.type}`);
      return data.toString("utf8", place.start, place.end - 1).split("\0");
    },
    numbers(tag) {
      const place = places.get(tag);
      if (place === undefined) return [];
      const width = widths[place.type] ?? 0;
      if (width === 0 || place.type === bytesType)
        throw new DamagedRpm(`tag ${tag} is no number, but of type ${place.type}`);
      const found: number[] = [];
      for (let at = place.start; at < place.end; at += width)
        found.push(width === 8 ? Number(data.readBigUInt64BE(at)) : data.readUIntBE(at, width));
      return found;
    },
  };
}

function holdAgainstDigest(blob: Buffer, entries: number, own: Region, header: RpmHeader): void {
  for (const [tag, kind] of digests) {
    const [kept] = header.texts(tag);
    if (kept === undefined) continue;
    const sizes = Buffer.alloc(8);
    sizes.writeUInt32BE(own.entries, 0);
    sizes.writeUInt32BE(own.bytes, 4);
    const begin = 8 + entries * entryBytes;
    const seen = createHash(kind)
      .update(magic)
      .update(sizes)
      .update(blob.subarray(8, 8 + own.entries * entryBytes))
      .update(blob.subarray(begin, begin + own.bytes))
      .digest("hex");
    if (seen !== kept.toLowerCase()) throw new DamagedRpm(`its ${kind} is ${seen}, and ${kept} is kept of it`);
    return;
  }
}

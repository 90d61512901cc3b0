// Decides how rpm's database is read where it is its own format, ndb (`Packages.db`; SUSE). Pure, of its bytes. Refuses a file of which any slot
// or record is not whole: one that is left out would be a package that nobody misses.
import { DamagedRpm } from "./rpm-header.ts";

const page = 4096;
const slot = 16;
const head = 16;
const tail = 12;

/**
 * Headers in the order of their slots. `lib/backend/ndb/rpmpkg.c` of rpm: a head of 32 bytes (`RpmP`, version 0, generation, pages of slots,
 * next number); in those pages slots of 16 (`Slot`, number of the package, first block, blocks of 16 bytes; first block 0: free); a record is
 * `BlbS`, number, time, length, the header, its Adler-32 with all before it, length, `BlbE`. All little-endian. Throws `DamagedRpm`.
 */
export function* ndbHeaders(bytes: Buffer): Generator<Buffer> {
  if (bytes.length < page || bytes.toString("latin1", 0, 4) !== "RpmP")
    throw new DamagedRpm("it does not begin as ndb");
  if (bytes.readUInt32LE(4) !== 0) throw new DamagedRpm(`version ${bytes.readUInt32LE(4)} of ndb`);
  const slots = bytes.readUInt32LE(12) * page;
  if (slots === 0 || slots > bytes.length || bytes.length % slot !== 0)
    throw new DamagedRpm(`${bytes.readUInt32LE(12)} pages of slots in ${bytes.length} bytes`);
  const taken = new Map<number, number>();
  const numbers = new Set<number>();
  for (let at = 2 * slot; at < slots; at += slot) {
    if (bytes.toString("latin1", at, at + 4) !== "Slot") throw new DamagedRpm(`there is no slot at byte ${at}`);
    const [number, first, blocks] = [4, 8, 12].map((offset) => bytes.readUInt32LE(at + offset)) as [
      number,
      number,
      number,
    ];
    if (number === 0 && first === 0 && blocks === 0) continue;
    const [start, end] = [first * slot, (first + blocks) * slot];
    if (number === 0 || start < slots || end > bytes.length || numbers.has(number) || taken.has(start))
      throw new DamagedRpm(`the slot at byte ${at} says package ${number} at ${start} to ${end}`);
    numbers.add(number);
    taken.set(start, end);
    yield recordAt(bytes, start, end, number);
  }
  refuseForgotten(bytes, slots, taken);
}

function recordAt(bytes: Buffer, start: number, end: number, number: number): Buffer {
  const wrong = (why: string) => new DamagedRpm(`the record of package ${number} at byte ${start}: ${why}`);
  if (end - start < head + tail || bytes.toString("latin1", start, start + 4) !== "BlbS") throw wrong("no beginning");
  if (bytes.readUInt32LE(start + 4) !== number) throw wrong(`it is of package ${bytes.readUInt32LE(start + 4)}`);
  const length = bytes.readUInt32LE(start + 12);
  // What is left to a whole block lies between.
  if (Math.ceil((head + length + tail) / slot) * slot !== end - start) throw wrong(`its length is ${length}`);
  const stop = end - tail;
  if (bytes.readUInt32LE(stop + 4) !== length || bytes.toString("latin1", stop + 8, end) !== "BlbE")
    throw wrong("no end");
  if (adler32(bytes.subarray(start, stop)) !== bytes.readUInt32LE(stop)) throw wrong("its sum is another");
  return bytes.subarray(start + head, start + head + length);
}

/** A record without a slot: its package is installed, or was half removed. Freed blocks are zeroed. */
function refuseForgotten(bytes: Buffer, from: number, taken: ReadonlyMap<number, number>): void {
  for (let at = from; at < bytes.length; ) {
    const end = taken.get(at);
    if (end === undefined && bytes.toString("latin1", at, at + 4) === "BlbS")
      throw new DamagedRpm(`there is a record at byte ${at} that no slot names`);
    at = end ?? at + slot;
  }
}

/** RFC 1950. */
function adler32(bytes: Buffer): number {
  let [low, high] = [1, 0];
  for (let at = 0; at < bytes.length; ) {
    // As many as a number of 32 bits holds.
    const stop = Math.min(at + 3800, bytes.length);
    for (; at < stop; at += 1) {
      low += bytes[at] ?? 0;
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return ((high << 16) | low) >>> 0;
}

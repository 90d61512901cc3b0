// Decides how rpm's database is read where it is a hash of Berkeley DB (`Packages`; RHEL and CentOS up to 8). Pure, of its bytes. Refuses pages
// that are not filled as the library fills them, so that no record is passed over.
import { DamagedRpm } from "./rpm-header.ts";

const magic = 0x0006_1561;
const head = 26;
/** Types of pages: entries unsorted, entries sorted; further bytes of a value that is longer than a page. */
const entries: readonly number[] = [2, 13];
const overflow = 7;

/**
 * Headers in the order of their pages. Berkeley DB's `dbinc/db_page.h`: page 0 has the magic number 0x061561 at 12, version 8 to 10 at 16, the size
 * of a page at 20, a checksum's and cipher's kind, the last page's number at 32; each page its own number at 8, the next at 16, how many entries
 * at 20, where the lowest begins at 22, its type at 25, and from 26 on where each begins, keys and values by turns, from the page's end
 * down. A value is `1` and its bytes, or `3`, a page and a length. The record of number 0 is no package: it counts them. The
 * byte order is that of the machine which wrote it. Throws `DamagedRpm`.
 */
export function* bdbHeaders(bytes: Buffer): Generator<Buffer> {
  const big = bytes.length >= 512 && bytes.readUInt32BE(12) === magic;
  if (bytes.length < 512 || (!big && bytes.readUInt32LE(12) !== magic))
    throw new DamagedRpm("it is no hash of Berkeley DB");
  const book: Book = {
    bytes,
    size: 0,
    long: (at) => (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at)),
    short: (at) => (big ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at)),
  };
  const [version, size, last] = [book.long(16), book.long(20), book.long(32)];
  if (version < 8 || version > 10 || bytes[24] !== 0) throw new DamagedRpm(`version ${version}, cipher ${bytes[24]}`);
  if (![512, 1024, 2048, 4096, 8192, 16384, 32768].includes(size) || (last + 1) * size > bytes.length)
    throw new DamagedRpm(`${last + 1} pages of ${size} bytes in ${bytes.length}`);
  yield* records({ ...book, size }, last);
}

interface Book {
  readonly bytes: Buffer;
  readonly size: number;
  long(at: number): number;
  short(at: number): number;
}

function* records(book: Book, last: number): Generator<Buffer> {
  const { bytes, size } = book;
  const numbers = new Set<string>();
  const used = new Set<number>();
  const further: number[] = [];
  for (let start = size; start <= last * size; start += size) {
    const type = bytes[start + 25] ?? 0;
    if (type === overflow) further.push(start / size);
    if (!entries.includes(type)) {
      // Pages are made many at once, and are all zero until they are used; what was freed has no type.
      if (type !== 0 && type !== overflow) throw new DamagedRpm(`page ${start / size} is of type ${type}`);
      continue;
    }
    const places = placesOn(book, start);
    for (let at = 0; at < places.length; at += 2) {
      const [key, value] = [at, at + 1].map((each) => {
        const end = each === 0 ? size : (places[each - 1] ?? size);
        return bytes.subarray(start + (places[each] ?? size), start + end);
      }) as [Buffer, Buffer];
      if (key[0] !== 1 || key.length !== 5) throw new DamagedRpm(`page ${start / size}: a key that is no number`);
      const number = key.toString("hex", 1);
      if (numbers.has(number)) throw new DamagedRpm(`there are two records of number ${number}`);
      numbers.add(number);
      const whole = wholeOf(book, value, used);
      if (number !== "00000000") yield whole;
    }
  }
  // A record whose page is lost leaves its bytes.
  const forgotten = further.find((each) => !used.has(each));
  if (forgotten !== undefined) throw new DamagedRpm(`page ${forgotten} belongs to no record`);
}

/** Where entries begin, in their page; they fill it from its end to where the free room begins. */
function placesOn({ size, short, long }: Book, start: number): number[] {
  const wrong = (why: string) => new DamagedRpm(`page ${start / size}: ${why}`);
  if (long(start + 8) !== start / size) throw wrong(`it says that it is page ${long(start + 8)}`);
  const [count, lowest] = [short(start + 20), short(start + 22)];
  if (count % 2 !== 0 || head + 2 * count > size) throw wrong(`${count} entries`);
  const places: number[] = [];
  let before = size;
  for (let at = 0; at < count; at += 1) {
    const place = short(start + head + 2 * at);
    if (place >= before || place < head + 2 * count) throw wrong(`entry ${at} begins at ${place}`);
    places.push(place);
    before = place;
  }
  if (before !== lowest) throw wrong(`its entries begin at ${before}, and it says at ${lowest}`);
  return places;
}

function wholeOf({ bytes, size, long, short }: Book, value: Buffer, used: Set<number>): Buffer {
  if (value[0] === 1) return value.subarray(1);
  if (value[0] !== 3 || value.length !== 12) throw new DamagedRpm(`a value of kind ${value[0]}`);
  const at = value.byteOffset - bytes.byteOffset;
  const length = long(at + 8);
  if (length > bytes.length) throw new DamagedRpm(`a value of ${length} bytes in ${bytes.length}`);
  const parts: Buffer[] = [];
  let missing = length;
  for (let number = long(at + 4); missing > 0; ) {
    const start = number * size;
    const wrong = new DamagedRpm(`page ${number} is none of a value, is reached twice or is not filled as it must be`);
    if (number === 0 || start >= bytes.length || bytes[start + 25] !== overflow || used.has(number)) throw wrong;
    const filled = short(start + 22);
    if (long(start + 8) !== number || filled === 0 || filled > Math.min(missing, size - head)) throw wrong;
    used.add(number);
    parts.push(bytes.subarray(start + head, start + head + filled));
    missing -= filled;
    number = long(start + 16);
    if (missing === 0 && number !== 0) throw new DamagedRpm(`a value goes on after its ${length} bytes`);
  }
  return Buffer.concat(parts);
}

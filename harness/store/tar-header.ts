// Decides what a tar header block says: POSIX ustar, GNU's and old V7's. Pure: bytes in. Names stay bytes, one character each
// (latin1), because a name of an archive need not be UTF-8.

/** What one 512-byte block says, before the extended headers around it are applied. */
export interface TarHeader {
  readonly name: string;
  /** The type flag: `"0"` file, `"1"` hard link, `"2"` symbolic link, `"5"` directory, `"x"` extended header. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly link: string;
  /** GNU's old sparse format: further blocks of its map follow. */
  readonly moreSparse: boolean;
  /** Its size before it was stored sparsely. */
  readonly realSize: number;
}

export const blockBytes = 512;

/** `"end"` for a block of zeros, `undefined` for one that is no header: its sum is wrong. */
export function readTarHeader(block: Buffer): TarHeader | "end" | undefined {
  if (block[0] === 0 && block[257] === 0 && block.every((byte) => byte === 0)) return "end";
  if (!sumIsRight(block)) return undefined;
  const magic = block.toString("latin1", 257, 263);
  const size = number(block, 124, 12);
  const prefix = magic === "ustar\0" ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: block[156] === 0 ? "0" : String.fromCharCode(block[156] as number),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    size,
    link: text(block, 157, 100),
    moreSparse: magic === "ustar " && block[482] === 1,
    realSize: magic === "ustar " && block[156] === 0x53 ? number(block, 483, 12) : size,
  };
}

/**
 * Records of a pax extended header, `27 path=…\n`: names to raw values. `undefined` where they are not that.
 * @see POSIX.1-2017, pax, "pax Extended Header"
 */
export function readPax(bytes: Buffer): ReadonlyMap<string, Buffer> | undefined {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space === -1 ? "" : bytes.toString("latin1", at, space);
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > bytes.length || end <= space || bytes[end - 1] !== 0x0a)
      return undefined;
    const equals = bytes.indexOf(0x3d, space);
    if (equals === -1 || equals >= end) return undefined;
    records.set(bytes.toString("latin1", space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString("latin1", at, end === -1 || end > at + length ? at + length : end);
}

/** Octal digits, or GNU's base 256. `NaN` for neither; a number too big to count with becomes `Infinity`. */
function number(block: Buffer, at: number, length: number): number {
  const first = block[at] as number;
  if ((first & 0x80) !== 0) {
    if (first === 0xff) return Number.NaN; // negative
    let value = first & 0x7f;
    for (let each = at + 1; each < at + length; each += 1) value = value * 256 + (block[each] as number);
    return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
  }
  let value = 0;
  let digits = 0;
  for (let each = at; each < at + length; each += 1) {
    const byte = block[each] as number;
    if (byte === 0x20 && digits === 0) continue;
    if (byte === 0x20 || byte === 0) break;
    if (byte < 0x30 || byte > 0x37) return Number.NaN;
    value = value * 8 + byte - 0x30;
    digits += 1;
  }
  return value;
}

/** The sum of all bytes, its own field counted as spaces; some old programs summed signed bytes. */
function sumIsRight(block: Buffer): boolean {
  const wanted = number(block, 148, 8);
  let sum = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < blockBytes; at += 1) {
    const byte = block[at] as number;
    sum += byte;
    high += byte >> 7;
  }
  for (let at = 148; at < 156; at += 1) {
    sum -= block[at] as number;
    high -= (block[at] as number) >> 7;
  }
  return sum === wanted || sum - 256 * high === wanted;
}

// Decides what a qcow2 file's header says, by the format's published description, and what of it makes a disk unfit as somebody
// else's. Pure: bytes in. No tool is asked: a hostile image reaches files of the host through whatever opens it.

export interface Qcow2Header {
  readonly version: number;
  /** Bytes that a guest sees. */
  readonly virtualSize: number;
  /** As the header has it; absent where there is none. */
  readonly backingFile: string | undefined;
  /** Contents lie in another file. */
  readonly dataFile: boolean;
  readonly encrypted: boolean;
  /** Marked so by whoever wrote it last. */
  readonly dirty: boolean;
  readonly corrupt: boolean;
  /** Incompatible features that this reader does not know, by their bits. */
  readonly unknown: readonly number[];
  /** The tables of the format end here: a shorter file is a piece of one. Bytes. */
  readonly leastBytes: number;
}

/** So much of a file's beginning holds every header: the least cluster is smaller, and a header fits into one. */
export const headerBytes = 1 << 16;

const extensions = { end: 0, encryption: 0x0537be77, dataFile: 0x44415441 };
const knownBits = 5;

/** `undefined` when it is no qcow2 file of version 2 or 3; `"truncated"` when it ends before its header does. */
export function readQcow2Header(head: Buffer): Qcow2Header | "truncated" | undefined {
  if (head.length < 8 || head.toString("latin1", 0, 4) !== "QFI\xfb") return undefined;
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return undefined;
  const fixed = version === 2 ? 72 : 104;
  if (head.length < fixed) return "truncated";
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) return undefined;
  const features = version === 2 ? 0n : head.readBigUInt64BE(72);
  const length = version === 2 ? fixed : head.readUInt32BE(100);
  if (length < fixed) return undefined;
  const found = readExtensions(head, length);
  const [backingAt, backingBytes] = [Number(head.readBigUInt64BE(8)), head.readUInt32BE(16)];
  if (found === "truncated" || backingAt + backingBytes > head.length) return "truncated";
  const bit = (at: number) => ((features >> BigInt(at)) & 1n) === 1n;
  return {
    version,
    virtualSize: Number(head.readBigUInt64BE(24)),
    backingFile: backingAt === 0 ? undefined : head.toString("utf8", backingAt, backingAt + backingBytes),
    dataFile: bit(2) || found.has(extensions.dataFile),
    encrypted: head.readUInt32BE(32) !== 0 || found.has(extensions.encryption),
    dirty: bit(0),
    corrupt: bit(1),
    unknown: Array.from({ length: 64 - knownBits }, (_, at) => at + knownBits).filter(bit),
    leastBytes: Math.max(
      Number(head.readBigUInt64BE(40)) + head.readUInt32BE(36) * 8,
      Number(head.readBigUInt64BE(48)) + head.readUInt32BE(56) * 2 ** clusterBits,
    ),
  };
}

/** Types of the header's extensions. */
function readExtensions(head: Buffer, start: number): ReadonlySet<number> | "truncated" {
  const found = new Set<number>();
  for (let at = start; ; ) {
    if (at + 8 > head.length) return "truncated";
    const type = head.readUInt32BE(at);
    if (type === extensions.end) return found;
    found.add(type);
    at += 8 + Math.ceil(head.readUInt32BE(at + 4) / 8) * 8;
  }
}

/** No machine of ours has a bigger disk: 2 TiB. */
export const greatestDisk = 2 * 1024 ** 4;

/** Why a disk is refused. `undefined`: nothing speaks against it. */
export function qcow2Objection(
  header: Qcow2Header,
  fileBytes: number,
): { readonly code: string; readonly seen: string; readonly hint: string } | undefined {
  const flat = "qemu-img convert -O qcow2 makes a disk that stands alone, where you trust it";
  if (header.backingFile !== undefined)
    return { code: "backing-file", seen: `has the backing file "${header.backingFile}"`, hint: flat };
  if (header.dataFile) return { code: "data-file", seen: "keeps its contents in another file", hint: flat };
  if (header.encrypted) return { code: "disk-encrypted", seen: "is encrypted", hint: flat };
  if (header.unknown.length > 0)
    return {
      code: "qcow2-unknown",
      seen: `uses features of qcow2 that are not known here (bits ${header.unknown.join(", ")})`,
      hint: flat,
    };
  if (header.corrupt || header.dirty)
    return {
      code: "disk-corrupt",
      seen: `is marked ${header.corrupt ? "corrupt" : "as not closed cleanly"}`,
      hint: "qemu-img check -r all mends a copy of it",
    };
  if (header.virtualSize > greatestDisk || header.virtualSize === 0)
    return {
      code: "disk-size",
      seen: `says that it is ${header.virtualSize} bytes big`,
      hint: `a disk has more than 0 and at most ${greatestDisk} bytes (2 TiB)`,
    };
  if (fileBytes < header.leastBytes)
    return {
      code: "disk-truncated",
      seen: `has ${fileBytes} bytes, and its tables alone need ${header.leastBytes}`,
      hint: "fetch it again",
    };
  return undefined;
}

// Decides how the bytes of a disk are read, of a raw file or of a qcow2, by the format's published description. Reads only; refuses before
// anything is read what `qcow2Objection` refuses: no other file is ever opened.
import { fstatSync, readSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { DeclarationError } from "../model/errors.ts";
import { headerBytes, qcow2Objection, readQcow2Header } from "./qcow2-header.ts";

/** A disk as a guest sees it. */
export interface DiskBytes {
  readonly size: number;
  /** Fills `into` from a place; what lies behind the end, and what was never written, is zero. */
  read(at: number, into: Buffer): void;
}

/** Throws a `DeclarationError` with the codes of `inspectForeignDisk` but those of digests. `path` is for messages. */
export function diskBytes(fd: number, path: string, at: string | undefined): DiskBytes {
  const { size } = fstatSync(fd);
  const head = Buffer.alloc(Math.min(headerBytes, size));
  readSync(fd, head, 0, head.length, 0);
  const refused = (code: string, seen: string, hint?: string) =>
    new DeclarationError({ code, at, seen: `disk image ${path} ${seen}`, ...(hint === undefined ? {} : { hint }) });
  if (head.toString("latin1", 0, 4) !== "QFI\xfb") return { size, read: (place, into) => fill(fd, place, into) };
  const header = readQcow2Header(head);
  if (header === undefined) throw refused("not-qcow2", "is not a qcow2 image of a known version");
  if (header === "truncated") throw refused("disk-truncated", "ends within its header", "fetch it again");
  const objection = qcow2Objection(header, size);
  if (objection !== undefined) throw refused(objection.code, objection.seen, objection.hint);
  const features = header.version === 2 ? 0n : head.readBigUInt64BE(72);
  if ((features & 0b11000n) !== 0n)
    throw refused(
      "qcow2-unknown",
      "has clusters that are compressed by zstd, or in parts",
      "qemu-img convert -O qcow2 makes one that is read",
    );
  return new Qcow2Bytes(fd, head, header.virtualSize, size);
}

function fill(fd: number, at: number, into: Buffer): void {
  let filled = 0;
  while (filled < into.length) {
    const count = readSync(fd, into, filled, into.length - filled, at + filled);
    if (count === 0) break;
    filled += count;
  }
  into.fill(0, filled);
}

const offsetMask = 0x00ff_ffff_ffff_fe00n;
const mostTables = 64;
const mostTableBytes = 64 * 1024 ** 2;

class Qcow2Bytes implements DiskBytes {
  readonly size: number;
  readonly #fd: number;
  readonly #bits: number;
  readonly #level1: Buffer;
  readonly #level2 = new Map<bigint, Buffer>();
  #unpacked: { readonly entry: bigint; readonly bytes: Buffer } | undefined;

  constructor(fd: number, head: Buffer, size: number, fileBytes: number) {
    this.size = size;
    this.#fd = fd;
    this.#bits = head.readUInt32BE(20);
    const bytes = head.readUInt32BE(36) * 8;
    if (bytes > mostTableBytes || bytes > fileBytes)
      throw new DeclarationError({
        code: "disk-corrupt",
        seen: `the table of a qcow2 says that it has ${bytes} bytes`,
      });
    this.#level1 = Buffer.alloc(bytes);
    fill(fd, Number(head.readBigUInt64BE(40)), this.#level1);
  }

  read(at: number, into: Buffer): void {
    const cluster = 2 ** this.#bits;
    for (let done = 0; done < into.length; ) {
      const within = (at + done) % cluster;
      const count = Math.min(cluster - within, into.length - done);
      this.#readCluster(Math.floor((at + done) / cluster), within, into.subarray(done, done + count));
      done += count;
    }
  }

  #readCluster(number: number, within: number, into: Buffer): void {
    const entries = 2 ** (this.#bits - 3);
    const table = this.#table(Math.floor(number / entries));
    const entry = table === undefined ? 0n : table.readBigUInt64BE((number % entries) * 8);
    if ((entry >> 62n) & 1n) this.#unpack(entry).copy(into, 0, within, within + into.length);
    // Bit 0: it reads as zeros, whatever lies there.
    else if ((entry & offsetMask) === 0n || (entry & 1n) === 1n) into.fill(0);
    else fill(this.#fd, Number(entry & offsetMask) + within, into);
  }

  #table(index: number): Buffer | undefined {
    if (index * 8 >= this.#level1.length) return undefined;
    const offset = this.#level1.readBigUInt64BE(index * 8) & offsetMask;
    if (offset === 0n) return undefined;
    const known = this.#level2.get(offset);
    if (known !== undefined) return known;
    const table = Buffer.alloc(2 ** this.#bits);
    fill(this.#fd, Number(offset), table);
    const [oldest] = this.#level2.keys();
    if (this.#level2.size >= mostTables && oldest !== undefined) this.#level2.delete(oldest);
    this.#level2.set(offset, table);
    return table;
  }

  /** One cluster, never more than it is big. */
  #unpack(entry: bigint): Buffer {
    if (this.#unpacked?.entry === entry) return this.#unpacked.bytes;
    const bits = BigInt(62 - (this.#bits - 8));
    const offset = Number(entry & ((1n << bits) - 1n));
    const sectors = Number((entry & ((1n << 62n) - 1n)) >> bits) + 1;
    const packed = Buffer.alloc(sectors * 512 - (offset % 512));
    fill(this.#fd, offset, packed);
    const bytes = Buffer.alloc(2 ** this.#bits);
    try {
      inflateRawSync(packed, { maxOutputLength: bytes.length }).copy(bytes);
    } catch (cause) {
      throw new DeclarationError({ code: "disk-corrupt", seen: "a cluster of a qcow2 cannot be decompressed", cause });
    }
    this.#unpacked = { entry, bytes };
    return bytes;
  }
}

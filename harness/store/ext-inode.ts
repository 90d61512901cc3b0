// Decides how inodes, extents, directories and attributes of ext2, ext3 and ext4 are read, by the kernel's documentation of their layout
// (Documentation/filesystems/ext4). Reads only what it is asked for, within limits; refuses features that it does not know.
import { badArchive } from "./bad-archive.ts";
import { aclAttribute } from "./ext-acl.ts";

/** Fills `into` with bytes of the file system, from its beginning. Who asks brings the memory: a disk is read in more pieces than a collector keeps up with. */
export type ReadAt = (at: number, into: Buffer) => void;

export interface ExtInode {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly attributes: ReadonlyMap<string, Buffer> | undefined;
  /** Of the file system's blocks, in the file's order; what lies in none is zero. */
  readonly extents: readonly Extent[];
  /** Where a short link holds its target. */
  readonly inline: Buffer | undefined;
}

/** In blocks. */
export interface Extent {
  readonly from: number;
  readonly count: number;
  readonly at: number;
}

const known = {
  filetype: 0x2,
  recover: 0x4,
  extents: 0x40,
  "64bit": 0x80,
  mmp: 0x100,
  flexGroups: 0x200,
  checksumSeed: 0x2000,
  largeDirectories: 0x4000,
};
/** Of one file; and blocks of all tables that lead to files' pieces: more than a disk of 2 TiB has. */
const mostExtents = 1_000_000;
const mostTables = 4_000_000;
const mostDirectory = 256 * 1024 ** 2;
const prefixes: Readonly<Record<number, string>> = {
  1: "user.",
  2: "system.posix_acl_access",
  3: "system.posix_acl_default",
  4: "trusted.",
  6: "security.",
  7: "system.",
};

/** Whether a file system of this family begins there. */
export function isExt(read: ReadAt): boolean {
  const mark = Buffer.alloc(2);
  read(1024 + 0x38, mark);
  return mark.readUInt16LE(0) === 0xef53;
}

export class ExtReader {
  readonly blockBytes: number;
  readonly #read: ReadAt;
  readonly #where: string;
  readonly #inodes: number;
  readonly #inodesPerGroup: number;
  readonly #inodeBytes: number;
  readonly #blocks: number;
  readonly #descriptors: Buffer;
  readonly #descriptorBytes: number;
  /** Of the inode that is read now. */
  readonly #inode: Buffer;
  #tables = 0;

  constructor(read: ReadAt, where: string) {
    this.#read = read;
    this.#where = where;
    const head = Buffer.alloc(1024);
    read(1024, head);
    const incompatible = head.readUInt32LE(0x60);
    if ((incompatible & known.recover) !== 0)
      throw this.#bad("was not unmounted cleanly: its journal has what its files do not");
    const unknown = Object.values(known).reduce((left, bit) => left & ~bit, incompatible);
    if (unknown !== 0) throw this.#bad(`has features that are not read (0x${(unknown >>> 0).toString(16)})`);
    const log = head.readUInt32LE(0x18);
    if (log > 6) throw this.#bad("says that its blocks are bigger than any");
    this.blockBytes = 1024 << log;
    const wide = (incompatible & known["64bit"]) !== 0;
    this.#inodes = head.readUInt32LE(0);
    this.#inodesPerGroup = head.readUInt32LE(0x28);
    this.#inodeBytes = head.readUInt32LE(0x4c) === 0 ? 128 : head.readUInt16LE(0x58);
    this.#blocks = head.readUInt32LE(4) + (wide ? head.readUInt32LE(0x150) * 2 ** 32 : 0);
    this.#descriptorBytes = wide ? head.readUInt16LE(0xfe) : 32;
    const perGroup = head.readUInt32LE(0x20);
    const groups = Math.ceil(this.#inodes / this.#inodesPerGroup);
    if (
      !(groups > 0 && groups <= 1_000_000) ||
      perGroup === 0 ||
      this.#inodeBytes < 128 ||
      this.#inodeBytes > this.blockBytes ||
      this.#descriptorBytes < 32 ||
      this.#descriptorBytes > 1024
    )
      throw this.#bad("has a superblock that contradicts itself");
    this.#descriptors = Buffer.alloc(groups * this.#descriptorBytes);
    read((head.readUInt32LE(0x14) + 1) * this.blockBytes, this.#descriptors);
    this.#inode = Buffer.alloc(this.#inodeBytes);
  }

  inode(number: number): ExtInode {
    if (number < 1 || number > this.#inodes) throw this.#bad(`names inode ${number}, and there are ${this.#inodes}`);
    const group = Math.floor((number - 1) / this.#inodesPerGroup);
    const at = group * this.#descriptorBytes;
    const high = this.#descriptorBytes >= 64 ? this.#descriptors.readUInt32LE(at + 0x28) : 0;
    const table = this.#descriptors.readUInt32LE(at + 8) + high * 2 ** 32;
    const place = table * this.blockBytes + ((number - 1) % this.#inodesPerGroup) * this.#inodeBytes;
    const bytes = this.#inode;
    this.#read(place, bytes);
    const mode = bytes.readUInt16LE(0);
    const type = mode >> 12;
    const flags = bytes.readUInt32LE(0x20);
    const size = bytes.readUInt32LE(4) + (type === 0o10 || type === 0o4 ? bytes.readUInt32LE(0x6c) * 2 ** 32 : 0);
    const held = bytes.subarray(0x28, 0x28 + 60);
    const extended = (flags & 0x80000) !== 0;
    const inline = type === 0o12 && size < 60 && !extended ? Buffer.from(held.subarray(0, size)) : undefined;
    const mapped = inline === undefined && (type === 0o10 || type === 0o4 || type === 0o12);
    const extents: Extent[] = [];
    if (mapped && extended) this.#extents(held, extents, 5);
    else if (mapped) this.#mapped(held, Math.ceil(size / this.blockBytes), extents);
    return {
      mode,
      uid: bytes.readUInt16LE(2) + bytes.readUInt16LE(0x78) * 2 ** 16,
      gid: bytes.readUInt16LE(0x18) + bytes.readUInt16LE(0x7a) * 2 ** 16,
      size,
      attributes: this.#attributes(bytes),
      extents: extents.sort((a, b) => a.from - b.from),
      inline,
    };
  }

  /** Contents of an inode from a place; zeros where it has a hole. */
  contents({ extents, inline }: ExtInode, at: number, into: Buffer): void {
    into.fill(0);
    if (inline !== undefined) {
      inline.copy(into, 0, at);
      return;
    }
    const end = at + into.length;
    for (let index = firstBehind(extents, at / this.blockBytes); index < extents.length; index += 1) {
      const { from, count, at: block } = extents[index] as Extent;
      const [start, stop] = [from * this.blockBytes, (from + count) * this.blockBytes];
      if (start >= end) break;
      if (stop <= at) continue;
      const [first, last] = [Math.max(at, start), Math.min(end, stop)];
      this.#read(block * this.blockBytes + first - start, into.subarray(first - at, last - at));
    }
  }

  /** Names and inode numbers of a directory, `.` and `..` left out; names one character a byte. */
  *names(inode: ExtInode): Generator<readonly [name: string, inode: number]> {
    if (inode.mode >> 12 !== 0o4 || inode.size > mostDirectory) throw this.#bad("has a directory that is none");
    const block = Buffer.alloc(this.blockBytes);
    for (let at = 0; at < inode.size; at += block.length) {
      this.contents(inode, at, block);
      for (let entry = 0; entry + 8 <= block.length; ) {
        const [number, length, bytes] = [
          block.readUInt32LE(entry),
          block.readUInt16LE(entry + 4),
          block[entry + 6] ?? 0,
        ];
        // Of blocks of 64 KiB, a length of 0 is all of it.
        const step = length === 0 && block.length === 65536 ? block.length : length;
        if (step < 8 || entry + step > block.length || bytes + 8 > step)
          throw this.#bad("has a directory that is damaged");
        const name = block.toString("latin1", entry + 8, entry + 8 + bytes);
        if (number !== 0 && name !== "." && name !== "..") yield [name, number];
        entry += step;
      }
    }
  }

  #block(number: number): Buffer {
    this.#tables += 1;
    if (this.#tables > mostTables) throw this.#bad("has more tables than any");
    if (number <= 0 || number >= this.#blocks) throw this.#bad(`names block ${number}, and there are ${this.#blocks}`);
    const bytes = Buffer.alloc(this.blockBytes);
    this.#read(number * this.blockBytes, bytes);
    return bytes;
  }

  #extents(node: Buffer, found: Extent[], most: number): void {
    const [magic, entries, depth] = [node.readUInt16LE(0), node.readUInt16LE(2), node.readUInt16LE(6)];
    if (magic !== 0xf30a || depth > most || 12 + entries * 12 > node.length)
      throw this.#bad("has a tree of extents that is damaged");
    for (let at = 12; at < 12 + entries * 12; at += 12) {
      if (found.length > mostExtents) throw this.#bad("has a file of more pieces than any");
      if (depth > 0) {
        this.#extents(this.#block(node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32), found, depth - 1);
        continue;
      }
      const length = node.readUInt16LE(at + 4);
      // Longer ones are promised, and never written: they read as zeros.
      if (length > 32768) continue;
      const start = node.readUInt32LE(at + 8) + node.readUInt16LE(at + 6) * 2 ** 32;
      if (start + length > this.#blocks)
        throw this.#bad(`names block ${start + length}, and there are ${this.#blocks}`);
      found.push({ from: node.readUInt32LE(at), count: length, at: start });
    }
  }

  /** Of ext2 and ext3: twelve blocks, then blocks of numbers, of blocks of numbers, and once more. */
  #mapped(held: Buffer, blocks: number, found: Extent[]): void {
    let from = 0;
    const per = this.blockBytes / 4;
    const add = (number: number, level: number) => {
      if (from >= blocks) return;
      if (found.length > mostExtents) throw this.#bad("has a file of more pieces than any");
      if (number === 0) from += per ** level;
      else if (level === 0) {
        if (number >= this.#blocks) throw this.#bad(`names block ${number}, and there are ${this.#blocks}`);
        const last = found.at(-1);
        if (last !== undefined && last.from + last.count === from && last.at + last.count === number)
          found[found.length - 1] = { ...last, count: last.count + 1 };
        else found.push({ from, count: 1, at: number });
        from += 1;
      } else {
        const numbers = this.#block(number);
        for (let at = 0; at < numbers.length; at += 4) add(numbers.readUInt32LE(at), level - 1);
      }
    };
    for (let at = 0; at < 48; at += 4) add(held.readUInt32LE(at), 0);
    for (const level of [1, 2, 3]) add(held.readUInt32LE(44 + level * 4), level);
  }

  #attributes(inode: Buffer): ReadonlyMap<string, Buffer> | undefined {
    const found = new Map<string, Buffer>();
    const first = 128 + (inode.length > 128 ? inode.readUInt16LE(0x80) : 0) + 4;
    if (first < inode.length && inode.readUInt32LE(first - 4) === 0xea020000)
      this.#listed(inode.subarray(first), 0, found);
    const block = inode.readUInt32LE(0x68) + inode.readUInt16LE(0x76) * 2 ** 32;
    if (block !== 0) {
      const bytes = this.#block(block);
      if (bytes.readUInt32LE(0) !== 0xea020000) throw this.#bad("has attributes that are damaged");
      this.#listed(bytes, 32, found);
    }
    return found.size === 0 ? undefined : found;
  }

  #listed(bytes: Buffer, first: number, found: Map<string, Buffer>): void {
    for (let at = first; at + 16 <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
      const [length, kind, offset, size] = [
        bytes[at] ?? 0,
        bytes[at + 1] ?? 0,
        bytes.readUInt16LE(at + 2),
        bytes.readUInt32LE(at + 8),
      ];
      if (bytes.readUInt32LE(at + 4) !== 0 || offset + size > bytes.length || at + 16 + length > bytes.length)
        throw this.#bad("has attributes that are damaged");
      const name = `${prefixes[kind] ?? `unknown.${kind}.`}${bytes.toString("utf8", at + 16, at + 16 + length)}`;
      const value = Buffer.from(bytes.subarray(offset, offset + size));
      found.set(name, kind === 2 || kind === 3 ? (aclAttribute(value) ?? value) : value);
      at += 16 + Math.ceil(length / 4) * 4;
    }
  }

  #bad(seen: string) {
    return badArchive(this.#where, `its file system ${seen}`);
  }
}

/** Where to begin: the first piece that ends behind a block, or one before it. */
function firstBehind(extents: readonly Extent[], block: number): number {
  let [low, high] = [0, extents.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const { from, count } = extents[middle] as Extent;
    if (from + count <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}

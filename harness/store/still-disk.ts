// Decides how a disk that lies in a file is an image at rest: the root file system among its partitions as a tree, the others by their digests.
// No tool, no kernel and no engine has a part in it.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { StillContents } from "../model/still.ts";
import { archiveLimits, badArchive } from "./bad-archive.ts";
import type { ByteSource } from "./byte-source.ts";
import { type DiskBytes, diskBytes } from "./disk-bytes.ts";
import { type DiskPart, partsOf } from "./disk-parts.ts";
import { type ExtInode, ExtReader, isExt } from "./ext-inode.ts";
import type { StillLayer } from "./still-layer.ts";
import { StillTree } from "./still-tree.ts";
import type { TarEntry } from "./tar-entries.ts";

const pieceBytes = 1024 ** 2;
const mostHoles = 64 * 1024 ** 2;
/** Partitions beside the root's that are bigger are not read. */
const mostPart = 4 * 1024 ** 3;

/** Whether a file that is no archive may be a disk: by its first 1100 bytes. */
export function isDisk(head: Buffer): boolean {
  const has = (at: number, text: string) => head.toString("latin1", at, at + text.length) === text;
  return (
    has(0, "QFI\xfb") ||
    has(512, "EFI PART") ||
    (head.length > 1082 && head.readUInt16LE(1080) === 0xef53) ||
    // A tar's first block has a sum and a name there; this is the mark of a boot sector.
    (head.length >= 512 && head.readUInt16BE(510) === 0x55aa && !has(257, "ustar"))
  );
}

/** Rejects with the errors of `diskBytes` and `badArchive`. The file stays open until the contents are closed. */
export async function openDisk(file: FileHandle, path: string, where: string, at?: string): Promise<StillContents> {
  const disk = diskBytes(file.fd, path, at);
  const parts = partsOf(disk);
  const roots = parts.flatMap((part) => {
    const read = (place: number, into: Buffer) => readPart(disk, part, place, into);
    if (part.bytes < 4096 || !isExt(read)) return [];
    const reader = new ExtReader(read, `${part.name} of ${where}`);
    const names = new Map(reader.names(reader.inode(2)));
    return names.has("etc") && names.has("usr") ? [{ part, reader }] : [];
  });
  const [root] = roots;
  if (root === undefined || roots.length > 1)
    throw badArchive(
      where,
      root === undefined
        ? "it has no partition with an ext2, ext3 or ext4 file system in which /etc and /usr lie; others are not read"
        : `${roots.map(({ part }) => part.name).join(" and ")} may both be its root`,
    );
  const { entries, layer } = listed(root.reader, `${root.part.name} of ${where}`);
  const others = parts.filter((part) => part !== root.part);
  return {
    tree: StillTree.ofEntries(entries, layer),
    image: undefined,
    facts: { probedBy: "disk", source: "disk", path },
    parts: new Map(others.map((part) => [part.name, digestOfPart(disk, part)])),
    close: () => file.close(),
  };
}

function readPart(disk: DiskBytes, { start, bytes }: DiskPart, at: number, into: Buffer): void {
  // A file system that is bigger than its partition, or says so.
  if (into.length > bytes - at) throw badArchive("disk", "its file system reaches beyond its partition");
  disk.read(start + at, into);
}

function digestOfPart(disk: DiskBytes, { start, bytes }: DiskPart): string {
  if (bytes > mostPart) return `${bytes} bytes, not read`;
  const hash = createHash("sha256");
  const piece = Buffer.alloc(pieceBytes);
  for (let done = 0; done < bytes; done += pieceBytes) {
    const part = piece.subarray(0, Math.min(pieceBytes, bytes - done));
    disk.read(start + done, part);
    hash.update(part);
  }
  return `${bytes} bytes, sha256:${hash.digest("hex")}`;
}

/**
 * Contents are given places one behind the other, as if they lay in a tar; each is read of its extents. Only the inode's number is kept of each
 * file: its extents are read again with its contents.
 */
function listed(
  reader: ExtReader,
  where: string,
): { readonly entries: Iterable<TarEntry>; readonly layer: StillLayer } {
  const places: number[] = [];
  const numbers: number[] = [];
  let end = 0;
  const place = (number: number, size: number): number => {
    const at = end;
    if (size > 0) {
      places.push(at);
      numbers.push(number);
      end += size;
    }
    return at;
  };
  let last: { readonly at: number; readonly inode: ExtInode } | undefined;
  const read = (at: number, into: Buffer) => {
    let [low, high] = [0, places.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((places[middle] as number) <= at) low = middle;
      else high = middle - 1;
    }
    const start = places[low] as number;
    if (last?.at !== start) last = { at: start, inode: reader.inode(numbers[low] as number) };
    reader.contents(last.inode, at - start, into);
  };
  const layer: StillLayer = {
    where,
    seekable: true,
    open: async () => new PlacedSource(read, end),
    async bytes(at, length) {
      const into = Buffer.alloc(length);
      if (length > 0) read(at, into);
      return into;
    },
  };
  return { entries: entriesOf(reader, where, place), layer };
}

/** One at a time. `place` is told each file whose contents can be read, by the number of its inode. */
function* entriesOf(
  reader: ExtReader,
  where: string,
  place: (number: number, size: number) => number,
): Generator<TarEntry> {
  const names = new Map<number, string>();
  const todo: (readonly [path: string, inode: ExtInode])[] = [];
  let count = 0;
  const entry = (path: string, number: number): TarEntry => {
    count += 1;
    if (count > archiveLimits.entries + 1)
      throw badArchive(where, `there are more than ${archiveLimits.entries} entries`, "archive-too-big");
    const known = names.get(number);
    const inode = reader.inode(number);
    const { mode, uid, gid, size, attributes } = inode;
    const type = mode >> 12;
    if (type === 0o4 && known !== undefined) throw badArchive(where, "a directory lies in two");
    const shared = { name: path, mode, uid, gid, attributes, hardLink: known !== undefined };
    names.set(number, known ?? path);
    if (known !== undefined) return { ...shared, size: 0, link: known, at: undefined };
    if (type === 0o12) {
      const target = Buffer.alloc(Math.min(size, archiveLimits.pathBytes));
      reader.contents(inode, 0, target);
      return { ...shared, size: 0, link: target.toString("latin1"), at: undefined };
    }
    const regular = type === 0o10;
    // Mostly holes, as lastlog is: nobody reads terabytes of nothing. Its contents are then not known.
    const there = inode.extents.reduce((sum, { count }) => sum + count * reader.blockBytes, mostHoles);
    const read = regular && size <= Math.min(there, archiveLimits.fileBytes);
    if (type === 0o4) todo.push([path, inode]);
    return { ...shared, size: regular ? size : 0, link: "", at: read ? place(number, size) : undefined };
  };
  yield entry("./", 2);
  for (let next = todo.pop(); next !== undefined; next = todo.pop())
    for (const [name, number] of reader.names(next[1])) yield entry(`${next[0].replace(/\/$/, "")}/${name}`, number);
}

/** Contents one behind the other. What is taken lies in one file. */
class PlacedSource implements ByteSource {
  position = 0;
  readonly #memory = Buffer.allocUnsafeSlow(64 * 1024);
  readonly #read: (at: number, into: Buffer) => void;
  readonly #end: number;

  constructor(read: (at: number, into: Buffer) => void, end: number) {
    this.#read = read;
    this.#end = end;
  }

  now(): undefined {
    return undefined;
  }

  async take(count: number): Promise<Buffer> {
    const piece = this.#memory.subarray(0, Math.min(count, this.#memory.length, this.#end - this.position));
    if (piece.length > 0) this.#read(this.position, piece);
    this.position += piece.length;
    return piece;
  }

  async skip(count: number): Promise<boolean> {
    this.position += count;
    return this.position <= this.#end;
  }

  close(): void {}
}

// Decides how files are packed for a kernel to unpack as (a part of) its initial root file system: cpio, "newc". Owned by root,
// without dates, so that equal files give equal bytes.

/** A file, directory or symbolic link of an archive. */
export interface CpioEntry {
  /** Relative, without `./`: `scripts/init-bottom/assay`. Directories above it are added. */
  readonly path: string;
  /** Permission bits; default 0644. */
  readonly mode?: number;
  /** A file's bytes. */
  readonly content?: string | Uint8Array;
  /** A symbolic link's text. */
  readonly target?: string;
}

const directoryBit = 0o040000;
const fileBit = 0o100000;
const linkBit = 0o120000;

/**
 * An archive that the kernel unpacks over what it has unpacked before. Appended to another one, that one must first be
 * filled up with zeros: see `appended`.
 * @example cpio([{ path: "etc/motd", content: "hello\n" }])
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  const made = new Set<string>();
  let inode = 0;
  const add = (path: string, mode: number, content: Uint8Array) => {
    inode += 1;
    parts.push(record(path, inode, mode, content));
  };
  for (const { path, mode = 0o644, content, target } of entries) {
    if (path.startsWith("/") || path === "") throw new RangeError(`"${path}" is no path of an archive`);
    const steps = path.split("/");
    for (let depth = 1; depth < steps.length; depth += 1) {
      const directory = steps.slice(0, depth).join("/");
      if (!made.has(directory)) add(directory, directoryBit | 0o755, Buffer.alloc(0));
      made.add(directory);
    }
    if (target !== undefined) add(path, linkBit | 0o777, Buffer.from(target));
    else add(path, fileBit | mode, Buffer.from(content ?? ""));
  }
  parts.push(record("TRAILER!!!", 0, 0, Buffer.alloc(0)));
  return filled(Buffer.concat(parts), 512);
}

/** Two archives in one file. The kernel takes a second one only where a record may begin. */
export function appended(first: Uint8Array, second: Uint8Array): Buffer {
  return Buffer.concat([filled(Buffer.from(first), 512), second]);
}

function record(path: string, inode: number, mode: number, content: Uint8Array): Buffer {
  const name = Buffer.from(`${path}\0`);
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const head = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([filled(Buffer.concat([Buffer.from(head), name]), 4), filled(Buffer.from(content), 4)]);
}

function filled(bytes: Buffer, to: number): Buffer {
  const lack = (to - (bytes.length % to)) % to;
  return lack === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(lack)]);
}

// Decides whether a disk's file is still the one that was recorded: by what the file system says of it, which costs nothing,
// or by its whole contents. Refuses to open a disk image as one: bytes only.
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { ProvisionError } from "./errors.ts";

/** What the file system says of a file that nobody has written to. The owner may change: libvirt gives it to QEMU's user. */
export interface FileStamp {
  readonly bytes: number;
  /** Time of the last write, nanoseconds since the epoch, in decimal digits. */
  readonly writtenNs: string;
  readonly inode: string;
}

/** A file by its digest, and by its stamp at the moment that was taken. */
export interface RecordedFile {
  readonly path: string;
  /** `sha256:…` */
  readonly digest: string;
  readonly stamp?: FileStamp;
}

/** Throws the file system's own error. */
export function stampOf(path: string): FileStamp {
  const { size, mtimeNs, ino } = statSync(path, { bigint: true });
  return { bytes: Number(size), writtenNs: String(mtimeNs), inode: String(ino) };
}

/**
 * Resolves when the file is what was recorded. With a stamp that still holds its bytes are taken for unchanged, unless
 * `whole` asks for all of them (about 1 s a gigabyte). Rejects with a `ProvisionError`: `base-changed`, or `base-gone` for a file that
 * cannot be read.
 * @example await verifyDisk(image.disk, { node: "kvm-soe/soe", whole: true });
 */
export async function verifyDisk(
  disk: RecordedFile,
  options: { readonly node?: string; readonly whole?: boolean } = {},
): Promise<void> {
  const refused = (code: string, seen: string, cause?: unknown) =>
    new ProvisionError({
      code,
      phase: "create",
      node: options.node,
      seen: `disk image ${disk.path} ${seen}`,
      hint: "a disk that machines use must stay as it is; build or fetch it anew",
      cause,
    });
  let seen: string | undefined;
  try {
    const now = stampOf(disk.path);
    if (disk.stamp !== undefined) {
      const changed = (["bytes", "inode", "writtenNs"] as const).filter((key) => disk.stamp?.[key] !== now[key]);
      if (changed.length === 0 && options.whole !== true) return;
    }
    const digest = `sha256:${await hashFile(disk.path, now.bytes)}`;
    if (digest !== disk.digest) seen = `is ${digest}, and was ${disk.digest}`;
  } catch (error) {
    throw refused("base-gone", `cannot be read: ${(error as Error).message}`, error);
  }
  if (seen !== undefined) throw refused("base-changed", seen);
}

/** As much as is read at once, bytes. */
const piece = 1 << 20;

/**
 * SHA-256 of a file in hexadecimal digits. A file known to be small is read in one go, others a mebibyte at a time. Rejects
 * with the file system's own error.
 */
export async function hashFile(path: string, size = Number.POSITIVE_INFINITY): Promise<string> {
  if (size <= piece) return createHash("sha256").update(readFileSync(path)).digest("hex");
  await using file = await open(path, "r");
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(piece);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(buffer.subarray(0, bytesRead));
  }
}

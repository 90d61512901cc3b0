// Decides whether a disk image that somebody else made may be used: by its header, read here, and by its digest. It is used where
// it lies and never written to. Refuses before any tool has opened it.
import { constants, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { BuiltDisk, FileStamp } from "../model/image.ts";
import type { FromQcow2 } from "../model/vm.ts";
import { hashFile } from "./canonical.ts";
import { headerBytes, qcow2Objection, readQcow2Header } from "./qcow2-header.ts";
import { sameStamp, stampOf } from "./verify-disk.ts";

/** Digests of files as they are now: several machines of one image ask for it once. Path → what was found. */
const known = new Map<string, { readonly stamp: FileStamp; readonly sha256: string }>();

/**
 * The disk, with no kernel of its own. Rejects with a `DeclarationError` that names the line it is declared at: `disk-missing`,
 * `not-qcow2`, `disk-truncated`, `backing-file`, `data-file`, `disk-encrypted`, `qcow2-unknown`, `disk-corrupt`, `disk-size`,
 * `wrong-sha256`, `disk-changed`.
 */
export async function inspectForeignDisk(image: FromQcow2): Promise<BuiltDisk> {
  const { path } = image;
  const refused = (code: string, seen: string, hint?: string, cause?: unknown) =>
    new DeclarationError({
      code,
      at: image.at,
      seen: `disk image ${path} ${seen}`,
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  try {
    // Before it is opened: a pipe would be waited for.
    if (!statSync(path).isFile()) throw refused("not-qcow2", "is not a file");
    const stamp = stampOf(path);
    const head = await beginning(path);
    const header = readQcow2Header(head);
    if (header === undefined)
      throw refused("not-qcow2", "is not a qcow2 image", "qemu-img convert -f raw -O qcow2 makes one of a raw image");
    if (header === "truncated") throw refused("disk-truncated", "ends within its header", "fetch it again");
    const objection = qcow2Objection(header, stamp.bytes);
    if (objection !== undefined) throw refused(objection.code, objection.seen, objection.hint);
    const sha256 = await digestNow(path, stamp);
    if (!sameStamp(stamp, stampOf(path)))
      throw refused("disk-changed", "was written to while it was read", "run again");
    if (sha256 !== image.sha256)
      throw refused(
        "wrong-sha256",
        `has sha256 ${sha256}, and ${image.sha256} was declared`,
        "fetch it again, or declare what it is",
      );
    known.set(path, { stamp, sha256 });
    return { path, digest: `sha256:${sha256}`, stamp, virtualSize: header.virtualSize, kernelArguments: [] };
  } catch (error) {
    if (error instanceof DeclarationError) throw error;
    throw refused("disk-missing", `cannot be read: ${messageOf(error)}`, undefined, error);
  }
}

async function beginning(path: string): Promise<Buffer> {
  const file: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function digestNow(path: string, stamp: FileStamp): Promise<string> {
  const before = known.get(path);
  return before !== undefined && sameStamp(before.stamp, stamp) ? before.sha256 : hashFile(path, stamp.bytes);
}

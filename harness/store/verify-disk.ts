// Decides whether a disk's file is still the one that was recorded: by what the file system says of it, which costs nothing,
// or by its whole contents. Refuses to open a disk image as one: bytes only.
import { statSync } from "node:fs";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { BuiltDisk, FileStamp } from "../model/image.ts";
import { hashFile } from "./canonical.ts";

/** Throws the file system's own error. */
export function stampOf(path: string): FileStamp {
  const { size, ctimeNs, ino } = statSync(path, { bigint: true });
  return { bytes: Number(size), changedNs: String(ctimeNs), inode: String(ino) };
}

/** Whether nothing can have changed between two looks at a file. Where they differ, its contents may still be the same. */
export function sameStamp(one: FileStamp, other: FileStamp): boolean {
  return one.bytes === other.bytes && one.changedNs === other.changedNs && one.inode === other.inode;
}

/**
 * Resolves when the file is what was recorded. With a stamp that still holds its bytes are taken for unchanged, unless
 * `whole` asks for all of them (about 1 s a gigabyte). Rejects with a `ProvisionError`: `base-changed`, or `base-gone` for a file that
 * cannot be read.
 * @example await verifyDisk(image.disk); // and once more when the machine is gone
 */
export async function verifyDisk(
  disk: Pick<BuiltDisk, "path" | "digest" | "stamp">,
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
    if (disk.stamp !== undefined && sameStamp(disk.stamp, now) && options.whole !== true) return;
    const digest = `sha256:${await hashFile(disk.path, now.bytes)}`;
    if (digest !== disk.digest) seen = `is ${digest}, and was ${disk.digest}`;
  } catch (error) {
    throw refused("base-gone", `cannot be read: ${messageOf(error)}`, error);
  }
  if (seen !== undefined) throw refused("base-changed", seen);
}

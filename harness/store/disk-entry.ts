// Decides what is kept of a disk beside its image's tree, and how the rest of Assay knows it. The files lie apart from the store,
// which is root's alone: QEMU, another user, must read them.
import { statSync } from "node:fs";
import { join } from "node:path";
import type { BuiltDisk, FileStamp } from "../model/image.ts";
import type { Digest } from "./canonical.ts";

/** What the files of a disk are called in their directory. */
export const diskNames = {
  disk: "disk.qcow2",
  kernel: "vmlinuz",
  initrd: "initrd.img",
  carrierInitrd: "carrier.img",
} as const;

export interface DiskFile extends FileStamp {
  readonly digest: Digest;
}

/** A disk in `entry.json`. */
export interface StoredDisk {
  readonly virtualSize: number;
  readonly rootUuid: string;
  readonly kernelArguments: readonly string[];
  readonly files: Readonly<Record<keyof typeof diskNames, DiskFile>>;
}

/** Whether the files are there in their sizes. Throws the file system's error where one is not. */
export function isWhole(directory: string, { files }: StoredDisk): boolean {
  return Object.entries(files).every(
    ([key, { bytes }]) => statSync(join(directory, diskNames[key as keyof typeof diskNames])).size === bytes,
  );
}

/** A disk of the store as drivers know it. */
export function builtDisk(directory: string, disk: StoredDisk): BuiltDisk {
  const { digest, bytes, changedNs, inode } = disk.files.disk;
  return {
    path: join(directory, diskNames.disk),
    digest,
    stamp: { bytes, changedNs, inode },
    virtualSize: disk.virtualSize,
    kernel: join(directory, diskNames.kernel),
    initrd: join(directory, diskNames.initrd),
    carrierInitrd: join(directory, diskNames.carrierInitrd),
    kernelArguments: disk.kernelArguments,
    rootUuid: disk.rootUuid,
  };
}

// Decides where things lie on a disk that Assay makes, and by which UUIDs they are known. Pure: all follows from the recipe's
// digest, so that the same recipe gives the same disk and no two recipes give disks that a machine would confuse.
import { type Digest, digestOf } from "./canonical.ts";

const mebibyte = 1024 ** 2;
export const sectorBytes = 512;

/** A partition in bytes. Numbers are those of Debian's own cloud images. */
export interface Part {
  readonly number: number;
  readonly start: number;
  readonly bytes: number;
  readonly uuid: string;
  /** GPT's type. */
  readonly type: string;
}

export interface DiskLayout {
  readonly bytes: number;
  readonly uuid: string;
  /** Holds GRUB's core, which the boot sector loads; it has no file system. */
  readonly bios: Part;
  /** FAT, what UEFI looks for. */
  readonly esp: Part;
  readonly root: Part;
  /** Of the root file system: what `root=UUID=` names. */
  readonly rootUuid: string;
  /** Seed of the root file system's directory hashes. */
  readonly hashSeed: string;
  /** Eight hexadecimal digits: FAT's serial number. */
  readonly espId: string;
}

const types = {
  bios: "21686148-6449-6E6F-744E-656564454649",
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  root: "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
};

/** The least size a disk can have, bytes: what lies before and behind the root file system, and little of that. */
export const leastDisk = 64 * mebibyte;

/** @example layoutOf(4 * 1024 ** 3, "sha256:…").root.start // 18874368 */
export function layoutOf(bytes: number, recipe: Digest): DiskLayout {
  const whole = Math.ceil(bytes / mebibyte) * mebibyte;
  const uuid = (purpose: string) => uuidOf(recipe, purpose);
  const rootStart = 18 * mebibyte;
  return {
    bytes: whole,
    uuid: uuid("disk"),
    bios: { number: 14, start: mebibyte, bytes: mebibyte, uuid: uuid("bios"), type: types.bios },
    esp: { number: 15, start: 2 * mebibyte, bytes: 16 * mebibyte, uuid: uuid("esp"), type: types.esp },
    // The last mebibyte is the second partition table's.
    root: {
      number: 1,
      start: rootStart,
      bytes: whole - rootStart - mebibyte,
      uuid: uuid("root partition"),
      type: types.root,
    },
    rootUuid: uuid("root"),
    hashSeed: uuid("directory hashes"),
    espId: uuid("esp").slice(0, 8),
  };
}

/** What `sfdisk` reads to write the partition tables. Without a loader there is nothing but the root file system. */
export function partitionScript(layout: DiskLayout, loader: boolean): string {
  const parts = loader ? [layout.root, layout.bios, layout.esp] : [layout.root];
  const lines = parts.map(
    ({ number, start, bytes, uuid, type }) =>
      `${number} : start=${start / sectorBytes}, size=${bytes / sectorBytes}, type=${type}, uuid=${uuid.toUpperCase()}`,
  );
  return `${["label: gpt", `label-id: ${layout.uuid.toUpperCase()}`, "unit: sectors", ...lines].join("\n")}\n`;
}

/** A UUID of version 8 (RFC 9562: the maker's own way) that follows from a digest and a purpose. */
export function uuidOf(digest: Digest, purpose: string): string {
  const hex = digestOf(`${digest} ${purpose}`).slice("sha256:".length);
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0b11) | 0b1000).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

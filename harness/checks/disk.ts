// Decides which sentences can be said about disks: size, serial, and how they are parted, as the kernel and udev tell `lsblk`.
import type { Probe } from "../model/check.ts";
import { type Size, sizeBytes } from "../model/duration.ts";
import type { Node } from "../model/node.ts";
import { lookThrough } from "./file-stat.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { requireTool, unreadable } from "./unanswered.ts";

export interface BlockDevice {
  readonly path: string;
  /** The kernel's own name for it, without a directory: `dm-0` of `/dev/mapper/vg-lv`. */
  readonly kernelName: string | undefined;
  /** `disk`, `part`, `lvm`, `crypt`, `loop`, `rom` */
  readonly type: string;
  readonly bytes: number;
  /** First sector (512 bytes) on its disk; `undefined` for what is no partition. */
  readonly start: number | undefined;
  /** `gpt`, `dos`; `undefined` for none. A partition has its disk's. */
  readonly table: string | undefined;
  readonly serial: string | undefined;
  readonly readOnly: boolean;
  readonly fileSystem: string | undefined;
  readonly uuid: string | undefined;
  readonly label: string | undefined;
  /** Of a partition: its type's UUID (GPT) or number (DOS), in lower case, and its name. */
  readonly partitionType: string | undefined;
  readonly partitionName: string | undefined;
  readonly mountPoints: readonly string[];
  readonly children: readonly BlockDevice[];
}

/** A partition as a spec wants it: what is not said may be anything. */
export interface WantedPartition {
  readonly fileSystem?: string;
  readonly label?: string;
  /** At least so large, a hundredth less is allowed for. */
  readonly size?: Size;
  readonly name?: string;
  /** `linux`, `efi`, `bios-boot`, `swap`, or a type's UUID or number. */
  readonly type?: string;
  readonly mountPoint?: string;
}

// NAME makes lsblk print a tree: children below what they lie on.
const columns = "NAME,PATH,KNAME,TYPE,SIZE,START,PTTYPE,SERIAL,RO,FSTYPE,UUID,LABEL,PARTTYPE,PARTLABEL,MOUNTPOINTS";

/** GPT type and DOS number of types that have a name. */
const partitionTypes: Readonly<Record<string, readonly string[]>> = {
  linux: ["0fc63daf-8483-4772-8e79-3d69d8477de4", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "0x83"],
  efi: ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef"],
  "bios-boot": ["21686148-6449-6e6f-744e-656564454649"],
  swap: ["0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "0x82"],
};

/** Subject: a device's path, `/dev/vda`. Answer: `undefined` where there is no such device. */
export const blockDevice: Probe<string, BlockDevice | undefined> = {
  name: "lsblk",
  script: () => `LC_ALL=C lsblk -J -b -o ${columns}`,
  parse(output, paths) {
    requireTool(output, "lsblk", "a disk");
    const devices = readDevices(output.stdout.toString("utf8"));
    if (output.status !== 0 || devices === undefined) throw unreadable("lsblk -J", output);
    const all = new Map<string, BlockDevice>();
    const add = (device: BlockDevice): void => {
      all.set(device.path, device);
      if (device.kernelName !== undefined) all.set(`/dev/${device.kernelName}`, device);
      device.children.forEach(add);
    };
    devices.forEach(add);
    return paths.map((path) => all.get(path));
  },
};

/**
 * A disk or partition, by whichever link to it: `/dev/disk/by-label/root` is the partition. A container sees its carrier's.
 * @example await expect(soe).toMeet(disk("/dev/vda").hasPartitions("gpt", [{ type: "efi", size: "100m" }, { fileSystem: "ext4", mountPoint: "/" }]));
 */
export function disk(path: string) {
  requireSubject(/^\/dev\/[^\s\0]+$/.test(path), `"${path}" is not a device`, "write its path, as in /dev/vda");
  const ask = about<Node, BlockDevice | undefined>({
    subject: `disk ${path}`,
    command: `lsblk -b -o ${columns} ${path}`,
    observe: (node) => deviceAt(node, path),
  });
  const none = "there is no such device";
  return {
    exists: () => ask("exists", (seen) => verdict(seen !== undefined, "a device", seen?.type ?? none)),
    /** This size, to the byte. */
    hasSize(size: Size) {
      const bytes = sizeBytes(size);
      return ask(`has size ${size}`, (seen) =>
        verdict(seen?.bytes === bytes, `${bytes} bytes`, sayBytes(seen) ?? none),
      );
    },
    isAtLeast(size: Size) {
      const bytes = sizeBytes(size);
      return ask(`is at least ${size}`, (seen) =>
        verdict(seen !== undefined && seen.bytes >= bytes, `${bytes} bytes or more`, sayBytes(seen) ?? none),
      );
    },
    hasSerial: (serial: string) =>
      ask(`has serial ${serial}`, (seen) =>
        verdict(seen?.serial === serial, serial, seen === undefined ? none : (seen.serial ?? "none")),
      ),
    isReadOnly: () =>
      ask("is read-only", (seen) =>
        verdict(
          seen?.readOnly === true,
          "read-only",
          seen === undefined ? none : seen.readOnly ? "read-only" : "writable",
        ),
      ),
    /** Nothing on it that anybody knows: no partitions, no file system. */
    isEmpty: () =>
      ask("is empty", (seen) =>
        verdict(isEmpty(seen), "no partitions and no file system", seen === undefined ? none : sayLayout(seen)),
      ),
    /** A table of this kind with exactly these partitions, in the order in which they lie on the disk. */
    hasPartitions(table: "gpt" | "dos", wanted: readonly WantedPartition[]) {
      const expected = `${table}: ${wanted.map(sayWantedPartition).join("; ")}`;
      return ask(`has partitions ${expected}`, (seen) => {
        const there = seen === undefined ? [] : partitions(seen);
        const met =
          seen?.table === table &&
          there.length === wanted.length &&
          wanted.every((each, index) => isPartition(there[index], each));
        return verdict(met, expected, seen === undefined ? none : sayLayout(seen));
      });
    },
  };
}

/** lsblk knows devices by the kernel's names and the mapper's: any other path is a link to one of these. */
export async function deviceAt(node: Node, path: string): Promise<BlockDevice | undefined> {
  const [named, { path: real }] = await Promise.all([node.observe(blockDevice, path), lookThrough(node, path)]);
  return named ?? (real === path ? undefined : node.observe(blockDevice, real));
}

function isEmpty(seen: BlockDevice | undefined): boolean {
  if (seen === undefined || seen.fileSystem !== undefined || seen.children.length > 0) return false;
  return seen.table === undefined || seen.type === "part";
}

function partitions({ children }: BlockDevice): readonly BlockDevice[] {
  return children.filter(({ type }) => type === "part").sort((a, b) => (a.start ?? 0) - (b.start ?? 0));
}

function isPartition(seen: BlockDevice | undefined, wanted: WantedPartition): boolean {
  if (seen === undefined) return false;
  const { fileSystem, label, size, name, type, mountPoint } = wanted;
  return (
    (fileSystem === undefined || seen.fileSystem === fileSystem) &&
    (label === undefined || seen.label === label) &&
    (size === undefined || seen.bytes >= sizeBytes(size) * 0.99) &&
    (name === undefined || seen.partitionName === name) &&
    (type === undefined || (partitionTypes[type] ?? [type.toLowerCase()]).includes(seen.partitionType ?? "")) &&
    (mountPoint === undefined || seen.mountPoints.includes(mountPoint))
  );
}

/** `undefined` for anything but lsblk's JSON. */
function readDevices(text: string): readonly BlockDevice[] | undefined {
  try {
    const { blockdevices } = JSON.parse(text) as { blockdevices: readonly Record<string, unknown>[] };
    return blockdevices.map(readDevice);
  } catch {
    return undefined;
  }
}

function readDevice(held: Readonly<Record<string, unknown>>): BlockDevice {
  const text = (name: string) => (typeof held[name] === "string" ? (held[name] as string) : undefined);
  const path = text("path");
  if (path === undefined || typeof held["size"] !== "number") throw new TypeError("not a device of lsblk's");
  return {
    path,
    kernelName: text("kname"),
    type: text("type") ?? "",
    bytes: held["size"],
    start: typeof held["start"] === "number" ? held["start"] : undefined,
    table: text("pttype"),
    serial: text("serial"),
    readOnly: held["ro"] === true,
    fileSystem: text("fstype"),
    uuid: text("uuid"),
    label: text("label"),
    partitionType: text("parttype")?.toLowerCase(),
    partitionName: text("partlabel"),
    mountPoints: ((held["mountpoints"] ?? []) as readonly unknown[]).filter((each) => typeof each === "string"),
    children: ((held["children"] ?? []) as readonly Record<string, unknown>[]).map(readDevice),
  };
}

function sayBytes(seen: BlockDevice | undefined): string | undefined {
  return seen === undefined ? undefined : `${seen.bytes} bytes`;
}

function sayWantedPartition(wanted: WantedPartition): string {
  const { fileSystem, label, size, name, type, mountPoint } = wanted;
  const words = [
    type,
    fileSystem,
    size,
    label && `label ${label}`,
    name && `name ${name}`,
    mountPoint && `at ${mountPoint}`,
  ];
  return words.filter(Boolean).join(" ") || "any";
}

function sayLayout(seen: BlockDevice): string {
  const there = partitions(seen).map(
    ({ path, fileSystem, bytes, label, partitionType, partitionName, mountPoints }) => {
      const [named] = Object.entries(partitionTypes).find(([, types]) => types.includes(partitionType ?? "")) ?? [
        partitionType,
      ];
      const words = [
        named,
        fileSystem,
        `${bytes} bytes`,
        label && `label ${label}`,
        partitionName && `name ${partitionName}`,
        ...mountPoints.map((at) => `at ${at}`),
      ];
      return `${path} ${words.filter(Boolean).join(" ")}`;
    },
  );
  if (there.length > 0) return `${seen.table ?? "no table"}: ${there.join("; ")}`;
  if (seen.fileSystem !== undefined) return seen.fileSystem;
  return seen.table === undefined || seen.type === "part" ? "nothing" : `${seen.table}: no partitions`;
}

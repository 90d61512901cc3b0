// Decides how lsblk's JSON is read, and every sentence about a disk.
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type BlockDevice, blockDevice, deviceAt, disk } from "./disk.ts";

const output = (value: unknown, status = 0) => ({
  stdout: Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
  stderr: "",
  status,
});

/** What lsblk of util-linux 2.38 said on a Debian 12 machine, without the columns that are null. */
const vda1 = {
  path: "/dev/vda1",
  type: "part",
  size: 1572864000,
  start: 2048,
  fstype: "ext4",
  uuid: "11111111-2222-3333-4444-555555555555",
  label: "soe-root",
  parttype: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  partlabel: "root",
  pttype: "gpt",
  serial: null,
  ro: false,
  mountpoints: ["/"],
};
const vda2 = {
  path: "/dev/vda2",
  type: "part",
  size: 52428800,
  start: 3074048,
  fstype: null,
  parttype: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  partlabel: "spare",
  pttype: "gpt",
  ro: false,
  mountpoints: [null],
};
const printed = {
  blockdevices: [
    { path: "/dev/sr0", type: "rom", size: 1073741312, ro: true, serial: "QM00003", mountpoints: [null] },
    {
      path: "/dev/vda",
      type: "disk",
      size: 1677721600,
      start: null,
      pttype: "gpt",
      serial: "SOE1",
      ro: false,
      mountpoints: [null],
      children: [vda2, vda1],
    },
    { path: "/dev/vdb", type: "disk", size: 1048576, pttype: null, fstype: null, ro: false, mountpoints: [null] },
  ],
};
const answers = blockDevice.parse(output(printed), [
  "/dev/vda",
  "/dev/vda1",
  "/dev/vda2",
  "/dev/sr0",
  "/dev/vdb",
  "/dev/x",
]);
const [vda, first, second, rom, empty, absent] = answers as readonly (BlockDevice | undefined)[];

describe("what lsblk printed is read", () => {
  test("disks, partitions below them, what is not there", () => {
    expect(vda).toMatchObject({ type: "disk", bytes: 1677721600, table: "gpt", serial: "SOE1", mountPoints: [] });
    expect(vda?.children).toHaveLength(2);
    expect(first).toMatchObject({ fileSystem: "ext4", label: "soe-root", start: 2048, mountPoints: ["/"] });
    expect(second).toMatchObject({ fileSystem: undefined, partitionType: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b" });
    expect(rom).toMatchObject({ readOnly: true, children: [] });
    expect(absent).toBeUndefined();
  });

  test.each([["nonsense"], [""], [{}], [{ blockdevices: [{ name: "vda" }] }]])("%j is no answer", (said) => {
    expect(() => blockDevice.parse(output(said), ["/dev/vda"])).toThrow(/cannot be read/);
  });
});

probeContract(hostNode, { probe: blockDevice, subject: "/dev/vda", tools: ["lsblk"] });

const root = disk("/dev/vda");
test.each([
  ["exists", root.exists(), true, "disk"],
  ["has size 1600m", root.hasSize("1600m"), true, "1677721600 bytes"],
  ["has size 1g", root.hasSize("1g"), false, "1677721600 bytes"],
  ["is at least 1g", root.isAtLeast("1g"), true, "1677721600 bytes"],
  ["is at least 2g", root.isAtLeast("2g"), false, "1677721600 bytes"],
  ["has serial SOE1", root.hasSerial("SOE1"), true, "SOE1"],
  ["has serial SOE2", root.hasSerial("SOE2"), false, "SOE1"],
  ["is read-only", root.isReadOnly(), false, "writable"],
])("disk /dev/vda %s: %s", (predicate, check, met, seen) => {
  expect(check.title).toBe(`disk /dev/vda ${predicate}`);
  expect(check.judge(vda)).toMatchObject({ met, seen });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "there is no such device" });
});

test("partitions: exactly these, in the order of the disk; what is not said may be anything", () => {
  const wanted = [
    { type: "linux", fileSystem: "ext4", label: "soe-root", size: "1500m", mountPoint: "/" },
    { type: "efi", name: "spare" },
  ] as const;
  const check = root.hasPartitions("gpt", wanted);
  expect(check.title).toBe("disk /dev/vda has partitions gpt: linux ext4 1500m label soe-root at /; efi name spare");
  expect(check.judge(vda)).toMatchObject({ met: true });
  expect(root.hasPartitions("gpt", [{}, {}]).judge(vda)).toMatchObject({ met: true, expected: "gpt: any; any" });
  for (const [table, partitions] of [
    ["dos", wanted],
    ["gpt", [wanted[1], wanted[0]]],
    ["gpt", [wanted[0]]],
    ["gpt", [{ ...wanted[0], size: "2g" }, wanted[1]]],
    ["gpt", [{ ...wanted[0], fileSystem: "xfs" }, wanted[1]]],
    ["gpt", [{ ...wanted[0], mountPoint: "/boot" }, wanted[1]]],
    ["gpt", [wanted[0], { type: "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f" }]],
  ] as const)
    expect(root.hasPartitions(table, partitions).judge(vda)).toMatchObject({
      met: false,
      seen: "gpt: /dev/vda1 linux ext4 1572864000 bytes label soe-root name root at /; /dev/vda2 efi 52428800 bytes name spare",
    });
});

test("empty is without partitions and file system; a partition's table is its disk's", () => {
  expect(disk("/dev/vdb").isEmpty().judge(empty)).toMatchObject({ met: true, seen: "nothing" });
  expect(disk("/dev/vda2").isEmpty().judge(second)).toMatchObject({ met: true });
  expect(disk("/dev/vda1").isEmpty().judge(first)).toMatchObject({ met: false, seen: "ext4" });
  expect(root.isEmpty().judge(vda)).toMatchObject({ met: false });
  expect(root.isEmpty().judge({ ...(vda as BlockDevice), children: [] })).toMatchObject({
    met: false,
    seen: "gpt: no partitions",
  });
});

test("a device goes by the links that lead to it, too", async ({ skip }) => {
  const node = hostNode();
  const { blockdevices } = JSON.parse(await node.succeed(["lsblk", "-J", "-o", "PATH,KNAME"])) as {
    blockdevices: readonly { path: string; kname: string }[];
  };
  const [first] = blockdevices;
  if (first === undefined) return skip("this machine has no disk");
  const directory = mkdtempSync(join(tmpdir(), "assay-disk-"));
  symlinkSync(`/dev/${first.kname}`, join(directory, "by-name"));
  symlinkSync("/dev/nosuch", join(directory, "by-nobody"));
  expect(await deviceAt(node, join(directory, "by-name"))).toMatchObject({ path: first.path });
  expect(await deviceAt(node, join(directory, "by-nobody"))).toBeUndefined();
  rmSync(directory, { recursive: true });
  await node.close();
});

test("a volume is found by the name that the kernel has for it", () => {
  const volume = { name: "vg-lv", path: "/dev/mapper/vg-lv", kname: "dm-0", type: "lvm", size: 1 };
  expect(blockDevice.parse(output({ blockdevices: [volume] }), ["/dev/dm-0"])).toMatchObject([{ path: volume.path }]);
});

test("what is no device is refused", () => {
  expect(() => disk("vda")).toThrow(DeclarationError);
});

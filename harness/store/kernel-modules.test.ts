// Which modules are loaded in which order, from lines that depmod wrote for Debian's 6.1 cloud kernel.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isStatic } from "./carrier-initrd.ts";
import { moduleName, modulesFor } from "./kernel-modules.ts";

const dep = `kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko: kernel/arch/x86/crypto/crc32c-intel.ko
kernel/arch/x86/crypto/crc32c-intel.ko:
kernel/fs/mbcache.ko:
kernel/lib/crc16.ko:
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko
kernel/drivers/virtio/virtio.ko:
`;
const builtin = "kernel/drivers/char/hw_random/virtio-rng.ko\n";

test("what a module needs comes before it, once; what is built in is left out; what is nowhere is told", () => {
  const { paths, missing } = modulesFor(["virtio_rng", "virtio_blk", "ext4", "virtio_blk", "zfs"], { dep, builtin });
  expect(paths.map(moduleName)).toEqual([
    ...["virtio", "virtio_ring", "virtio_blk"],
    ...["crc16", "mbcache", "crc32c_intel", "jbd2", "ext4"],
  ]);
  expect(missing).toEqual(["zfs"]);
});

test("a compressed module is called as the kernel calls it", () => {
  expect(moduleName("kernel/arch/x86/crypto/crc32c-intel.ko.xz")).toBe("crc32c_intel");
});

test("a program that needs libraries is told from one that does not", () => {
  expect(isStatic(readFileSync("/bin/ls"))).toBe(false);
  expect(isStatic(Buffer.from("#!/bin/sh\n"))).toBe(false);
  const alone = Buffer.alloc(128);
  alone.write("\x7fELF\x02", "latin1");
  alone.writeBigUInt64LE(64n, 32);
  alone.writeUInt16LE(56, 54);
  alone.writeUInt16LE(1, 56);
  alone.writeUInt32LE(1, 64);
  expect(isStatic(alone)).toBe(true);
});

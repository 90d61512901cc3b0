// GRUB's parts as we patch them: bytes at their places, and nothing else touched.
import { expect, test } from "vitest";
import { checkLoader, patchedBoot, patchedCore } from "./boot-loader.ts";

test("the boot sector names the core's sector, trusts the drive number, and leaves the partition table's place alone", () => {
  const image = Buffer.alloc(512, 0xaa);
  const boot = patchedBoot(image, 2048);
  expect(boot.length).toBe(440);
  expect(boot.readBigUInt64LE(0x5c)).toBe(2048n);
  expect(boot.subarray(0x66, 0x68).toString("hex")).toBe("9090");
  const changed = [...boot.keys()].filter((at) => boot[at] !== 0xaa);
  expect(changed).toEqual([0x5c, 0x5d, 0x5e, 0x5f, 0x60, 0x61, 0x62, 0x63, 0x66, 0x67]);
  expect(image.every((byte) => byte === 0xaa)).toBe(true);
});

test("the core's list begins at its second sector; its length stays", () => {
  const core = Buffer.alloc(1024, 0xaa);
  const patched = patchedCore(core, 2048);
  expect(patched.readBigUInt64LE(500)).toBe(2049n);
  expect([...patched.keys()].filter((at) => patched[at] !== 0xaa)).toEqual([500, 501, 502, 503, 504, 505, 506, 507]);
});

test("what is not installed is refused with the packages that bring it", () => {
  expect(() => checkLoader("one", (path) => !path.includes("efi"))).toThrow(
    "build one: GRUB's parts for x86_64-efi are not installed",
  );
  checkLoader("one", () => true);
});

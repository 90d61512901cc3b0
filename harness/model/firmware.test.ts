// Decides which firmware descriptors are ones that a machine can boot with.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { findUefi, uefiIn } from "./firmware.ts";

const here = mkdtempSync(join(tmpdir(), "assay-firmware-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

/** As Debian's ovmf describes its firmware. */
const plain = {
  description: "UEFI firmware for x86_64, without Secure Boot without SMM, with empty varstore",
  "interface-types": ["uefi"],
  mapping: {
    device: "flash",
    executable: { filename: "/f/CODE.fd", format: "raw" },
    "nvram-template": { filename: "/f/VARS.fd", format: "raw" },
  },
  targets: [{ architecture: "x86_64", machines: ["pc-i440fx-*", "pc-q35-*"] }],
  features: ["acpi-s3", "amd-sev", "verbose-dynamic"],
  tags: [],
};

test("one that fits", () =>
  expect(uefiIn(JSON.stringify(plain))).toEqual([{ code: "/f/CODE.fd", vars: "/f/VARS.fd" }]));

test.each([
  ["Secure Boot", { ...plain, features: ["acpi-s3", "secure-boot", "requires-smm"] }],
  ["a BIOS", { ...plain, "interface-types": ["bios"] }],
  ["another processor's", { ...plain, targets: [{ architecture: "aarch64", machines: ["virt-*"] }] }],
  ["another machine's", { ...plain, targets: [{ architecture: "x86_64", machines: ["microvm"] }] }],
  ["without variables", { ...plain, mapping: { executable: plain.mapping.executable } }],
  ["memory-mapped", { ...plain, mapping: { device: "memory", filename: "/f/OVMF.fd" } }],
  [
    "compressed",
    { ...plain, mapping: { ...plain.mapping, executable: { filename: "/f/CODE.qcow2", format: "qcow2" } } },
  ],
])("not %s", (_, descriptor) => expect(uefiIn(JSON.stringify(descriptor))).toEqual([]));

test("what is no JSON is somebody else's to mend", () => expect(uefiIn("{")).toEqual([]));

test("by name, the first whose files are there", () => {
  const [one, two] = [join(here, "one"), join(here, "two")];
  const describe = (place: string, name: string, code: string) => {
    const executable = { filename: code, format: "raw" };
    const template = { filename: join(here, "VARS.fd"), format: "raw" };
    const descriptor = { ...plain, mapping: { device: "flash", executable, "nvram-template": template } };
    writeFileSync(join(place, name), JSON.stringify(descriptor));
  };
  for (const place of [one, two]) mkdirSync(place);
  for (const name of ["VARS.fd", "B.fd", "C.fd"]) writeFileSync(join(here, name), "");
  describe(one, "60-b.json", join(here, "B.fd"));
  describe(one, "50-gone.json", join(here, "GONE.fd"));
  describe(two, "10-c.json", join(here, "C.fd"));
  writeFileSync(join(one, "README"), "no descriptor");
  mkdirSync(join(one, "00-nobody-can-read.json"));
  expect(findUefi([join(here, "none"), one, two])?.code).toBe(join(here, "B.fd"));
  expect(findUefi([two, one])?.code).toBe(join(here, "C.fd"));
});

import { expect, test } from "vitest";
import { bootSector, flagIn, type VirtualisationFacts, virtualisationFinding } from "./virtualisation.ts";

const cpu = (flags: string) =>
  `processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu vme ${flags} sse2\nbugs\t\t: sysret\n`;

test.each([
  ["svm", "svm", "svm"],
  ["vmx", "vmx", "vmx"],
  ["none", "hypervisor", undefined],
  ["a flag that only begins like one", "svm_lock vmx_x", undefined],
])("CPU flags: %s", (_name, flags, flag) => {
  expect(flagIn(cpu(flags))).toBe(flag);
});

const works: VirtualisationFacts = { arch: "x64", flag: "svm", device: "opens", guest: { ran: true, ms: 90 } };

test.each<[string, Partial<VirtualisationFacts>, string, RegExp | undefined]>([
  ["all three", {}, "yes", undefined],
  ["no flag, though the device opens", { flag: undefined }, "no", /neither vmx nor svm/],
  ["no device", { device: "ENOENT", guest: undefined }, "no", /no usable KVM device/],
  ["no permission", { device: "EACCES", guest: undefined }, "no", /may not open/],
  ["no QEMU to try with", { guest: undefined }, "unknown", /no QEMU/],
  ["a guest that hangs", { guest: { ran: false, seen: "no sign of life within 5000 ms" } }, "no", /no sign of life/],
  ["another architecture has no such flag", { arch: "arm64", flag: undefined }, "yes", undefined],
])("hardware virtualisation: %s", (_name, facts, can, cause) => {
  const finding = virtualisationFinding({ ...works, ...facts });
  expect(finding.can).toBe(can);
  if (cause === undefined) expect(finding.cause).toBeUndefined();
  else expect(finding.cause).toMatch(cause);
  if (can === "no") expect(finding.remedy).toBeDefined();
});

test("a QEMU that is not there did not run a guest", async () => {
  expect(await bootSector("/no/such/qemu", "tcg")).toEqual({ ran: false, seen: expect.stringContaining("ENOENT") });
});

test("a program that fails gives its last words", async () => {
  // Any program stands for a QEMU that cannot be used: what counts is the exit status of the sign of life.
  expect(await bootSector("/bin/false", "tcg")).toEqual({ ran: false, seen: "QEMU ended with 1" });
});

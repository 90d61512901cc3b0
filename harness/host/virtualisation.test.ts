import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bootTrial } from "./boot-trial.ts";
import { flagIn, qemuUser, tryBoth, type VirtualisationFacts, virtualisationFinding } from "./virtualisation.ts";

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
  expect(await bootTrial("/no/such/qemu", "tcg")).toEqual({ ran: false, seen: expect.stringContaining("ENOENT") });
});

test("a program that fails gives its last words", async () => {
  // Any program stands for a QEMU that cannot be used: what counts is the exit status of the sign of life.
  expect(await bootTrial("/bin/false", "tcg")).toEqual({ ran: false, seen: "QEMU ended with 1" });
});

describe("emulated and with KVM, one after the other", () => {
  /** A program in the place of QEMU; 85 is the probe kernel's sign of life. */
  async function tried(emulated: string, kvm: string) {
    const directory = mkdtempSync(join(tmpdir(), "assay-qemu-"));
    try {
      const file = join(directory, "qemu");
      writeFileSync(file, `#!/bin/sh\ncase "$*" in *"-accel tcg"*) ${emulated};; *"-accel kvm"*) ${kvm};; esac\n`);
      chmodSync(file, 0o755);
      return await tryBoth(file, undefined);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  test("a guest that runs about as fast with KVM", async () => {
    expect(await tried("sleep 0.2; exit 85", "exit 85")).toMatchObject({ ran: true });
  });
  test("one that runs, and many times slower than emulated, has no hardware behind it", async () => {
    const trial = await tried("exit 85", "exec sleep 30");
    const seen = trial.ran ? "" : trial.seen;
    const [, waited, emulated] = /^no sign of life within (\d+) ms; emulated it took (\d+) ms$/.exec(seen) ?? [];
    expect(Number(waited)).toBe(8 * Number(emulated));
  });
  test("one that dies", async () => {
    expect(await tried("exit 85", "echo KVM: entry failed >&2; exit 1")).toMatchObject({
      ran: false,
      seen: expect.stringMatching(/^KVM: entry failed; emulated/),
    });
  });
  test("a QEMU that does not even emulate", async () => {
    expect(await tried("echo no BIOS >&2; exit 1", "exit 85")).toEqual({
      ran: false,
      seen: "not even emulated: no BIOS",
    });
  });
});

test("only the system's daemon runs QEMU as somebody else, and only root can try that", () => {
  expect(qemuUser({ path: "", uid: 1000, libvirtUri: "qemu:///system" })).toBeUndefined();
  expect(qemuUser({ path: "", uid: 0, libvirtUri: "qemu:///session" })).toBeUndefined();
});

// The probe kernel on the QEMU of this machine.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bootTrial } from "./boot-trial.ts";
import { probeKernel } from "./probe-kernel.ts";
import { findTool } from "./tools.ts";
import { qemuUser } from "./virtualisation.ts";

const qemu = "/usr/bin/qemu-system-x86_64";

test("it runs emulated, also as the user that libvirt runs QEMU as", async () => {
  expect(await bootTrial(qemu, "tcg", { deadlineMs: 30_000 })).toMatchObject({ ran: true });
  const as = qemuUser({ path: "", uid: 0, libvirtUri: "qemu:///system" });
  expect(as).toBeDefined();
  expect(await bootTrial(qemu, "tcg", { deadlineMs: 30_000, as })).toMatchObject({ ran: true });
});

test("a QEMU that refuses tells why", async () => {
  const nobody = { uid: 65534, gid: 65534 };
  const trial = await bootTrial(qemu, "kvm", { deadlineMs: 30_000, as: nobody });
  expect(trial).toMatchObject({ ran: false, seen: expect.stringMatching(/kvm/i) });
});

test("its machine code is what its source says", ({ skip }) => {
  if (findTool("as", "") === undefined || findTool("ld", "") === undefined)
    skip("no as and ld: apt-get install binutils");
  const directory = mkdtempSync(join(tmpdir(), "assay-kernel-"));
  try {
    const [object, kernel] = [join(directory, "kernel.o"), join(directory, "kernel")];
    const source = join(import.meta.dirname, "probe-kernel.s");
    expect(spawnSync("as", ["--64", source, "-o", object])).toMatchObject({ status: 0 });
    const link = ["-Ttext", "0x7c00", "--oformat", "binary", "-e", "start", object, "-o", kernel];
    expect(spawnSync("ld", link)).toMatchObject({ status: 0 });
    expect(readFileSync(kernel).equals(probeKernel())).toBe(true);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { firmwareIn, machineFindings, qemuVersionIn } from "./machine-findings.ts";

test("QEMU's version, as recorded", () => {
  const recorded = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022\n";
  expect(qemuVersionIn(recorded)).toBe("7.2.22");
  expect(qemuVersionIn("qemu: not found")).toBeUndefined();
});

// As Debian 12's package ovmf has them, less what does not matter here.
const described = (filename: string, features: readonly string[], machine = "pc-q35-*") =>
  JSON.stringify({
    "interface-types": ["uefi"],
    mapping: { device: "flash", executable: { filename, format: "raw" } },
    targets: [{ architecture: "x86_64", machines: [machine] }],
    features,
  });

test("firmware is what the descriptions name, without the kind that insists on signatures", () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-firmware-"));
  try {
    expect(firmwareIn(directory)).toEqual({ files: [] });
    writeFileSync(join(directory, "40.json"), described("/ms.fd", ["secure-boot", "enrolled-keys"]));
    writeFileSync(join(directory, "60.json"), described("/plain.fd", ["acpi-s3"]));
    writeFileSync(join(directory, "70.json"), described("/virt.fd", [], "virt-*"));
    expect(firmwareIn(directory)).toEqual({ files: ["/plain.fd"] });
    writeFileSync(join(directory, "80.json"), "{");
    expect(firmwareIn(directory).why).toMatch(/JSON/);
  } finally {
    rmSync(directory, { recursive: true });
  }
  expect(firmwareIn(directory).why).toMatch(/ENOENT/);
});

test("each no has its cause and its remedy, and none stops containers", async () => {
  const findings = await machineFindings({ path: "", libvirtUri: "qemu:///system", disks: "/no/such/disks" });
  const disks = findings.find(({ what }) => what === "disks of machines");
  expect(disks).toMatchObject({ can: "no", cause: expect.stringContaining("/no") });
  for (const finding of findings) {
    expect(finding.needed).toBe(false);
    if (finding.can === "no") expect([finding.cause, finding.remedy], finding.what).not.toContain(undefined);
  }
});

test("a session's QEMU is this very user, who reaches its own disks", async () => {
  const findings = await machineFindings({ path: "", libvirtUri: "qemu:///session", disks: "/no/such/disks" });
  expect(findings.map(({ what }) => what)).not.toContain("disks of machines");
});

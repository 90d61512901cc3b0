import { expect, test } from "vitest";
import { findUefi } from "../model/firmware.ts";
import { machineFindings, qemuVersionIn } from "./machine-findings.ts";

test("QEMU's version, as recorded", () => {
  const recorded = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022\n";
  expect(qemuVersionIn(recorded)).toBe("7.2.22");
  expect(qemuVersionIn("qemu: not found")).toBeUndefined();
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

test("the firmware that is told is the one that machines are given", async () => {
  const findings = await machineFindings({ path: "", libvirtUri: "qemu:///session", disks: "/no/such/disks" });
  const given = findUefi();
  expect(findings.find(({ what }) => what === "UEFI firmware")).toMatchObject(
    given === undefined ? { can: "no" } : { can: "yes", detail: given.code },
  );
});

test("a session's QEMU is this very user, who reaches its own disks", async () => {
  const findings = await machineFindings({ path: "", libvirtUri: "qemu:///session", disks: "/no/such/disks" });
  expect(findings.map(({ what }) => what)).not.toContain("disks of machines");
});

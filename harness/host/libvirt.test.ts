import { expect, test } from "vitest";
import { type LibvirtFacts, libvirtFinding } from "./libvirt.ts";

const program = "/usr/sbin/libvirtd";

test.each<[string, LibvirtFacts, string, RegExp]>([
  ["listens", { program, listens: "/run/libvirt/libvirt-sock", refusals: ["ENOENT"] }, "yes", /listens at/],
  ["not installed", { program: undefined, listens: undefined, refusals: ["ENOENT", "ENOENT"] }, "no", /not installed/],
  [
    "installed, not running",
    { program, listens: undefined, refusals: ["ECONNREFUSED", "ENOENT"] },
    "no",
    /is installed/,
  ],
  ["not for this user", { program, listens: undefined, refusals: ["EACCES", "ENOENT"] }, "no", /libvirtd/],
])("libvirt: %s", (_name, facts, can, detail) => {
  const finding = libvirtFinding(facts);
  expect(finding).toMatchObject({ can, needed: false, detail: expect.stringMatching(detail) });
  if (can === "no") expect([finding.cause, finding.remedy]).not.toContain(undefined);
});

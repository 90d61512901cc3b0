import { expect, test } from "vitest";
import { type SelinuxFacts, selinuxFinding } from "./selinux.ts";

test.each<[string, SelinuxFacts, string, RegExp]>([
  ["no SELinux", { enforce: undefined, filesystems: "nodev\tsysfs\n", engine: [] }, "no", /runs without it/],
  ["no policy", { enforce: undefined, filesystems: "nodev\tselinuxfs\n", engine: [] }, "no", /no policy/],
  ["permissive", { enforce: "0", filesystems: undefined, engine: ["name=selinux"] }, "no", /permissive/],
  [
    "engine without",
    { enforce: "1", filesystems: undefined, engine: ["name=seccomp,profile=default"] },
    "no",
    /enforcing/,
  ],
  ["engine with", { enforce: "1\n", filesystems: undefined, engine: ["name=selinux"] }, "yes", /labels containers/],
  ["engine not asked", { enforce: "1", filesystems: undefined, engine: undefined }, "unknown", /not asked/],
])("%s", (_name, facts, can, detail) => {
  const finding = selinuxFinding(facts);
  expect(finding).toMatchObject({ can, needed: false, detail: expect.stringMatching(detail) });
  if (can === "no") expect([finding.cause, finding.remedy]).not.toContain(undefined);
});

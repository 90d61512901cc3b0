import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askLibvirt, type LibvirtFacts, libvirtFinding, versionsIn } from "./libvirt-answer.ts";

const recorded = `Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.22
Running against daemon: 9.0.0

`;

describe("versions in what virsh prints", () => {
  test("as recorded: the daemon's counts, not the library's", () => {
    expect(versionsIn(recorded)).toEqual({ libvirt: "9.0.0", qemu: "7.2.22" });
    expect(versionsIn(recorded.replace("daemon: 9.0.0", "daemon: 11.3.0"))?.libvirt).toBe("11.3.0");
  });
  test("without a QEMU libvirt still has a version", () => {
    const without = recorded.replace(
      "Running hypervisor: QEMU 7.2.22",
      "Cannot extract running QEMU hypervisor version",
    );
    expect(versionsIn(without)).toEqual({ libvirt: "9.0.0", qemu: undefined });
  });
  test("nothing", () => {
    expect(versionsIn("")).toBeUndefined();
  });
});

const ready: LibvirtFacts = {
  uri: "qemu:///system",
  program: "/usr/sbin/libvirtd",
  knocked: { listens: "/run/libvirt/libvirt-sock", refusals: ["ENOENT"] },
  answer: { state: "answers", libvirt: "9.0.0", qemu: "7.2.22" },
};
const nobody = { listens: undefined, refusals: ["ECONNREFUSED", "ENOENT"] };
const failed = {
  state: "refuses",
  seen: "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file",
} as const;
const silent = { state: "silent", seen: "no answer within 5000 ms" } as const;
// As recorded for a user outside the group, on a machine without a message bus.
const foreign = {
  state: "refuses",
  seen: "internal error: Unable to get system bus connection: Could not connect",
} as const;

test.each<[string, Partial<LibvirtFacts>, string, RegExp, RegExp]>([
  ["answers", {}, "yes", /9\.0\.0, at qemu:\/\/\/system/, /^undefined$/],
  ["no virsh", { answer: undefined }, "no", /no virsh/, /setup/],
  ["not installed", { program: undefined, knocked: nobody, answer: failed }, "no", /not installed/, /setup/],
  ["not running", { knocked: nobody, answer: failed }, "no", /is installed/, /setup/],
  ["runs and hangs", { answer: silent }, "unknown", /no answer/, /libvirtd's log/],
  ["not for this user", { answer: foreign }, "no", /bus connection/, /usermod -aG libvirt/],
  ["refuses", { answer: { state: "refuses", seen: "internal error: x" } }, "no", /internal error: x/, /libvirtd's log/],
  ["far away, refuses", { uri: "qemu+ssh://far/system", answer: failed }, "no", /qemu\+ssh/, /LIBVIRT_DEFAULT_URI/],
  ["far away, silent", { uri: "qemu+ssh://far/system", answer: silent }, "unknown", /no answer/, /LIBVIRT_DEFAULT_URI/],
  [
    "a session, not installed",
    { uri: "qemu:///session", program: undefined, answer: failed },
    "no",
    /not inst/,
    /setup/,
  ],
  [
    "a session that does not come up",
    { uri: "qemu:///session", knocked: nobody, answer: failed },
    "no",
    /session/,
    /./,
  ],
])("libvirt: %s", (_name, facts, can, detail, remedy) => {
  const finding = libvirtFinding({ ...ready, ...facts });
  expect(finding).toMatchObject({ can, needed: false, detail: expect.stringMatching(detail) });
  expect(String(finding.remedy)).toMatch(remedy);
  expect(finding.cause === undefined).toBe(can === "yes");
});

describe("asking", () => {
  /** A program in the place of virsh. */
  async function asked(script: string, timeoutMs?: number) {
    const directory = mkdtempSync(join(tmpdir(), "assay-virsh-"));
    try {
      const file = join(directory, "virsh");
      writeFileSync(file, `#!/bin/sh\n${script}\n`);
      chmodSync(file, 0o755);
      return await askLibvirt(file, "qemu:///system", timeoutMs);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  test("its words are asked for in English, at the URI", async () => {
    const answer = await asked('echo "error: $LC_ALL $*" >&2; exit 1');
    expect(answer).toEqual({ state: "refuses", seen: "C --connect qemu:///system version --daemon" });
  });
  test("the last complaint is told", async () => {
    const answer = await asked("echo 'error: failed to connect\nerror: no such file' >&2; exit 1");
    expect(answer).toEqual({ state: "refuses", seen: "no such file" });
  });
  test("no answer in time, no words, no program: none of them is a no", async () => {
    expect(await asked("exec sleep 60", 100)).toEqual({ state: "silent", seen: "no answer within 100 ms" });
    expect(await asked("exit 7")).toEqual({ state: "silent", seen: "virsh ended with 7" });
    expect(await asked("exit 0")).toMatchObject({ state: "silent" });
    expect(await askLibvirt("/no/such/virsh", "qemu:///system")).toMatchObject({ state: "silent" });
  });
});

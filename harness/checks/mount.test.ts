// Decides that mountinfo is read, and every sentence about it.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { mount, mountFacts, readMountLine } from "./mount.ts";
import { mountAnswer } from "./mount-answer.ts";

// Recorded in a Debian 12 container.
const shm = "88 74 0:47 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k";
const hosts =
  "91 72 254:0 /var/lib/docker/containers/a0ff/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw,discard,resv_strict";
const cgroup = "78 77 0:29 /docker/a0ff /sys/fs/cgroup/cpu ro,nosuid,relatime master:2 - cgroup cgroup rw,cpu";

test("lines of mountinfo are read", () => {
  expect(readMountLine(shm)).toEqual({
    target: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    root: "/",
    options: ["rw", "nosuid", "nodev", "noexec", "relatime", "size=65536k"],
  });
  expect(readMountLine(hosts)).toMatchObject({ root: "/var/lib/docker/containers/a0ff/hosts", source: "/dev/vda" });
});

test("a mount that is read-only on a writable file system is read-only", () => {
  expect(readMountLine(cgroup)?.options).toEqual(["ro", "nosuid", "relatime", "cpu"]);
});

test("escaped names are unescaped", () => {
  const line = String.raw`1 2 0:4 /a\134b /mnt/with\040space rw shared:1 - nfs4 server:/x\040y rw`;
  expect(readMountLine(line)).toMatchObject({ root: "/a\\b", target: "/mnt/with space", source: "server:/x y" });
});

test("of several mounts at one place the uppermost is seen; other places have none", () => {
  const upper = shm.replace("size=65536k", "size=1k");
  const output = { status: 0, stdout: Buffer.from(`${shm}\n${hosts}\n${upper}\n`), stderr: "" };
  const [seen, nothing] = mountFacts.parse(output, ["/dev/shm", "/dev"]);
  expect(seen).toMatchObject({ options: expect.arrayContaining(["size=1k"]) });
  expect(nothing).toBeUndefined();
});

test("no mounts at all, or lines of another kind, are no answer", () => {
  const output = (text: string, status = 0) => ({
    status,
    stdout: Buffer.from(text),
    stderr: "cat: Permission denied",
  });
  expect(() => mountFacts.parse(output(""), ["/"])).toThrow(ObservationError);
  expect(() => mountFacts.parse(output("what?\n"), ["/"])).toThrow(/cannot be read/);
  expect(() => mountFacts.parse(output("", 1), ["/"])).toThrow(/Permission denied/);
});

probeContract(hostNode, { probe: mountFacts, subject: "/proc", tools: ["cat"] });

test.each([
  ["mount /dev/shm exists", mount("/dev/shm").exists(), true],
  ["mount /dev/shm has type tmpfs", mount("/dev/shm/").hasType("tmpfs"), true],
  ["mount /dev/shm has type ext4", mount("/dev/shm").hasType("ext4"), false],
  ["mount /dev/shm has source shm", mount("/dev/shm").hasSource("shm"), true],
  ["mount /dev/shm has source x", mount("/dev/shm").hasSource("x"), false],
  ["mount /dev/shm has root /", mount("/dev/shm").hasRoot("/"), true],
  ["mount /dev/shm has root /x", mount("/dev/shm").hasRoot("/x"), false],
  ["mount /dev/shm has option noexec", mount("/dev/shm").hasOption("noexec"), true],
  ["mount /dev/shm has option ro", mount("/dev/shm").hasOption("ro"), false],
])("%s", (title, check, met) => {
  expect(check.title).toBe(title);
  expect(check.judge(readMountLine(shm))).toMatchObject({ met, seen: expect.stringContaining("tmpfs from shm") });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "nothing is mounted there" });
});

test("a relative path is refused", () => {
  expect(() => mount("data")).toThrow(DeclarationError);
});

describe("whether it answers", () => {
  const asked = { target: "/vfx", within: 5 };
  const read = (text: string, status: string) =>
    mountAnswer.parse({ status: 0, stdout: framed([[text, status]]), stderr: "" }, [asked])[0];
  const useless = (words: string) => `stat: cannot read file system information for '/vfx': ${words}\n`;

  test("an answer, none in time, and one that says that it is of no use", () => {
    expect(read("type nfs\n", "0")).toEqual({ answers: true });
    // Recorded, of a client whose server had crashed.
    expect(read("Killed\n", "137")).toEqual({ answers: false, late: true, said: "no answer within 5 s" });
    expect(read(useless("Stale file handle"), "1")).toEqual({ answers: false, said: "Stale file handle" });
    expect(read(useless("Input/output error"), "1")).toEqual({ answers: false, said: "Input/output error" });
  });

  test("a refusal, nothing, and any other words are no answer", () => {
    expect(read(useless("Permission denied"), "1")).toMatchObject({ code: "probe-denied" });
    expect(read(useless("Too many levels of symbolic links"), "1")).toMatchObject({ code: "probe-failed" });
    expect(read("", "0")).toMatchObject({ code: "probe-unreadable" });
    expect(read("stat: not found", "127")).toMatchObject({ code: "probe-missing" });
  });

  probeContract(hostNode, { probe: mountAnswer, subject: { target: "/proc", within: 5 }, tools: ["timeout", "stat"] });

  test("judges", () => {
    const check = mount("/dev/shm").answers();
    expect(check.title).toBe("mount /dev/shm answers within 5s");
    const mounted = readMountLine(shm);
    expect(check.judge({ mounted, answer: { answers: true } })).toMatchObject({
      met: true,
      seen: expect.stringMatching(/^it answers: tmpfs from shm/),
    });
    const late = { answers: false, late: true, said: "no answer within 5 s" } as const;
    expect(check.judge({ mounted, answer: late })).toMatchObject({
      met: false,
      seen: expect.stringMatching(/^no answer within 5 s: tmpfs from shm/),
    });
    expect(check.judge({ mounted: undefined, answer: late })).toMatchObject({ seen: "nothing is mounted there" });
  });

  test.each(["1500ms", "0s", "1m"] as const)("%s is refused", (within) => {
    expect(() => mount("/vfx").answers({ within })).toThrow(DeclarationError);
  });
});

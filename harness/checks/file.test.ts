// Decides every sentence about a file, both ways.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { file } from "./file.ts";
import type { FileStat } from "./file-stat.ts";

const plain: FileStat = {
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 42,
  user: "root",
  group: "shadow",
  size: 12,
  target: undefined,
};
const link: FileStat = { ...plain, type: "symbolic link", mode: 0o777, target: "../b" };
const unnamed: FileStat = { ...plain, uid: 1000, gid: 1000, user: undefined, group: undefined };
const a = file("/a");

test.each([
  ["a is a file", a.isFile(), plain, link],
  ["a is a directory", a.isDirectory(), { ...plain, type: "directory" as const }, plain],
  ["a is a symbolic link", a.isSymlink(), link, plain],
  ["a is a socket", a.isSocket(), { ...plain, type: "socket" as const }, plain],
  ["a is a fifo", a.isFifo(), { ...plain, type: "fifo" as const }, plain],
  ["a is a block device", a.isBlockDevice(), { ...plain, type: "block device" as const }, plain],
  ["a is a character device", a.isCharacterDevice(), { ...plain, type: "character device" as const }, plain],
  ["a has mode 0644", a.hasMode(0o644), plain, { ...plain, mode: 0o4644 }],
  ["a is owned by root", a.ownedBy("root"), plain, unnamed],
  ["a is owned by 0:42", a.ownedBy(0, 42), plain, { ...plain, gid: 43 }],
  ["a is owned by root:shadow", a.ownedBy("root", "shadow"), plain, { ...plain, group: "root" }],
  ["a is owned by 1000:1000", a.ownedBy(1000, 1000), unnamed, plain],
  ["a has 12 bytes", a.hasSize(12), plain, { ...plain, size: 13 }],
  ["a links to ../b", a.linksTo("../b"), link, { ...link, target: "/b" }],
])("file /%s: met, not met, and not there", (title, check, met, unmet) => {
  expect(check.title).toBe(`file /${title}`);
  expect(check.command).toBe("stat /a");
  expect(check.judge(met)).toMatchObject({ met: true });
  expect(check.judge(unmet)).toMatchObject({ met: false, seen: expect.not.stringContaining("undefined") });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "it does not exist" });
});

describe("judges of contents, sums and labels", () => {
  const contents = (text: string) => ({ bytes: Buffer.from(text), whole: true });

  test("exists", () => {
    expect(a.exists().judge(link)).toMatchObject({ met: true });
    expect(a.exists().judge(undefined)).toEqual({ met: false, expected: "something there", seen: "it does not exist" });
  });

  test("contains: text or pattern; a pattern with a memory has none here", () => {
    expect(a.contains("b.d").judge(contents("ab.dc"))).toMatchObject({ met: true });
    expect(a.contains("b.d").judge(contents("abxd"))).toMatchObject({ met: false, seen: '"abxd"' });
    const sticky = a.contains(/^b$/gm);
    expect([1, 2, 3].map(() => sticky.judge(contents("a\nb\n")))).toMatchObject([
      { met: true },
      { met: true },
      { met: true },
    ]);
    expect(a.contains("x").judge({ nothing: "absent" })).toMatchObject({ met: false, seen: "it does not exist" });
    expect(a.contains("x").judge({ nothing: "irregular" })).toMatchObject({ met: false, seen: "not a regular file" });
  });

  test("a long file is shown by its ends", () => {
    const judgement = a.contains("needle").judge(contents(`first ${"x".repeat(5000)} last`));
    expect(judgement).toMatchObject({
      met: false,
      seen: expect.stringMatching(/^"first x+" … "x+ last" \(5011 characters\)$/),
    });
  });

  test("hasContents: byte for byte", () => {
    expect(a.hasContents("x\n").judge(contents("x\n"))).toMatchObject({ met: true });
    expect(a.hasContents("x\n").judge(contents("x"))).toMatchObject({ met: false });
    expect(a.hasContents(new Uint8Array([0, 255])).judge({ bytes: Buffer.from([0, 255]), whole: true })).toMatchObject({
      met: true,
    });
    expect(a.hasContents("x").judge({ bytes: Buffer.from("x"), whole: false })).toMatchObject({ met: false });
    expect(a.hasContents("x").judge({ nothing: "absent" })).toMatchObject({ met: false });
  });

  test("hasSha256: upper or lower case", () => {
    const sum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    expect(a.hasSha256(sum.toUpperCase()).judge(sum)).toMatchObject({ met: true });
    expect(a.hasSha256(sum).judge("0".repeat(64))).toMatchObject({ met: false, expected: sum });
    expect(a.hasSha256(sum).judge({ nothing: "irregular" })).toMatchObject({ met: false });
  });

  test("isLabelled: met, not met, none, skipped without SELinux", () => {
    const check = a.isLabelled("etc_t");
    expect(check.judge({ selinux: true, label: "system_u:object_r:etc_t:s0" })).toMatchObject({ met: true });
    expect(check.judge({ selinux: true, label: "none" })).toMatchObject({ met: false, seen: "no label" });
    expect(check.judge(undefined)).toMatchObject({ met: false });
    expect(check.judge({ selinux: false })).toEqual({ skipped: "the node's kernel has no SELinux" });
  });
});

describe("what a person gets wrong is told", () => {
  test("a mode in decimal", () => {
    expect(a.hasMode(644).judge(plain)).toMatchObject({
      met: false,
      expected: "1204 (644 in decimal; did you mean 0o644?)",
    });
  });

  test.each([
    ["a relative path", () => file("etc/passwd")],
    ["a mode beyond the bits", () => a.hasMode(100644)],
    ["a sum that is none", () => a.hasSha256("abc")],
  ])("%s is refused where it is written", (_, declare) => {
    expect(declare).toThrow(DeclarationError);
    expect(declare).toThrow(/file\.test\.ts:\d+/);
  });
});

describe("on this machine", () => {
  test("sentences about one file asked together are judged on one answer", async () => {
    const node = hostNode();
    const checks = [
      file("/etc/passwd").exists(),
      file("/etc/passwd").isFile(),
      file("/etc/passwd").ownedBy("root", "root"),
    ];
    const seen = await Promise.all(checks.map((check) => check.observe(node)));
    expect(new Set(seen).size).toBe(1);
    expect(checks.map((check, index) => check.judge(seen[index]))).toMatchObject(checks.map(() => ({ met: true })));
    await node.close();
  });

  test("a path that may not be entered is an error, never absent", async () => {
    const node = hostNode();
    const nobody = node.as("65534:65534");
    for (const check of [
      file("/proc/1/cwd/x").exists(),
      file("/proc/1/cwd/x").contains("x"),
      file("/proc/1/cwd/x").hasSha256("0".repeat(64)),
    ]) {
      await expect(check.observe(nobody)).rejects.toThrow(ObservationError);
      await expect(check.observe(nobody)).rejects.toMatchObject({ code: "probe-denied", node: "host" });
    }
    await node.close();
  });

  test("what a long file's beginning lacks is not called absent", async () => {
    const node = hostNode();
    const path = await node.succeed(["mktemp"]);
    await node.succeed(["truncate", "-s", "17M", path]);
    await expect(file(path).contains("needle").observe(node)).rejects.toMatchObject({ code: "probe-failed" });
    await node.succeed(["rm", path]);
    await node.close();
  });
});

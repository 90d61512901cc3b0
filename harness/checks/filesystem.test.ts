// Decides how findmnt, stat and tune2fs are read, and every sentence about a file system.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { filesystem, requireExt, requireNames } from "./filesystem.ts";
import { checkState, type FileSystemFacts, fileSystemFacts } from "./filesystem-facts.ts";
import { framed } from "./frames.ts";
import type { FstabEntry } from "./fstab.ts";

const output = (frames: Parameters<typeof framed>[0], stderr = "") => ({ stdout: framed(frames), stderr, status: 0 });
const uuid = "11111111-2222-3333-4444-555555555555";

/** What findmnt, stat and tune2fs said on a Debian 12 machine. */
const mounts = JSON.stringify({
  filesystems: [
    { target: "/", source: "/dev/vda1", fstype: "ext4", uuid, label: "soe-root" },
    { target: "/tmp", source: "tmpfs", fstype: "tmpfs", uuid: null, label: null },
  ],
});
const sizes = ["/", 4096, 368650, 246420, 96000, 83091, "/tmp", 4096, 44032, 44032, 44032, 44023, ""].join("\0");
const superblock = `tune2fs 1.47.0 (5-Feb-2023)
Filesystem volume name:   soe-root
Filesystem features:      has_journal ext_attr needs_recovery extent 64bit
Filesystem state:         clean
Errors behavior:          Continue
Inode count:              96000
`;
const root: FileSystemFacts = {
  type: "ext4",
  source: "/dev/vda1",
  uuid,
  label: "soe-root",
  bytes: 368650 * 4096,
  freeBytes: 246420 * 4096,
  inodes: 96000,
  freeInodes: 83091,
};

describe("what findmnt and stat printed is read", () => {
  test("one answer a mount point; a directory that is none has none", () => {
    const [first, memory, etc, none] = fileSystemFacts.parse(
      output(
        [
          [mounts, "0"],
          [sizes, "1"],
        ],
        "stat: cannot read file system information for '/nosuch': No such file or directory\n",
      ),
      ["/", "/tmp", "/etc", "/nosuch"],
    );
    expect(first).toEqual(root);
    expect(memory).toMatchObject({ type: "tmpfs", uuid: undefined, bytes: 44032 * 4096 });
    expect(etc).toBeUndefined();
    expect(none).toBeUndefined();
  });

  test("without findmnt the kernel's table tells, and nothing of UUIDs and labels", () => {
    // As the kernel prints it in a container.
    const table = "21 1 0:42 / / rw,relatime - overlay overlay rw,lowerdir=/l\n30 21 0:5 / /tmp rw - tmpfs tmpfs rw\n";
    const [seen, none] = fileSystemFacts.parse(
      output([
        [table, "mountinfo"],
        [sizes, "0"],
      ]),
      ["/", "/etc"],
    );
    expect(seen).toMatchObject({
      type: "overlay",
      source: "overlay",
      uuid: undefined,
      nameless: true,
      bytes: 368650 * 4096,
    });
    expect(none).toBeUndefined();
    expect(() => requireNames("/", seen as FileSystemFacts)).toThrow(/findmnt is not there/);
    const other = output([
      ["nonsense\n", "mountinfo"],
      ["", "0"],
    ]);
    expect(() => fileSystemFacts.parse(other, ["/"])).toThrow(ObservationError);
  });

  test("the upper one of two mounts is the one that is seen", () => {
    const two = mounts.replace("/tmp", "/");
    expect(
      fileSystemFacts.parse(
        output([
          [two, "0"],
          [sizes, "0"],
        ]),
        ["/"],
      ),
    ).toMatchObject([{ type: "tmpfs" }]);
  });

  test("what cannot be measured is no answer", () => {
    const said = "stat: cannot read file system information for '/': Permission denied\n";
    const [first] = fileSystemFacts.parse(
      output(
        [
          [mounts, "0"],
          ["", "1"],
        ],
        said,
      ),
      ["/"],
    );
    expect(first).toMatchObject({ code: "probe-denied" });
    const failed = output([
      [mounts, "1"],
      [sizes, "0"],
    ]);
    expect(() => fileSystemFacts.parse(failed, ["/"])).toThrow(/findmnt/);
    expect(() =>
      fileSystemFacts.parse(
        output([
          ["nonsense", "0"],
          [sizes, "0"],
        ]),
        ["/"],
      ),
    ).toThrow(/findmnt/);
    expect(() =>
      fileSystemFacts.parse(
        output([
          [mounts, "0"],
          ["nonsense\0", "0"],
        ]),
        ["/"],
      ),
    ).toThrow(/stat -f/);
  });
});

test.each([
  ["clean", superblock, "0", { state: "clean", errors: 0 }],
  ["errors counted", `${superblock}FS Error count:           3\n`, "0", { state: "clean", errors: 3 }],
  ["with errors", superblock.replace("clean", "clean with errors"), "0", { state: "clean with errors", errors: 0 }],
  [
    "not for us",
    "tune2fs: Permission denied while trying to open /dev/vda1\nCouldn't find valid\n",
    "1",
    { code: "probe-denied" },
  ],
  [
    "no ext",
    "tune2fs: Bad magic number in super-block while trying to open /dev/vda2\n",
    "1",
    { code: "probe-failed" },
  ],
  ["nonsense", "nonsense\n", "0", { code: "probe-unreadable" }],
  ["nothing", "", "0", { code: "probe-unreadable" }],
])("a superblock is read: %s", (_, said, status, expected) => {
  expect(checkState.parse(output([[said, status]]), ["/dev/vda1"])[0]).toMatchObject(expected);
});

probeContract(hostNode, { probe: fileSystemFacts, subject: "/", tools: ["findmnt", "stat"] });
probeContract(hostNode, {
  probe: checkState,
  subject: "/dev/vda1",
  tools: ["tune2fs"],
  elsewhere: "a known ext4 disk",
});

const fs = filesystem("/");
test.each([
  ["has type ext4", fs.hasType("ext4"), true, "ext4"],
  ["has type xfs", fs.hasType("xfs"), false, "ext4"],
  [`has UUID ${uuid}`, fs.hasUuid(uuid), true, uuid],
  ["has label data", fs.hasLabel("data"), false, "soe-root"],
  ["is at least 1g", fs.isAtLeast("1g"), true, "1509990400 bytes"],
  ["is at least 2g", fs.isAtLeast("2g"), false, "1509990400 bytes"],
  ["has 900m free", fs.hasFree("900m"), true, "1009336320 bytes"],
  ["has 1g free", fs.hasFree("1g"), false, "1009336320 bytes"],
  ["has 60% free", fs.hasFree("60%"), true, "66.8%"],
  ["has 70% free", fs.hasFree("70%"), false, "66.8%"],
  ["has 83091 inodes free", fs.hasFreeInodes(83091), true, "83091 inodes"],
  ["has 90000 inodes free", fs.hasFreeInodes(90000), false, "83091 inodes"],
])("file system / %s: %s", (predicate, check, met, seen) => {
  expect(check.title).toBe(`file system / ${predicate}`);
  expect(check.judge(root)).toMatchObject({ met, seen });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "nothing is mounted there" });
});

test("clean: state and errors; other file systems have none that is understood", () => {
  expect(fs.isClean().judge({ state: "clean", errors: 0 })).toMatchObject({ met: true, seen: "clean, no errors" });
  expect(fs.isClean().judge({ state: "clean", errors: 3 })).toMatchObject({ met: false, seen: "clean, 3 errors" });
  expect(fs.isClean().judge({ state: "not clean", errors: 0 })).toMatchObject({ met: false });
  expect(requireExt("/", root)).toBe("/dev/vda1");
  expect(() => requireExt("/", { ...root, type: "xfs" })).toThrow(ObservationError);
  expect(() => requireExt("/", undefined)).toThrow(/nothing is mounted/);
});

test("mounted by its UUID: fstab says so, and it is the one that is mounted", () => {
  const entry: FstabEntry = { source: `UUID=${uuid}`, target: "/", type: "ext4", options: ["defaults"] };
  const judge = (facts: FileSystemFacts | undefined, held: FstabEntry | undefined) =>
    filesystem("/").isMountedByUuid().judge({ facts, entry: held });
  expect(judge(root, entry)).toMatchObject({ met: true });
  expect(judge(root, { ...entry, source: `UUID="${uuid}"` })).toMatchObject({ met: true });
  expect(judge(root, { ...entry, source: "/dev/vda1" })).toMatchObject({
    met: false,
    seen: expect.stringContaining("fstab has /dev/vda1"),
  });
  expect(judge(root, undefined)).toMatchObject({ met: false, seen: expect.stringContaining("no entry") });
  expect(judge({ ...root, uuid: "another" }, entry)).toMatchObject({ met: false });
  expect(judge({ ...root, uuid: undefined }, { ...entry, source: "UUID=undefined" })).toMatchObject({ met: false });
  expect(judge(undefined, entry)).toMatchObject({ met: false, seen: expect.stringContaining("nothing is mounted") });
});

test("a path that is not whole is refused", () => {
  expect(() => filesystem("tmp")).toThrow(DeclarationError);
});

// Decides that a disk is read as the tree that it was made of, whichever file system of the family, format and table it has; and that a
// damaged one ends in an error or in an answer, soon. Needs mke2fs, sfdisk and qemu-img; nothing is mounted.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diffOf } from "../diff/diff-of.ts";
import { HarnessError } from "../model/errors.ts";
import type { StillContents } from "../model/still.ts";
import { openFile, openStill } from "./still-image.ts";

const room = mkdtempSync(join(tmpdir(), "assay-still-disk-"));
const tree = join(room, "tree");
afterAll(() => rmSync(room, { recursive: true, force: true }));

const missing = ["mke2fs", "sfdisk", "qemu-img"].filter((tool) => {
  try {
    execFileSync("sh", ["-c", `PATH="$PATH:/sbin:/usr/sbin"; command -v ${tool}`]);
    return false;
  } catch {
    return true;
  }
});
const tool = (script: string, ...words: readonly string[]) =>
  execFileSync("sh", ["-euc", `PATH="$PATH:/sbin:/usr/sbin"; ${script}`, "sh", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
  });

const open = (path: string): Promise<StillContents> =>
  openFile({ still: "docker-archive", path, image: undefined, at: undefined });

beforeAll(() => {
  for (const directory of ["etc", "usr/bin", "usr/share/many", "srv"])
    mkdirSync(join(tree, directory), { recursive: true });
  writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
  writeFileSync(join(tree, "usr/bin/tool"), "tool");
  chmodSync(join(tree, "usr/bin/tool"), 0o4755);
  linkSync(join(tree, "usr/bin/tool"), join(tree, "usr/bin/same"));
  symlinkSync("usr/bin", join(tree, "bin"));
  symlinkSync("x".repeat(200), join(tree, "srv/long-link"));
  // Beyond twelve blocks and beyond a block of numbers; with a hole in it.
  writeFileSync(
    join(tree, "srv/big"),
    Buffer.from(Array.from({ length: 3_000_000 }, (_, each) => (each * 7 + (each >> 8)) & 0xff)),
  );
  writeFileSync(join(tree, "srv/holes"), "begin");
  truncateSync(join(tree, "srv/holes"), 1_000_000);
  // A directory of several blocks, which ext4 indexes.
  for (let each = 0; each < 600; each += 1)
    writeFileSync(join(tree, "usr/share/many", `file-${each}-${"n".repeat(40)}`), String(each));
});

/** A raw file system of the tree. */
function fileSystem(name: string, ...words: readonly string[]): string {
  const path = join(room, `${name}.raw`);
  tool(
    'disk=$1 tree=$2; shift 2; truncate -s 24M "$disk"; exec mke2fs -q -F -d "$tree" "$@" "$disk"',
    path,
    tree,
    ...words,
  );
  return path;
}

/** It in a table of partitions, beside one of another kind. */
function partitioned(from: string, label: "gpt" | "dos"): string {
  const path = join(room, `${label}.raw`);
  const table = `label: ${label}\nstart=2048, size=2048\nstart=4096, size=49152\n`;
  writeFileSync(`${path}.table`, table);
  tool(
    'truncate -s 32M "$1"; sfdisk -q "$1" <"$1.table" >&2; exec dd if="$2" of="$1" bs=512 seek=4096 conv=notrunc status=none',
    path,
    from,
  );
  return path;
}

const converted = (from: string, name: string, ...words: readonly string[]): string => {
  const path = join(room, name);
  tool('from=$1 to=$2; shift 2; exec qemu-img convert -f raw -O qcow2 "$@" "$from" "$to"', from, path, ...words);
  return path;
};

describe.skipIf(missing.length > 0)(
  `a disk${missing.length > 0 ? ` (skipped: there is no ${missing.join(", ")})` : ""}`,
  () => {
    const made: Readonly<Record<string, () => string>> = {
      "ext4, raw": () => fileSystem("ext4", "-t", "ext4"),
      "ext4 of blocks of 1 KiB and small inodes": () => fileSystem("small", "-t", "ext4", "-b", "1024", "-I", "128"),
      ext3: () => fileSystem("ext3", "-t", "ext3", "-b", "1024"),
      ext2: () => fileSystem("ext2", "-t", "ext2"),
      "ext4 without 64 bits": () => fileSystem("narrow", "-t", "ext4", "-O", "^64bit,^metadata_csum"),
      "ext4 with blocks that are promised and not written": () => {
        const path = fileSystem("promised", "-t", "ext4");
        tool('exec debugfs -w -R "fallocate /srv/holes 1 100" "$1" >&2', path);
        return path;
      },
      "a partition of a GPT": () => partitioned(fileSystem("in-gpt", "-t", "ext4"), "gpt"),
      "a partition of an old table": () => partitioned(fileSystem("in-dos", "-t", "ext4"), "dos"),
      qcow2: () => converted(fileSystem("for-qcow2", "-t", "ext4"), "plain.qcow2"),
      "qcow2, compressed": () => converted(fileSystem("for-packed", "-t", "ext4"), "packed.qcow2", "-c"),
      "qcow2 of small clusters, by GPT": () =>
        converted(partitioned(fileSystem("for-small", "-t", "ext4"), "gpt"), "small.qcow2", "-o", "cluster_size=512"),
    };

    test.each(Object.entries(made))("%s is read as the tree that it was made of", async (_, make) => {
      const disk = await open(make());
      const directory = await openStill({ still: "rootfs", path: tree, image: undefined, at: undefined });
      const diff = await diffOf({ name: "tree", contents: directory }, { name: "disk", contents: disk });
      expect(diff.changes.map(({ subject, kind }) => `${kind} ${subject}`)).toEqual(["added /lost+found"]);
      expect(diff.new.files).toBe(diff.old.files);
      expect(diff.unknown.map(({ topics }) => topics)).toEqual([["boot"], ["capability", "file"]]);
      await disk.close();
    });

    test("labels, capabilities and access control lists are told; another partition differs as a whole", async () => {
      const old = partitioned(fileSystem("attributes", "-t", "ext4"), "gpt");
      const now = join(room, "attributes-now.raw");
      tool('cp "$1" "$2"; dd if="$2" of="$2.part" bs=512 skip=4096 count=49152 status=none', old, now);
      const set = (path: string, name: string, hex: string) => {
        writeFileSync(join(room, "value"), Buffer.from(hex, "hex"));
        tool(
          'exec debugfs -w -f - "$1" <"$2" >&2',
          `${now}.part`,
          script(`ea_set -f ${join(room, "value")} ${path} ${name}\n`),
        );
      };
      const script = (text: string) => {
        writeFileSync(join(room, "script"), text);
        return join(room, "script");
      };
      set("/usr/bin/tool", "security.capability", "0100000200200000000000000000000000000000");
      set("/etc/passwd", "security.selinux", Buffer.from("system_u:object_r:passwd_file_t:s0\0").toString("hex"));
      set("/etc/passwd", "user.long", "61".repeat(600));
      tool(
        'dd if="$1.part" of="$1" bs=512 seek=4096 conv=notrunc status=none; printf X | dd of="$1" bs=512 seek=2049 conv=notrunc status=none',
        now,
      );
      const [one, other] = await Promise.all([open(old), open(now)]);
      const diff = await diffOf({ name: "old", contents: one }, { name: "new", contents: other });
      expect(
        diff.changes.map(({ topic, subject, details }) => [
          topic,
          subject,
          details.map(({ of, new: is }) => `${of} ${is}`.slice(0, 60)),
        ]),
      ).toEqual([
        ["setuid", "/usr/bin/same", ["capabilities cap_net_raw=ep"]],
        ["setuid", "/usr/bin/tool", ["capabilities cap_net_raw=ep"]],
        ["capability", "/usr/bin/same", ["capabilities cap_net_raw=ep"]],
        ["capability", "/usr/bin/tool", ["capabilities cap_net_raw=ep"]],
        ["boot", "partition 1", [expect.stringMatching(/^contents 1048576 bytes, sha256:/)]],
        [
          "config",
          "/etc/passwd",
          [expect.stringMatching(/^attribute user.long 6161/), "label system_u:object_r:passwd_file_t:s0"],
        ],
      ]);
      expect(diff.unknown).toEqual([]);
      await Promise.all([one.close(), other.close()]);
    });

    test("damage ends in an error that names it, or in an answer; never in a fault or without an end", async () => {
      const small = join(room, "small-tree");
      for (const directory of ["etc", "usr"]) mkdirSync(join(small, directory), { recursive: true });
      for (let each = 0; each < 20; each += 1)
        writeFileSync(join(small, "etc", `file-${each}`), "x".repeat(each * 300));
      symlinkSync("etc", join(small, "usr/link"));
      const path = join(room, "damaged.raw");
      tool('truncate -s 2M "$1"; exec mke2fs -q -F -t ext4 -b 1024 -O ^has_journal -d "$2" "$1"', path, small);
      const whole = readFileSync(path);
      const inodes = whole.readUInt32LE(2048 + 8) * 1024;
      // Superblock, descriptors, inodes, and from the root's directory on.
      const regions = [
        [1024, 512],
        [2048, 64],
        [inodes, 256 * 34],
        [inodes + 256 * 34, 200_000],
      ] as const;
      // By a rule, so that it is the same each time.
      let seed = 42;
      const next = (most: number) => {
        seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
        return Math.floor((seed / 2 ** 31) * most);
      };
      const outcomes = { refused: 0, answered: 0 };
      for (let round = 0; round < 400; round += 1) {
        const bytes = Buffer.from(whole);
        const [start, length] = regions[round % regions.length] as (typeof regions)[number];
        for (let each = 0; each <= round % 23; each += 1) bytes[start + next(length)] = next(256);
        bytes.writeUInt16LE(0xef53, 1080);
        writeFileSync(path, bytes);
        let contents: StillContents | undefined;
        try {
          contents = await open(path);
          await diffOf({ name: "a", contents }, { name: "b", contents });
          outcomes.answered += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(HarnessError);
          outcomes.refused += 1;
        } finally {
          await contents?.close();
        }
      }
      expect(outcomes.refused).toBeGreaterThan(50);
      expect(outcomes.answered).toBeGreaterThan(50);
    }, 120_000);

    test("a directory that lies in two, an inode that is none, an attribute that ends beyond its block: refused", async () => {
      const looped = fileSystem("looped", "-t", "ext4");
      tool('exec debugfs -w -R "ln / /etc/loop" "$1" >&2', looped);
      await expect(open(looped)).rejects.toThrow(/a directory lies in two/);

      const far = fileSystem("far", "-t", "ext4");
      tool('exec debugfs -w -R "ln /usr/bin/tool /etc/far-away" "$1" >&2', far);
      const bytes = readFileSync(far);
      const name = bytes.indexOf("far-away");
      bytes.writeUInt32LE(0x7fff_ffff, name - 8);
      writeFileSync(far, bytes);
      await expect(open(far)).rejects.toThrow(/names inode 2147483647/);

      const long = fileSystem("long", "-t", "ext4");
      writeFileSync(join(room, "value"), "a".repeat(600));
      tool('exec debugfs -w -R "ea_set -f $2 /etc/passwd user.long" "$1" >&2', long, join(room, "value"));
      const held = readFileSync(long);
      const value = held.indexOf("a".repeat(600));
      const block = value - (value % 1024);
      held.writeUInt32LE(60_000, block + 32 + 8);
      expect(held.readUInt32LE(block)).toBe(0xea020000);
      writeFileSync(long, held);
      await expect(open(long)).rejects.toThrow(/attributes that are damaged/);
    });

    test("what is no root, what was not unmounted, and what names another file is refused", async () => {
      const empty = join(room, "empty.raw");
      tool('truncate -s 4M "$1"; exec mke2fs -q -F -t ext4 "$1"', empty);
      await expect(open(empty)).rejects.toMatchObject({
        code: "bad-archive",
        message: expect.stringContaining("/etc"),
      });
      const mounted = fileSystem("mounted", "-t", "ext4");
      const bytes = readFileSync(mounted);
      bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 0x60) | 4, 1024 + 0x60);
      writeFileSync(mounted, bytes);
      await expect(open(mounted)).rejects.toThrow(/not unmounted cleanly/);
      const overlay = join(room, "overlay.qcow2");
      tool('exec qemu-img create -q -f qcow2 -F raw -b "$1" "$2"', empty, overlay);
      await expect(open(overlay)).rejects.toMatchObject({ code: "backing-file" });
    });
  },
);

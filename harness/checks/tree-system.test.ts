// Decides that packages of apk, modified files, repositories and cron are answered from files alone, of trees as Alpine, Debian and Fedora have them.
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { RootfsTree } from "../store/still-rootfs.ts";
import { cronEntries } from "./cron.ts";
import { packageFacts } from "./package-facts.ts";
import { modifiedFiles } from "./package-verify.ts";
import { passwordAge } from "./password-age.ts";
import { repositoryFacts } from "./repository.ts";
import type { Repository } from "./repository-files.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-tree-system-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A tree of these files; a name that ends with `*` is a program. */
function treeOf(name: string, files: Readonly<Record<string, string>>): RootfsTree {
  for (const [path, text] of Object.entries(files)) {
    const at = join(directory, name, path.replace("*", ""));
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text);
    chmodSync(at, path.endsWith("*") ? 0o755 : 0o644);
  }
  return new RootfsTree(join(directory, name));
}

const alpine = treeOf("alpine", {
  "/lib/apk/db/installed": "P:musl\nV:1.2.5-r0\nA:x86_64\n\nP:busybox\nV:1.36.1-r29\nA:x86_64\n\n",
  "/etc/alpine-release": "3.20.3\n",
  "/etc/apk/repositories": "https://dl-cdn.alpinelinux.org/alpine/v3.20/main\n",
  "/etc/crontabs/root": "*/15 * * * * run-parts /etc/periodic/15min\n",
  "/etc/periodic/daily/rotate*": "",
  "/etc/periodic/daily/rotate.sh*": "",
});
mkdirSync(join(directory, "alpine/var/spool/cron"), { recursive: true });
symlinkSync("../../../etc/crontabs", join(directory, "alpine/var/spool/cron/crontabs"));
const fedora = treeOf("fedora", {
  "/etc/dnf/dnf.conf": "[main]\ngpgcheck=1\n",
  "/etc/yum.repos.d/fedora.repo": "[fedora]\nmetalink=https://mirrors.example/f\n",
  "/etc/yum.repos.d/fedora.repo.rpmsave": "[old]\nbaseurl=http://old.example/\n",
});
const debian = treeOf("debian", {
  "/etc/debian_version": "12.5\n",
  "/etc/crontab": "17 * * * * root run-parts /etc/cron.hourly\n",
  "/etc/cron.d/.placeholder": "x",
  "/etc/cron.d/backup.conf": "0 3 * * * root backup\n",
  "/etc/cron.daily/dpkg": "",
  "/etc/apt/sources.list.d/debian.sources": "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\n",
});

test("packages of apk; of a tree without any database nothing is said", async () => {
  expect(await packageFacts.fromTree?.(alpine, ["musl", "apk busybox", "nosuch"])).toEqual([
    { state: "installed", version: "1.2.5-r0", architecture: "x86_64", manager: "apk" },
    { state: "installed", version: "1.36.1-r29", architecture: "x86_64", manager: "apk" },
    undefined,
  ]);
  for (const [tree, subject] of [
    [alpine, "dpkg musl"],
    [alpine, "rpm musl"],
    [fedora, "musl"],
  ] as const)
    expect.soft((await packageFacts.fromTree?.(tree, [subject]))?.[0]).toMatchObject({ code: "probe-failed" });
  // A database of dpkg without a package in it knows of none that it does not have them.
  const hollow = treeOf("hollow", { "/var/lib/dpkg/status": "\n" });
  expect((await packageFacts.fromTree?.(hollow, ["musl"]))?.[0]).toMatchObject({ code: "probe-failed" });
  expect((await modifiedFiles.fromTree?.(hollow, ["musl"]))?.[0]).toMatchObject({ code: "probe-failed" });
  const both = treeOf("both", { "/var/lib/dpkg/status": "\n", "/lib/apk/db/installed": "P:musl\nV:1\nA:x86_64\n\n" });
  expect((await packageFacts.fromTree?.(both, ["musl"]))?.[0]).toMatchObject({ manager: "apk" });
});

test("repositories", async () => {
  const urls = async (tree: RootfsTree) => {
    const [seen] = (await repositoryFacts.fromTree?.(tree, ["all"])) ?? [];
    return (seen as readonly Repository[]).map(({ url, signed }) => [url, signed]);
  };
  expect(await urls(alpine)).toEqual([["https://dl-cdn.alpinelinux.org/alpine/v3.20/main", true]]);
  expect(await urls(fedora)).toEqual([["https://mirrors.example/f", true]]);
  expect(await urls(debian)).toEqual([["http://deb.debian.org/debian", true]]);
  await expect(repositoryFacts.fromTree?.(treeOf("bare", { "/bin/sh*": "" }), ["all"])).rejects.toMatchObject({
    code: "probe-failed",
  });
});

test("of this machine the files tell what the shell tells", async () => {
  const node = hostNode();
  const whole = new RootfsTree("/");
  expect((await cronEntries.fromTree?.(whole, ["all"]))?.[0]).toEqual(await node.observe(cronEntries, "all"));
  expect((await repositoryFacts.fromTree?.(whole, ["all"]))?.[0]).toEqual(await node.observe(repositoryFacts, "all"));
  expect((await passwordAge.fromTree?.(whole, ["root"]))?.[0]).toEqual(await node.observe(passwordAge, "root"));
  await node.close();
});

test("what cron runs and leaves out", async () => {
  expect((await cronEntries.fromTree?.(alpine, ["all"]))?.[0]).toEqual([
    {
      file: "/etc/crontabs/root",
      at: "*/15 * * * *",
      user: "root",
      command: "run-parts /etc/periodic/15min",
      leftOut: undefined,
    },
    {
      file: "/etc/periodic/daily/rotate",
      at: "daily",
      user: "root",
      command: "/etc/periodic/daily/rotate",
      leftOut: undefined,
    },
    expect.objectContaining({
      file: "/etc/periodic/daily/rotate.sh",
      leftOut: expect.stringContaining("run-parts skips"),
    }),
  ]);
  expect((await cronEntries.fromTree?.(debian, ["all"]))?.[0]).toEqual([
    expect.objectContaining({ file: "/etc/crontab", user: "root", leftOut: undefined }),
    expect.objectContaining({ file: "/etc/cron.d/backup.conf", leftOut: expect.stringContaining("cron skips") }),
    expect.objectContaining({ file: "/etc/cron.daily/dpkg", leftOut: "it is not executable" }),
  ]);
});

describe("files that are not as their packages brought them", () => {
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const sha1 = (text: string) => `Q1${createHash("sha1").update(text).digest("base64")}`;
  const verify = async (tree: RootfsTree, name: string) => (await modifiedFiles.fromTree?.(tree, [name]))?.[0];
  const info = "/var/lib/dpkg/info";
  const status = `Package: tool
Status: install ok installed
Architecture: amd64
Version: 1
Conffiles:
 /etc/tool.conf ${md5("a=1\n")}

Package: half
Status: install ok unpacked
Architecture: amd64
Version: 1

Package: local
Status: install ok installed
Architecture: amd64
Version: 1
`;

  test("of dpkg: contents, files that are missing, configuration, what was put elsewhere, what is never unpacked", async () => {
    const tree = treeOf("verified", {
      "/var/lib/dpkg/status": status,
      [`${info}/tool:amd64.list`]:
        "/.\n/usr/bin/tool\n/usr/bin/moved\n/etc/tool.conf\n/usr/lib/gone\n/usr/share/doc/tool/README\n",
      [`${info}/tool:amd64.md5sums`]: `${md5("tool")}  usr/bin/tool\n${md5("moved")}  usr/bin/moved\n${md5("gone")}  usr/lib/gone\n`,
      "/var/lib/dpkg/diversions": "/usr/bin/moved\n/usr/bin/moved.distrib\nother\n",
      "/etc/dpkg/dpkg.cfg.d/small": "path-exclude=/usr/share/doc/*\n",
      "/usr/bin/tool*": "changed",
      "/usr/bin/moved*": "of another package",
      "/usr/bin/moved.distrib*": "moved",
      "/etc/tool.conf": "a=2\n",
    });
    expect(await verify(tree, "tool")).toEqual([
      { path: "/usr/bin/tool", what: ["contents"], configuration: false },
      { path: "/etc/tool.conf", what: ["contents"], configuration: true },
      { path: "/usr/lib/gone", what: ["missing"], configuration: false },
    ]);
    expect(await verify(tree, "nosuch")).toBeUndefined();
    expect(await verify(tree, "half")).toBeUndefined();
    expect(await verify(tree, "local")).toMatchObject({ code: "probe-failed" });
    expect(await verify(tree, "rpm tool")).toMatchObject({ code: "probe-failed" });
  });

  test("of distroless images, which have sums and no lists", async () => {
    const tree = treeOf("distroless", {
      "/var/lib/dpkg/status.d/tool": "Package: tool\nVersion: 1\nArchitecture: amd64\n",
      "/var/lib/dpkg/status.d/tool.md5sums": `${md5("tool")}  usr/bin/tool\n`,
      "/usr/bin/tool*": "tool",
    });
    expect(await verify(tree, "tool")).toEqual([]);
  });

  test("of apk", async () => {
    const tree = treeOf("apk", {
      "/lib/apk/db/installed": `P:tool\nV:1-r0\nF:usr/bin\nR:tool\nZ:${sha1("program")}\nR:link\nZ:${sha1("tool")}\nR:other\nZ:${sha1("x")}\nF:etc\nR:gone\nZ:${sha1("x")}\n\n`,
      "/usr/bin/tool*": "program",
      "/usr/bin/other*": "y",
    });
    symlinkSync("tool", join(directory, "apk/usr/bin/link"));
    expect(await verify(tree, "tool")).toEqual([
      { path: "/usr/bin/other", what: ["contents"], configuration: false },
      { path: "/etc/gone", what: ["missing"], configuration: true },
    ]);
    const sha256 = `Q2${createHash("sha256").update("program").digest("base64")}`;
    const newer = treeOf("apk3", {
      "/lib/apk/db/installed": `P:tool\nV:1-r0\nF:usr/bin\nR:tool\nZ:${sha256}\n\n`,
      "/usr/bin/tool*": "changed",
    });
    expect(await verify(newer, "tool")).toMatchObject({ code: "probe-failed", seen: expect.stringContaining("SHA-1") });
    expect(await verify(tree, "apk nosuch")).toBeUndefined();
    expect(await verify(tree, "dpkg tool")).toMatchObject({ code: "probe-failed" });
    expect(await verify(treeOf("empty", { "/a": "" }), "tool")).toMatchObject({ code: "probe-failed" });
  });
});

// Decides that what differs in rpm packages is told from files alone as `rpm -V` tells it: real packages, installed by rpm, of each kind of digest and
// each format of database; and that what files do not tell is an error.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FileTree } from "../model/tree.ts";
import { layerInStream } from "../store/still-layer.ts";
import { RootfsTree } from "../store/still-rootfs.ts";
import { StillTree } from "../store/still-tree.ts";
import { tar } from "../store/testing/archives.ts";
import { type ModifiedFile, modifiedFiles, readVerification } from "./package-verify.ts";
import { filesOf, inFormat, noBdb } from "./testing/rpm-database.ts";
import { type Kind, kinds, noRpmRoot, RpmRoot } from "./testing/rpm-root.ts";

const all = Object.keys(kinds) as Kind[];
let lab: RpmRoot;
let before: FileTree;
let after: FileTree;
/** The database as rpm wrote it. */
let kept: string;
const said = new Map<string, readonly [before: string, after: string]>();

const treeOf = (layer: Buffer) => StillTree.of([layerInStream("layer", async () => Readable.from([layer]))]);
const verified = async (tree: FileTree, ...names: readonly string[]) =>
  (await modifiedFiles.fromTree?.(tree, names)) ?? [];

beforeAll(async () => {
  if (noRpmRoot !== undefined) return;
  lab = new RpmRoot();
  const first = new Map(all.map((kind) => [kind, lab.verified(`studio-${kind}`)]));
  before = await treeOf(lab.layer());
  lab.change();
  for (const kind of all) said.set(kind, [first.get(kind) ?? "", lab.verified(`studio-${kind}`)]);
  kept = join(lab.room, "sqlite");
  cpSync(join(lab.root, "var/lib/rpm"), kept, { recursive: true });
  after = await treeOf(lab.layer());
}, 120_000);
afterAll(() => lab?.remove());

/** What `RpmRoot` changed, in rpm's words; where the package lies is left out. Documents are not there where rpm left them out. */
const changed = (documents: boolean): readonly (readonly [name: string, ...what: string[]])[] => [
  ["becomes-file", "size", "mode", "contents"],
  ["becomes-link", "link"],
  ["becomes-tree", "mode"],
  ...(documents ? [["both", "size", "contents"] as const] : []),
  ["caps-gone", "capabilities"],
  ["caps-more", "capabilities"],
  ["caps-other", "capabilities"],
  ["config", "size", "contents"],
  ["config-mode", "mode"],
  ["contents", "contents"],
  ...(documents ? [["doc", "size", "contents"] as const] : []),
  ["ghost", "mode"],
  ["ghost-owner", "owner"],
  ["group", "group"],
  ["license", "size", "contents"],
  ["link", "link"],
  ["link-owner", "owner"],
  ["missing", "missing"],
  ["mode", "mode"],
  ["named", "mode", "owner"],
  ["owner", "owner"],
  ["setuid", "mode"],
  ["size", "size", "contents"],
  ["strange", "owner"],
  ["tree", "mode"],
  ["tree-gone", "link"],
  ["tree-of-theirs", "link", "owner"],
  ["unpacked", "missing"],
];

describe.each(all)("digests of %s", (kind) => {
  test("as it was installed: nothing differs, as rpm says", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    const [first = ""] = said.get(kind) ?? [];
    expect(readVerification(first)).toEqual([]);
    // Of what lies there twice, the last one's.
    expect(first.includes("/usr/share/studio/common (replaced)")).toBe(kind !== "sha512");
    expect(await verified(before, `rpm studio-${kind}`, `studio-${kind}:noarch`)).toEqual([[], []]);
  });

  test("each change is told as rpm tells it", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    const [files] = await verified(after, `studio-${kind}`);
    expect(files).toEqual(readVerification(said.get(kind)?.[1] ?? ""));
    const own = `/opt/${kind}/`;
    const found = (files as readonly ModifiedFile[]).filter(({ path }) => path.startsWith(own));
    expect(found.map(({ path, what }) => [path.slice(own.length), ...what])).toEqual(changed(kind !== "sha512"));
    expect(found.filter(({ configuration }) => configuration).map(({ path }) => path)).toEqual([
      `${own}config`,
      `${own}config-mode`,
    ]);
    expect((files as readonly ModifiedFile[]).filter(({ path }) => !path.startsWith(own))).toEqual([
      { path: "/usr/share/studio/common-gone", what: ["missing"], configuration: false },
    ]);
  });
});

describe("of other formats", () => {
  test.for(["ndb", "bdb"] as const)("%s tells the same", async (format, { skip }) => {
    const reason = noRpmRoot ?? (format === "bdb" ? noBdb : undefined);
    if (reason !== undefined) return skip(reason);
    const made = join(lab.room, format);
    mkdirSync(made);
    inFormat(format, kept, made);
    lab.database(filesOf(made));
    const names = all.map((kind) => `studio-${kind}`);
    const seen = await verified(await treeOf(lab.layer()), ...names);
    expect(seen).toEqual(await verified(after, ...names));
    expect(seen).toHaveLength(3);
  });
});

describe("what files alone do not tell", () => {
  test("which device it is; of a package without files nothing differs; who is not installed is not there", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    const [device, empty, absent] = await verified(after, "studio-md5-device", "studio-md5-empty", "studio-none");
    expect(device).toMatchObject({
      code: "probe-failed",
      seen: "cannot verify /opt/md5/null: which device it is, files alone do not tell",
    });
    expect([empty, absent]).toEqual([[], undefined]);
  });

  test("capabilities of a directory on this machine", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    lab.database(filesOf(kept));
    const [seen] = await verified(new RootfsTree(lab.root), "studio-md5");
    expect(seen).toMatchObject({ code: "probe-failed", seen: expect.stringContaining("only archives tell them") });
  });

  test("whose a file is to be, where others than files are asked", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    writeFileSync(join(lab.root, "etc/nsswitch.conf"), "passwd: files [SUCCESS=merge] systemd # sss\ngroup: files\n");
    const [seen] = await verified(await treeOf(lab.layer()), "studio-md5");
    rmSync(join(lab.root, "etc/nsswitch.conf"));
    expect(seen).toMatchObject({
      code: "probe-failed",
      seen: "cannot verify /opt/md5/strange: it is nobodyknows's, whom the image's files do not know, and nsswitch.conf asks systemd too",
    });
  });

  test("an access control list is a change of the mode", async (context) => {
    if (noRpmRoot !== undefined) return context.skip(noRpmRoot);
    // user::rw-, user:1234:rwx, group::r--, mask::rwx, other::r--
    const list = "0x0200000001000600ffffffff02000700d204000004000400ffffffff10000700ffffffff20000400ffffffff";
    const place = join(lab.root, "opt/md5/same");
    if (spawnSync("setfattr", ["-n", "system.posix_acl_access", "-v", list, place]).status !== 0)
      return context.skip("the temporary directory's file system has no access control lists");
    chmodSync(place, 0o644);
    spawnSync("setfattr", ["-n", "system.posix_acl_access", "-v", list.replace("10000700", "10000400"), place]);
    const [seen] = await verified(await treeOf(lab.layer()), "studio-md5");
    expect(seen).toContainEqual({ path: "/opt/md5/same", what: ["mode"], configuration: false });
    expect(statSync(place).mode & 0o777).toBe(0o644);
  });

  test("a database that cannot be told, or is not there; who asks dpkg is answered", async () => {
    const garbage = await treeOf(await tar([{ name: "var/lib/rpm/rpmdb.sqlite", content: "x" }]));
    expect(await verified(garbage, "bash", "rpm bash")).toEqual(
      [1, 2].map(() => expect.objectContaining({ code: "probe-failed" })),
    );
    const status = "Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n";
    const both = await treeOf(
      await tar([
        { name: "var/lib/rpm/rpmdb.sqlite", content: "x" },
        { name: "var/lib/dpkg/status", content: status },
        { name: "var/lib/dpkg/info/bash.md5sums", content: `${"0".repeat(32)}  bin/bash\n` },
      ]),
    );
    expect(await verified(both, "bash", "rpm bash")).toEqual([
      [{ path: "/bin/bash", what: ["missing"], configuration: false }],
      expect.objectContaining({ seen: expect.stringContaining("rpmdb.sqlite (SQLite) cannot be read") }),
    ]);
    const none = await treeOf(await tar([{ name: "etc/passwd", content: "" }]));
    expect(await verified(none, "bash", "rpm bash")).toMatchObject([
      { seen: expect.stringContaining("no database of dpkg, of apk or of rpm with packages in it") },
      { seen: expect.stringContaining("no database of rpm with packages in it") },
    ]);
  });
});

// Decides what a difference leaves out and how that is counted, that what cannot be seen is told and breaks rules, and what is refused.
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openStill } from "../store/still-image.ts";
import {
  attributed,
  bash,
  both,
  configuration,
  debians,
  netRaw,
  openWorld,
  set,
  stanzas,
  status,
  text,
  type World,
} from "../store/testing/world.ts";
import { difference as between, type Side } from "./contract.ts";
import { diffOf } from "./diff-of.ts";
import { entryChanges } from "./entries.ts";
import { violations } from "./violations.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-diff-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

const difference = (old: Side<World>, now: Side<World>, options: { readonly all?: boolean } = {}) =>
  between(
    debians(() => room),
    [old, now],
    options,
  );

describe("what is left out", () => {
  const noisy: Side<World> = {
    change: both(
      set("etc/ld.so.cache", text("glibc-ld.so.cache1.2")),
      set("etc/machine-id", text("0123456789abcdef0123456789abcdef\n")),
      set("var/log/dpkg.log", text("installed")),
      set("var/cache/apt/pkgcache.bin", text("x")),
      set("usr/lib/python3/__pycache__/x.pyc", text("x")),
      set("tmp/x", text("x")),
      set("etc/passwd-", text("x")),
      set("var/lib/dpkg/status-old", text("x")),
    ),
  };

  test("is counted by its reason, and told with it where all is asked for", async () => {
    const diff = await difference({}, noisy);
    expect(diff).toMatchObject({ verdict: "different" });
    // Directories that nobody had before are news.
    expect(diff.changes.map(({ subject }) => subject)).toEqual(["/usr/lib/python3"]);
    const counts = Object.fromEntries(diff.filtered.map(({ filter, count }) => [filter, count]));
    expect(counts).toEqual({
      indexes: 1,
      "machine-id": 1,
      logs: 2,
      caches: 3,
      bytecode: 2,
      temporary: 2,
      backups: 1,
      "package-database": 1,
    });
    const all = await difference({}, noisy, { all: true });
    expect(all.filtered).toEqual([]);
    expect(all.changes.filter(({ filter }) => filter !== undefined)).toHaveLength(13);
    expect(violations(all, { any: true })).toEqual(violations(diff, { any: true }));
  });

  test("never hides an owner, a mode or a right", async () => {
    const diff = await difference(
      { change: set("var/log/x", text("x")) },
      { change: set("var/log/x", { ...text("y", 0o640), gid: 4 }) },
    );
    expect(diff.changes).toMatchObject([{ topic: "file", subject: "/var/log/x" }]);
  });

  test("files of a package are counted by package where that changed, and told where it did not", async () => {
    const files = set("usr/bin/bash", text("#!BASH", 0o755));
    const upgraded = both(files, set("var/lib/dpkg/status", status(stanzas.ping, bash("6"))));
    expect((await difference({}, { change: upgraded })).filtered).toEqual([
      { filter: "package-files", why: expect.any(String), count: 1, of: [{ name: "bash", count: 1 }] },
      { filter: "package-database", why: expect.any(String), count: 1 },
    ]);
    expect((await difference({}, { change: files })).changes).toMatchObject([
      { subject: "/usr/bin/bash", package: "bash" },
    ]);
  });
});

describe("what is not seen", () => {
  test("a directory tells no attributes: told, and rules that are about them are broken", async () => {
    const path = join(room, "rootfs");
    mkdirSync(join(path, "etc"), { recursive: true });
    writeFileSync(join(path, "etc/passwd"), "root:x:0:0:root:/root:/bin/bash\n");
    const directory = await openStill({ still: "rootfs", path, image: undefined, at: undefined });
    const same = await diffOf({ name: "a", contents: directory }, { name: "b", contents: directory });
    expect(same).toMatchObject({ verdict: "unknown", changes: [], unknown: [{ topics: ["capability", "file"] }] });
    expect(violations(same, { "capability-added": true })).toMatchObject([
      { code: "capability-added", seen: expect.stringMatching(/could not be seen/) },
    ]);
    expect(violations(same, { "setuid-added": true, "package-removed": true })).toEqual([]);
    expect(violations(same, { any: true })).toHaveLength(1);
  });

  test("a directory beside an archive: what the archive alone tells neither came nor went", async () => {
    const path = join(room, "beside");
    mkdirSync(join(path, "usr"), { recursive: true });
    writeFileSync(join(path, "usr/ping"), "PING", { mode: 0o755 });
    const directory = await openStill({ still: "rootfs", path, image: undefined, at: undefined });
    const world: World = new Map([
      [
        "./",
        {
          type: "directory",
          mode: statSync(path).mode & 0o7777,
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
        },
      ],
      [
        "usr",
        {
          type: "directory",
          mode: statSync(join(path, "usr")).mode & 0o7777,
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
        },
      ],
      [
        "usr/ping",
        {
          ...attributed("ping", { "security.capability": netRaw }),
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
        },
      ],
    ]);
    const archive = await openWorld(room, world);
    const diff = await diffOf({ name: "a", contents: directory }, { name: "b", contents: archive });
    await archive.close();
    expect(diff.changes).toMatchObject([{ topic: "file", subject: "/usr/ping", details: [{ of: "contents" }] }]);
    expect(diff.unknown.map(({ topics }) => topics)).toEqual([["capability", "file"]]);
  });

  test("a database of rpm is there and none; one side has no configuration", async () => {
    const diff = await difference(
      { config: configuration },
      { change: set("var/lib/rpm/rpmdb.sqlite", text("SQLite format 3")) },
    );
    expect(diff.unknown.map(({ topics }) => topics)).toEqual([["metadata", "port"], ["package"]]);
    expect(diff.changes).toEqual([]);
    expect(diff.new.packages).toBe(null);
    for (const rule of ["package-removed", "metadata-changed", "port-added"] as const)
      expect(violations(diff, { [rule]: true })).toHaveLength(1);
    expect(violations(diff, { "packages-added": 3 })).toHaveLength(1);
  });
});

test("budgets hold where they hold, and are broken by one more", async () => {
  const more = status(
    stanzas.ping,
    stanzas.bash,
    bash("1").replace("Package: bash", "Package: one"),
    bash("1").replace("Package: bash", "Package: two"),
  );
  const diff = await difference(
    {},
    { change: both(set("var/lib/dpkg/status", more), set("srv-x", text("x".repeat(1000)))) },
  );
  expect(violations(diff, { "packages-added": 2, "bytes-added": 10_000 })).toEqual([]);
  expect(violations(diff, { "packages-added": 1, "bytes-added": 1000 })).toEqual([
    { code: "packages-added", subject: "2 packages", seen: "at most 1 may be new: one, two" },
    { code: "bytes-added", subject: expect.stringMatching(/^\d+ bytes$/), seen: "at most 1000 may be more" },
  ]);
});

test("an access control list is told as getfacl writes it", () => {
  // Of `setfacl -m u:33:r-x` on a file of mode 0644.
  const access = Buffer.from(
    "0200000001000600ffffffff020005002100000004000400ffffffff10000500ffffffff20000400ffffffff",
    "hex",
  );
  const entry = (attributes: ReadonlyMap<string, Buffer>) => ({
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 1,
    target: undefined,
    attributes,
  });
  const side = (attributes: ReadonlyMap<string, Buffer>) => ({
    paths: new Map([["/x", entry(attributes)]]),
    users: new Map(),
    groups: new Map(),
  });
  const [plain, listed] = [side(new Map()), side(new Map([["system.posix_acl_access", access]]))];
  expect(entryChanges("/x", [plain, listed], new Map(), "file")).toMatchObject([
    { kind: "changed", details: [{ of: "acl", old: null, new: "user:33:r-x,mask::r-x" }] },
  ]);
  expect(entryChanges("/x", [listed, listed], new Map(), "file")).toEqual([]);
});

test("a name that leads out of the image is refused, whatever else is there", async () => {
  await expect(difference({}, { change: set("a/../../x", text("x")) })).rejects.toMatchObject({
    code: "archive-escapes",
  });
});

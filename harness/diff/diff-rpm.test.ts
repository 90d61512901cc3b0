// Decides that packages of rpm are told as those of others are, of two images with real databases: what came, went and changed, whose a file is,
// and that one side which cannot be told makes no difference of the other's packages.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesOf, noRpm, type RpmFormat, RpmLab } from "../checks/testing/rpm-database.ts";
import { changeOf } from "../reporting/diff-change.ts";
import { configuration, debians, set, text, type World } from "../store/testing/world.ts";
import { difference } from "./contract.ts";
import { type PackageFact, packageChanges } from "./packages.ts";
import { violations } from "./violations.ts";

let room: string;
let lab: RpmLab;
/** Files of packages, by name, of an older and a newer version. */
let [old, now]: ReadonlyMap<string, string>[] = [];
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-diff-rpm-"));
  lab = new RpmLab();
  if (noRpm === undefined) [old, now] = [lab.build("1.4~rc2", 2), lab.build("1.4", 2)];
}, 60_000);
afterAll(() => {
  lab.remove();
  rmSync(room, { recursive: true, force: true });
});

const pick = (from: ReadonlyMap<string, string> | undefined, ...names: readonly string[]) =>
  names.map((name) => from?.get(name) ?? "");

/** Of no packager, with a database of rpm where it is there, and files of its packages. */
const redHat = (database: string, files: Readonly<Record<string, string>>) => (world: World) => {
  for (const path of [...world.keys()].filter((each) => each.startsWith("var/lib/dpkg"))) world.delete(path);
  for (const [name, content] of filesOf(database)) world.set(`usr/lib/sysimage/rpm/${name}`, { content, mode: 0o644 });
  set("var/lib/rpm", { type: "symlink", linkname: "../../usr/lib/sysimage/rpm" })(world);
  for (const [path, content] of Object.entries(files)) world.set(path, text(content));
};
const before = { "usr/bin/studio-tool": "tool", "etc/studio.conf": "a=1\n", "usr/lib/studio/part-1": "12345" };
const after = { "usr/bin/studio-tool": "tool 2", "etc/studio.conf": "a=2\n" };

describe.each(["sqlite", "ndb"] satisfies RpmFormat[])("of %s", (format) => {
  test("what came, went and changed, sizes, and the rules that it breaks", async (context) => {
    if (noRpm !== undefined) return context.skip(noRpm);
    const [one, other] = [
      lab.database(format, [...pick(old, "studio-tool", "studio-lib", "kernel-core")]),
      lab.database(format, [...pick(now, "studio-tool", "kernel-core"), ...pick(old, "kernel-core")]),
    ];
    const sides = [{ change: redHat(one, before) }, { change: redHat(other, after) }] as const;
    const worlds = debians(() => room);
    const diff = await difference(worlds, sides);
    expect(diff.unknown).toEqual([]);
    expect([diff.old.packages, diff.new.packages]).toEqual([3, 3]);
    expect(diff.changes).toEqual([
      {
        topic: "package",
        kind: "added",
        // An old kernel stays beside it.
        subject: "kernel-core-1.4-3.el9:x86_64",
        details: [
          { of: "version", old: null, new: "1.4-3.el9" },
          { of: "architecture", old: null, new: "x86_64" },
        ],
      },
      {
        topic: "package",
        kind: "removed",
        subject: "studio-lib",
        details: [
          { of: "version", old: "2:1.4~rc2-3.el9", new: null },
          { of: "architecture", old: "x86_64", new: null },
        ],
      },
      {
        topic: "package",
        kind: "changed",
        subject: "studio-tool",
        details: [{ of: "version", old: "2:1.4~rc2-3.el9", new: "2:1.4-3.el9" }],
        direction: "newer",
      },
      expect.objectContaining({ topic: "config", subject: "/etc/studio.conf", package: "studio-tool" }),
    ]);
    expect(diff.filtered.map(({ filter, count, of }) => [filter, count, of])).toEqual([
      [
        "package-files",
        3,
        [
          // Its directory is its own, too.
          { name: "studio-lib", count: 2 },
          { name: "studio-tool", count: 1 },
        ],
      ],
      ["package-database", expect.any(Number), undefined],
    ]);
    expect(diff.sizes.packages).toEqual(
      expect.arrayContaining([
        { name: "studio-lib", old: 5, new: 0 },
        { name: "studio-tool", old: 8, new: 10 },
      ]),
    );
    const removed = { code: "package-removed", subject: "studio-lib", seen: "a package that is gone: package removed" };
    expect(violations(diff, { "package-removed": true, "packages-added": 1 })).toEqual([removed]);
    expect(violations(diff, { "packages-added": 0 })).toMatchObject([{ seen: expect.stringContaining("kernel-core") }]);
    expect(violations(diff, { "package-older": true })).toEqual([]);
    // What a policy's budgets of packages are held against.
    expect(changeOf("base", diff)).toMatchObject({
      packagesAdded: ["kernel-core-1.4-3.el9:x86_64"],
      packagesRemoved: ["studio-lib"],
    });
    const back = await difference(worlds, [sides[1], sides[0]]);
    expect(violations(back, { "package-older": true })).toMatchObject([{ subject: "studio-tool" }]);
  });

  test("a side that is damaged is not known, and breaks the rules; nothing is told of the other's packages", async (context) => {
    if (noRpm !== undefined) return context.skip(noRpm);
    const database = lab.database(format, pick(old, "studio-tool", "studio-lib"));
    const damaged = (world: World) => {
      redHat(database, before)(world);
      for (const [path, entry] of world)
        if (/sysimage\/rpm\/(rpmdb\.sqlite|Packages\.db)$/.test(path))
          world.set(path, { ...entry, content: Buffer.from(entry.content ?? "").subarray(0, 5000) });
    };
    const diff = await difference(
      debians(() => room),
      [{ change: redHat(database, before) }, { change: damaged }],
    );
    expect(diff).toMatchObject({ verdict: "unknown", changes: [], sizes: { packages: [] } });
    expect(diff.unknown).toEqual([
      {
        what: "packages",
        why: expect.stringMatching(/^new: rpm's database \/usr\/lib\/sysimage\/rpm\//),
        topics: ["package"],
      },
    ]);
    expect([diff.old.packages, diff.new.packages]).toEqual([2, null]);
    expect(changeOf("base", diff)).toBeUndefined();
    for (const rules of [{ "package-removed": true }, { "packages-added": 9 }])
      expect(violations(diff, rules)).toMatchObject([{ subject: "packages" }]);
  });
});

test("in the place of dpkg's packages come rpm's", async (context) => {
  if (noRpm !== undefined) return context.skip(noRpm);
  const database = lab.database("sqlite", pick(old, "studio-tool"));
  const diff = await difference(
    debians(() => room),
    [{ config: configuration }, { change: redHat(database, {}), config: configuration }],
  );
  const packages = diff.changes.filter(({ topic }) => topic === "package");
  expect(packages.map(({ kind, subject }) => `${kind} ${subject}`)).toEqual([
    "removed bash",
    "removed iputils-ping",
    "added studio-tool",
  ]);
});

describe("packages of one name", () => {
  const kernel = (version: string, architecture = "x86_64"): PackageFact => ({
    name: "kernel",
    version,
    architecture,
    state: "installed",
    manager: "rpm",
  });
  const said = (one: readonly PackageFact[], other: readonly PackageFact[]) =>
    packageChanges(one, other).changes.map(({ kind, subject }) => `${kind} ${subject}`);

  test("once on each side one is held against the other; twice, each against its own", () => {
    expect(said([kernel("1-1")], [kernel("2-1")])).toEqual(["changed kernel"]);
    expect(said([kernel("1-1"), kernel("2-1")], [kernel("2-1"), kernel("1:3-1")])).toEqual([
      "removed kernel-1-1:x86_64",
      "added kernel-1:3-1:x86_64",
    ]);
    expect(said([kernel("1-1"), kernel("1-1", "i686")], [kernel("2-1"), kernel("1-1", "i686")])).toEqual([
      "changed kernel:x86_64",
    ]);
    // Whose files these are is told by the name alone.
    expect([...packageChanges([kernel("1-1"), kernel("2-1")], [kernel("2-1")]).names]).toEqual(["kernel"]);
  });
});

// Decides that packages of rpm are told from files alone as rpm itself tells them, of each of its formats; and that a database which is damaged is
// never told as a shorter one.
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RootfsTree } from "../store/still-rootfs.ts";
import { installedPackages } from "./licences.ts";
import { packageFacts } from "./package-facts.ts";
import { filesOf, noBdb, noRpm, type RpmFormat, RpmLab, rpmFile } from "./testing/rpm-database.ts";
import { type RpmDatabase, rpmInTree, rpmPackages } from "./tree-rpm.ts";

let lab: RpmLab;
let packages: readonly string[];
/** What packages are signed with; rpm lists it as a package. */
const keys = ["/etc/apt/trusted.gpg.d/debian-archive-bookworm-automatic.asc"].filter((path) => existsSync(path));
const databases = new Map<RpmFormat, string>();
beforeAll(() => {
  lab = new RpmLab();
  if (noRpm !== undefined) return;
  const [old, now] = [lab.build("1.4~rc2"), lab.build("1.4", 400)];
  packages = [...old.values()].filter((path) => path.includes("kernel")).concat([...now.values()]);
  for (const format of ["sqlite", "ndb", "bdb"] as const)
    if (format !== "bdb" || noBdb === undefined) databases.set(format, lab.database(format, packages, keys));
}, 120_000);
afterAll(() => lab.remove());

const reasons = { sqlite: noRpm, ndb: noRpm, bdb: noBdb } as const;
let made = 0;

/** A tree with these files. */
function treeOf(
  files: Readonly<Record<string, Buffer | string>>,
  links: Readonly<Record<string, string>> = {},
): RootfsTree {
  made += 1;
  const root = join(lab.room, `tree-${made}`);
  mkdirSync(root);
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    symlinkSync(target, join(root, path));
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return new RootfsTree(root);
}

const placed = (directory: string, files: ReadonlyMap<string, Buffer>) =>
  Object.fromEntries([...files].map(([name, content]) => [`${directory}/${name}`, content]));
const read = async (path: string, files: ReadonlyMap<string, Buffer>) => {
  const tree = treeOf(placed(path, files));
  try {
    return await rpmPackages(
      tree,
      [...files.keys()].map((name) => `${path}/${name}`),
    );
  } finally {
    rmSync(join(lab.room, `tree-${made}`), { recursive: true });
  }
};
const told = (database: RpmDatabase | undefined) =>
  database !== undefined && "packages" in database ? database.packages : [];
const lines = (database: RpmDatabase | undefined) =>
  told(database)
    .map(({ name, version, architecture, licence }) => `${name} ${version} ${architecture} ${licence}`)
    .sort();

describe.each(["sqlite", "ndb", "bdb"] as const)("%s", (format) => {
  test("packages, versions, licences and paths are those that rpm tells", async (context) => {
    if (reasons[format] !== undefined) return context.skip(reasons[format]);
    const directory = databases.get(format) ?? "";
    const seen = await read("/var/lib/rpm", filesOf(directory));
    const asked = lab.asked(directory, format, "%{NAME} %{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH} %{LICENSE}");
    expect(lines(seen)).toEqual(asked.map((line) => line.replace(" 0:", " ")));
    expect(lines(seen)).toContain("studio-tool 2:1.4-3.el9 x86_64 MIT");
    expect(lines(seen)).toHaveLength(4 + keys.length);
    const paths = told(seen).flatMap(({ name, paths: own }) => own.map((path) => `${name} ${path}`));
    expect([...new Set(paths)].sort()).toEqual([
      ...new Set(lab.asked(directory, format, "[%{=NAME} %{FILENAMES}\\n]")),
    ]);
    expect(paths.length).toBeGreaterThan(400);
  });

  test("a byte that is another one, or an end that is missing, is told, or changes nothing", async (context) => {
    if (reasons[format] !== undefined) return context.skip(reasons[format]);
    const files = filesOf(databases.get(format) ?? "");
    const main = files.get(rpmFile[format]) ?? Buffer.alloc(0);
    const whole = lines(await read("/var/lib/rpm", files));
    const damaged = (bytes: Buffer) => read("/var/lib/rpm", new Map([...files, [rpmFile[format], bytes]]));
    let refused = 0;
    // Each place of the first pages, where the most is said of others, and some of all.
    const places = [...Array.from({ length: 120 }, (_, at) => at), ...spread(main.length, 180)];
    for (const [count, at] of places.entries()) {
      const bytes = Buffer.from(main);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (count % 8));
      const seen = await damaged(bytes);
      if (seen !== undefined && "unknown" in seen) {
        refused += 1;
        expect(seen.unknown).toContain(`/var/lib/rpm/${rpmFile[format]}`);
      } else expect.soft(lines(seen), `byte ${at} of ${main.length}`).toEqual(whole);
    }
    expect(refused).toBeGreaterThan(50);
    for (const length of spread(main.length, 40)) {
      const seen = await damaged(main.subarray(0, length));
      expect.soft(seen, `${length} of ${main.length} bytes`).toHaveProperty("unknown");
    }
  }, 120_000);
});

/** Places from begin to end, the same ones each time. */
const spread = (length: number, count: number) =>
  Array.from({ length: count }, (_, at) => Math.floor((length * (at + 0.37)) / count));

describe("SQLite", () => {
  test("what is in the log alone is told", async (context) => {
    if (noRpm !== undefined) return context.skip(noRpm);
    const directory = join(lab.room, "logged");
    cpSync(databases.get("sqlite") ?? "", directory, { recursive: true });
    const database = new DatabaseSync(join(directory, rpmFile.sqlite), { enableForeignKeyConstraints: false });
    database.exec("PRAGMA wal_autocheckpoint = 0; DELETE FROM Packages WHERE hnum = 1");
    const files = filesOf(directory);
    database.close();
    expect(files.get(`${rpmFile.sqlite}-wal`)?.length).toBeGreaterThan(0);
    expect(lines(await read("/var/lib/rpm", files))).toHaveLength(3 + keys.length);
    // Without the log it is as it was before.
    const alone = new Map([...files].filter(([name]) => name === rpmFile.sqlite));
    expect(lines(await read("/var/lib/rpm", alone))).toHaveLength(4 + keys.length);
  });

  test("a page that says of one record less than it has is no shorter list", async (context) => {
    if (noRpm !== undefined) return context.skip(noRpm);
    const files = filesOf(databases.get("sqlite") ?? "");
    const main = files.get(rpmFile.sqlite) ?? Buffer.alloc(0);
    const whole = lines(await read("/var/lib/rpm", files));
    const size = main.readUInt16BE(16);
    let refused = 0;
    for (let page = size; page < main.length; page += size) {
      // A leaf of a table; behind its type stand its first free block and how many records it has.
      if (main[page] !== 0x0d || main.readUInt16BE(page + 3) === 0) continue;
      const bytes = Buffer.from(main);
      bytes.writeUInt16BE(main.readUInt16BE(page + 3) - 1, page + 3);
      const seen = await read("/var/lib/rpm", new Map([...files, [rpmFile.sqlite, bytes]]));
      if (seen !== undefined && "unknown" in seen) refused += 1;
      else expect.soft(lines(seen), `page at ${page}`).toEqual(whole);
    }
    expect(refused).toBeGreaterThan(0);
  });

  /** A database of these statements. */
  const database = (...statements: readonly string[]) => {
    made += 1;
    const path = join(lab.room, `made-${made}`);
    const open = new DatabaseSync(path);
    for (const each of statements) open.exec(each);
    open.close();
    return filesOf(lab.room).get(`made-${made}`) ?? Buffer.alloc(0);
  };
  const table = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";

  test.each<readonly [string, readonly string[], string]>([
    ["no table", ["CREATE TABLE a (b)"], "no table of packages"],
    ["a table that lacks", ["CREATE TABLE Packages (hnum INTEGER PRIMARY KEY)"], "none that rpm makes"],
    [
      "a view that never ends",
      [
        "CREATE VIEW Packages AS WITH RECURSIVE a(hnum, blob) AS (SELECT 1, x'00' UNION ALL SELECT hnum + 1, blob FROM a) SELECT * FROM a",
      ],
      "none that rpm makes",
    ],
    [
      "a value that is computed",
      [
        "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob AS (zeroblob(1000000000)))",
        "INSERT INTO Packages(hnum) VALUES (1)",
      ],
      "none that rpm makes",
    ],
    [
      "a check that is computed",
      [`${table.slice(0, -1)} CHECK (length(zeroblob(1000000000)) > 0))`],
      "none that rpm makes",
    ],
    ["an index that is computed", [table, "CREATE INDEX i ON Packages(length(blob))"], "none that rpm makes"],
    ["text in the place of a header", [table, "INSERT INTO Packages VALUES (1, 'x')"], "has no header"],
    ["a header of nothing", [table, "INSERT INTO Packages VALUES (1, x'')"], "record 1: a header of 0 bytes"],
    ["no header", [table, "INSERT INTO Packages VALUES (1, zeroblob(100))"], "record 1: a header of 100 bytes"],
  ])("%s is refused", async (_, statements, said) => {
    const seen = await read("/var/lib/rpm", new Map([[rpmFile.sqlite, database(...statements)]]));
    expect(seen).toEqual({ unknown: expect.stringContaining(said) });
    expect(seen).toEqual({ unknown: expect.stringContaining("/var/lib/rpm/rpmdb.sqlite (SQLite)") });
  });

  test("a table without a package has none; it is no answer about one", async () => {
    const files = placed("/var/lib/rpm", new Map([[rpmFile.sqlite, database(table)]]));
    expect(await rpmInTree(treeOf(files))).toEqual([]);
    expect((await packageFacts.fromTree?.(treeOf(files), ["bash"]))?.[0]).toMatchObject({ code: "probe-failed" });
  });
});

describe("what damage would leave out is refused", () => {
  /** A database with these bytes in other places. */
  const changed = async (format: RpmFormat, change: (bytes: Buffer) => void) => {
    const files = filesOf(databases.get(format) ?? "");
    const bytes = Buffer.from(files.get(rpmFile[format]) ?? Buffer.alloc(0));
    change(bytes);
    return read("/var/lib/rpm", new Map([...files, [rpmFile[format], bytes]]));
  };

  test.skipIf(noRpm !== undefined).each<readonly [string, (bytes: Buffer) => void, string]>([
    ["a slot that is emptied", (bytes) => bytes.fill(0, 36, 48), "that no slot names"],
    [
      "a time that is another, which only the sum tells",
      (bytes) => bytes.writeUInt32LE(1, 4096 + 8),
      "its sum is another",
    ],
    ["a slot that is there twice", (bytes) => bytes.copyWithin(64, 32, 48), "the slot at byte 64 says"],
  ])(`${noRpm ?? "ndb"}: %s`, async (_, change, said) => {
    expect(await changed("ndb", change)).toEqual({ unknown: expect.stringContaining(said) });
  });

  /** Where the first page with entries begins. */
  const filled = (bytes: Buffer): number => {
    for (let page = 4096; page < bytes.length; page += 4096)
      if ([2, 13].includes(bytes[page + 25] ?? 0) && bytes.readUInt16LE(page + 20) > 2) return page;
    throw new Error("there is no page with entries");
  };

  test.skipIf(noBdb !== undefined).each<readonly [string, (bytes: Buffer, page: number) => void, string]>([
    [
      "two entries less",
      (bytes, page) => bytes.writeUInt16LE(bytes.readUInt16LE(page + 20) - 2, page + 20),
      "its entries begin at",
    ],
    ["a page that is free", (bytes, page) => bytes.fill(0, page + 25, page + 26), "belongs to no record"],
    [
      "a page in the place of another",
      (bytes, page) => bytes.writeUInt32LE(77, page + 8),
      "it says that it is page 77",
    ],
  ])(`${noBdb ?? "Berkeley DB"}: %s`, async (_, change, said) => {
    const seen = await changed("bdb", (bytes) => change(bytes, filled(bytes)));
    expect(seen).toEqual({ unknown: expect.stringContaining(said) });
  });
});

describe("where", () => {
  const garbage = { "/var/lib/rpm/rpmdb.sqlite": "SQLite format 3\0 and no more" };

  test("nothing of rpm is there", async () => {
    expect(await rpmInTree(treeOf({ "/etc/passwd": "" }))).toBeUndefined();
  });

  test.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ["no SQLite", garbage, "/var/lib/rpm/rpmdb.sqlite (SQLite) cannot be read: file is not a database"],
    [
      "an empty file",
      { "/usr/lib/sysimage/rpm/rpmdb.sqlite": "" },
      "/usr/lib/sysimage/rpm/rpmdb.sqlite (SQLite) cannot be read: it is empty",
    ],
    [
      "no ndb",
      { "/usr/lib/sysimage/rpm/Packages.db": "x".repeat(5000) },
      "Packages.db (ndb) cannot be read: it does not begin",
    ],
    [
      "no Berkeley DB",
      { "/var/lib/rpm/Packages": "x".repeat(5000) },
      "Packages (Berkeley DB) cannot be read: it is no hash",
    ],
    [
      "two of them",
      { ...garbage, "/var/lib/rpm/Packages": "x" },
      "two databases, /var/lib/rpm/rpmdb.sqlite and /var/lib/rpm/Packages",
    ],
    ["a change that was not ended", { ...garbage, "/var/lib/rpm/rpmdb.sqlite-journal": "x" }, "begun and not ended"],
  ])("%s is unknown, with its place; who asks dpkg is answered", async (_, files, said) => {
    const status = {
      "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5\nArchitecture: amd64\n",
    };
    await expect(rpmInTree(treeOf(files))).rejects.toMatchObject({
      code: "probe-failed",
      seen: expect.stringContaining(said),
    });
    const [any, rpm] = (await packageFacts.fromTree?.(treeOf({ ...files, ...status }), ["bash", "rpm bash"])) ?? [];
    expect(any).toMatchObject({ manager: "dpkg" });
    expect(rpm).toMatchObject({ code: "probe-failed", seen: expect.stringContaining(said) });
  });

  test("a directory that is a link to another is one database; facts and licences are told", async (context) => {
    if (noRpm !== undefined) return context.skip(noRpm);
    const files = placed("/usr/lib/sysimage/rpm", filesOf(databases.get("ndb") ?? ""));
    const tree = treeOf(files, { "/var/lib/rpm": "../../usr/lib/sysimage/rpm" });
    const asked = ["studio-tool", "rpm kernel-core", "rpm kernel-core:x86_64", "bash"];
    expect(await packageFacts.fromTree?.(tree, asked)).toEqual([
      { state: "installed", version: "2:1.4-3.el9", architecture: "x86_64", manager: "rpm" },
      // Of two the newest.
      { state: "installed", version: "1.4-3.el9", architecture: "x86_64", manager: "rpm" },
      { state: "installed", version: "1.4-3.el9", architecture: "x86_64", manager: "rpm" },
      undefined,
    ]);
    const [licences] = (await installedPackages.fromTree?.(tree, ["packages"])) ?? [];
    expect(licences).toMatchObject({ manager: "rpm" });
    expect(licences).toHaveProperty("packages", expect.arrayContaining([{ package: "studio-tool", text: "MIT" }]));
    // Elsewhere than where distributions have it, a link is followed.
    const moved = treeOf(placed("/srv/rpm", filesOf(databases.get("ndb") ?? "")), { "/var/lib/rpm": "/srv/rpm" });
    expect(await rpmInTree(moved)).toHaveLength(4 + keys.length);
  });
});

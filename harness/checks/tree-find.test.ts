// Decides that what is found in files alone is what find, the tools and the shell say of the same files.
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Probe } from "../model/check.ts";
import { RootfsTree } from "../store/still-rootfs.ts";
import { loaderDirectories } from "./elf.ts";
import { fileDigest } from "./file-digest.ts";
import { fileSlice } from "./file-slice.ts";
import { filesFound, type InventoryQuery } from "./inventory-find.ts";
import { installedPackages } from "./licences.ts";

const node = hostNode();
const whole = new RootfsTree("/");
let root: string;
const at = (name: string) => join(root, name);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-found-"));
  mkdirSync(at("d/shut"), { recursive: true });
  for (const [name, mode] of [
    ["plain", 0o644],
    ["su", 0o4755],
    ["d/wall", 0o2755],
    ["d/open", 0o666],
    [`d/shut/new\nline ${"x".repeat(240)}`, 0o4711],
    ["lost", 0o600],
  ] as const) {
    writeFileSync(at(name), name);
    chmodSync(at(name), mode);
  }
  chownSync(at("lost"), 54321, 0);
  symlinkSync("d", at("link"));
  writeFileSync(Buffer.concat([Buffer.from(at("d/")), Buffer.from([0x61, 0xff, 0x0a])]), "", { mode: 0o600 });
  mkdirSync(Buffer.concat([Buffer.from(at("d/")), Buffer.from([0xfe])]));
  symlinkSync("nowhere", at("broken"));
  lchownSync(at("broken"), 0, 54322);
  mkdirSync(at("shared"));
  chmodSync(at("shared"), 0o1777);
  chmodSync(at("d/shut"), 0o700);
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

/** The answer of either way, an error by its words. */
async function both<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<readonly unknown[]> {
  const said = (error: unknown) => (error instanceof Error ? { error: error.name } : error);
  const live = await node.observe(probe, subject).catch(said);
  const still = await (probe.fromTree?.(whole, [subject]) ?? Promise.reject(new Error("not from files"))).then(
    ([answer]) => said(answer),
    said,
  );
  return [still, live];
}

const kinds: readonly InventoryQuery["kind"][] = [
  "setuid",
  "setgid",
  "world-writable",
  "orphaned",
  { all: "files" },
  { all: "links" },
  { all: "entries" },
  { notOwnedBy: "root", notOfGroup: undefined },
  { notOwnedBy: "0", notOfGroup: "root" },
  { notOwnedBy: "54321", notOfGroup: "54322" },
  { notOwnedBy: "nobody-knows", notOfGroup: undefined },
  { notOfMode: 0o644, type: "f" },
  { notOfMode: 0o755, type: "d" },
];

describe("files", () => {
  test.each(kinds)("%j: as find has them", async (kind) => {
    const [still, live] = await both(filesFound, { kind, root });
    expect(still).toEqual(live);
  });
  test.each(["link", "plain", "nothing", "d/", "broken"])("in %s", async (name) => {
    const [still, live] = await both(filesFound, { kind: { all: "entries" }, root: `${root}/${name}` });
    expect(still).toEqual(live);
  });
  test("more than one at once, each with its own", async () => {
    const answers = await filesFound.fromTree?.(whole, [
      { kind: "setuid", root },
      { kind: "setuid", root: at("nothing") },
      { kind: "setgid", root },
    ]);
    expect(answers).toEqual([
      [at(`d/shut/new\nline ${"x".repeat(240)}`), at("su")].sort(),
      expect.objectContaining({ code: "probe-failed" }),
      [at("d/wall")],
    ]);
  });
});

test.each(["plain", "d", "nothing", "broken", "link/open"])("sums and parts of %s", async (name) => {
  for (const kind of ["md5", "sha1", "sha512"] as const) {
    const [still, live] = await both(fileDigest[kind], at(name));
    expect(still).toEqual(live);
  }
  for (const [from, length] of [
    [0, 3],
    [2, 2],
    [100, 1],
  ] as const) {
    const [still, live] = await both(fileSlice, { path: at(name), at: from, length });
    expect(still).toEqual(live);
  }
});

test("of a tree where each reading is costly, parts of a file are one reading; else what changed is seen", async () => {
  writeFileSync(at("big"), Buffer.alloc(17 * 1024 ** 2, "x"));
  for (const keepWhatIsRead of [true, false]) {
    let readings = 0;
    const tree = Object.assign(new RootfsTree("/"), { keepWhatIsRead });
    const read = tree.read.bind(tree);
    tree.read = (paths, most) => {
      readings += 1;
      return read(paths, most);
    };
    const part = async (name: string, from: number) =>
      String((await fileSlice.fromTree?.(tree, [{ path: at(name), at: from, length: 3 }]))?.[0]);
    expect([await part("plain", 0), await part("plain", 2), await part("plain", 9)]).toEqual(["pla", "ain", ""]);
    expect(readings).toBe(keepWhatIsRead ? 1 : 3);
    // Further than what is read ahead.
    expect([await part("big", 0), await part("big", 17 * 1024 ** 2 - 1)]).toEqual(["xxx", "x"]);
    expect(readings).toBe(keepWhatIsRead ? 3 : 5);
    writeFileSync(at("plain"), "other");
    expect(await part("plain", 0)).toBe(keepWhatIsRead ? "pla" : "oth");
    writeFileSync(at("plain"), "plain");
    // Beyond what is read at all, after its beginning was.
    writeFileSync(at("huge"), "");
    truncateSync(at("huge"), 300 * 1024 ** 2);
    expect(await part("huge", 0)).toBe("\0\0\0");
    expect(await part("huge", 290 * 1024 ** 2)).toMatch(/it lies beyond/);
  }
});

test("where libraries are looked for", async () => {
  const [still, live] = await both(loaderDirectories, "loader");
  expect([...(still as string[])].sort()).toEqual([...(live as string[])].sort());
});

test("packages of whom licences are told: of dpkg, and of apk", async () => {
  const [still, live] = (await both(installedPackages, "packages")) as { packages: { package: string }[] }[];
  const names = (seen: typeof still) => seen?.packages.map((each) => each.package).sort();
  expect(names(still)).toEqual(names(live));
  expect(names(still)?.length).toBeGreaterThan(10);
  mkdirSync(at("distroless/var/lib/dpkg/status.d"), { recursive: true });
  writeFileSync(at("distroless/var/lib/dpkg/status.d/libc6"), "Package: libc6\nVersion: 2.36-9\nArchitecture: amd64\n");
  writeFileSync(at("distroless/var/lib/dpkg/status.d/libc6.md5sums"), "x  y\n");
  expect(await installedPackages.fromTree?.(new RootfsTree(at("distroless")), ["packages"])).toEqual([
    { manager: "dpkg", packages: [{ package: "libc6", text: undefined }] },
  ]);
  mkdirSync(at("alpine/lib/apk/db"), { recursive: true });
  writeFileSync(at("alpine/lib/apk/db/installed"), "P:musl\nV:1.2.5-r0\nL:MIT\n\n");
  expect(await installedPackages.fromTree?.(new RootfsTree(at("alpine")), ["packages"])).toEqual([
    { manager: "apk", packages: [{ package: "musl", text: "MIT" }] },
  ]);
  await expect(installedPackages.fromTree?.(new RootfsTree(at("d")), ["packages"])).rejects.toMatchObject({
    code: "probe-failed",
  });
});

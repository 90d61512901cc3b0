// Layers of a small real tree: the same bytes whatever the times, and exactly what changed.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { digestOf } from "./canonical.ts";
import { listingText, parseListing, treeChange } from "./entry-listing.ts";
import { scanTree, writeChange } from "./layer.ts";

const epoch = 1_700_000_000;
let directory: string;
let tree: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-layer-"));
  tree = join(directory, "tree");
  mkdirSync(join(tree, "etc/studio"), { recursive: true });
  mkdirSync(join(tree, "opt/tool/lib"), { recursive: true });
  writeFileSync(join(tree, "etc/studio/release"), "0.1.0\n");
  writeFileSync(join(tree, "opt/tool/lib/big"), Buffer.alloc(300_000, "x"));
  writeFileSync(join(tree, "etc/one"), "linked\n");
  linkSync(join(tree, "etc/one"), join(tree, "etc/two"));
  symlinkSync("studio/release", join(tree, "etc/link"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const members = (file: string) =>
  execFileSync("tar", ["--list", "--file", file], { encoding: "utf8" }).trim().split("\n");

test("a layer is hashed as it is written, and the same tree gives the same bytes", async () => {
  const one = await scanTree(tree, epoch, join(directory, "one.tar"));
  const copied = join(directory, "copied");
  cpSync(tree, copied, { recursive: true, verbatimSymlinks: true });
  rmSync(join(copied, "etc/two"));
  linkSync(join(copied, "etc/one"), join(copied, "etc/two"));
  utimesSync(join(copied, "etc/studio/release"), Date.now() / 1000, Date.now() / 1000);
  const two = await scanTree(copied, epoch, join(directory, "two.tar"));
  expect(two).toEqual(one);
  expect(one.layer?.diffId).toBe(digestOf(readFileSync(join(directory, "one.tar"))));
  expect(one.layer?.bytes).toBe(statSync(join(directory, "one.tar")).size);
});

test("a listing survives being written", async () => {
  const { listing } = await scanTree(tree, epoch);
  expect(listing.size).toBe(11);
  expect(parseListing(listingText(listing))).toEqual(new Map([...listing].sort(([a], [b]) => (a < b ? -1 : 1))));
});

test.each<[string, () => void, string[]]>([
  ["nothing", () => {}, []],
  ["a time alone", () => utimesSync(join(tree, "etc/studio/release"), 1, 1), []],
  ["a mode", () => chmodSync(join(tree, "etc/studio"), 0o700), ["./", "./etc/", "./etc/studio/"]],
  [
    "contents",
    () => writeFileSync(join(tree, "etc/studio/release"), "0.2.0\n"),
    ["./", "./etc/", "./etc/studio/", "./etc/studio/release"],
  ],
  [
    "a file of two names",
    () => writeFileSync(join(tree, "etc/two"), "changed\n"),
    ["./", "./etc/", "./etc/one", "./etc/two"],
  ],
  [
    "a file that goes",
    () => rmSync(join(tree, "etc/studio/release")),
    ["./", "./etc/", "./etc/studio/", "./etc/studio/.wh.release"],
  ],
  [
    "a directory that goes",
    () => rmSync(join(tree, "opt/tool"), { recursive: true }),
    ["./", "./opt/", "./opt/.wh.tool"],
  ],
  [
    "a directory that becomes a file",
    () => {
      rmSync(join(tree, "opt/tool"), { recursive: true });
      writeFileSync(join(tree, "opt/tool"), "now a file\n");
    },
    ["./", "./opt/", "./opt/tool"],
  ],
])("%s changes: the layer holds just that, with its parents", async (_what, change, expected) => {
  const before = await scanTree(tree, epoch);
  change();
  const after = await scanTree(tree, epoch);
  const file = join(directory, "change.tar");
  const layer = await writeChange(treeChange(before.listing, after.listing), {
    tree,
    epochSeconds: epoch,
    file,
    scratch: directory,
  });
  expect(layer === undefined ? [] : members(file)).toEqual(expected);
});

test("a tree that is not there is an error with tar's own words", async () => {
  await expect(scanTree(join(directory, "none"), epoch)).rejects.toMatchObject({
    code: "tar-failed",
    seen: expect.stringContaining("No such file"),
  });
});

test("a layer that cannot be written is an error, not an endless wait", async () => {
  await expect(scanTree(tree, epoch, join(directory, "none/layer.tar"))).rejects.toMatchObject({ code: "ENOENT" });
});

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inTree } from "./tree-path.ts";

let tree: string;
beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "assay-tree-"));
  mkdirSync(join(tree, "usr/bin"), { recursive: true });
  mkdirSync(join(tree, "run"));
  mkdirSync(join(tree, "var"));
  symlinkSync("usr/bin", join(tree, "bin"));
  symlinkSync("/run", join(tree, "var/run"));
  symlinkSync("../../../../etc/passwd", join(tree, "escape"));
  symlinkSync("b", join(tree, "a"));
  symlinkSync("a", join(tree, "b"));
});
afterAll(() => rmSync(tree, { recursive: true }));

test.each([
  ["/usr/bin/env", "usr/bin/env"],
  ["/bin/new", "usr/bin/new"],
  ["/var/run/x.pid", "run/x.pid"],
  ["/var/run/../run/./x", "run/x"],
  ["/../../etc/shadow", "etc/shadow"],
  ["/escape", "etc/passwd"],
  ["/not/yet/there", "not/yet/there"],
])("%s lies at %s of the tree, never outside it", async (path, expected) => {
  expect(await inTree(tree, path)).toBe(join(tree, expected));
});

test("links in a circle are refused", async () => {
  await expect(inTree(tree, "/a/x")).rejects.toMatchObject({ code: "link-circle" });
});

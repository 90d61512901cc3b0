// Files of a context land in the tree, wherever its links seem to lead.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copy } from "../model/recipe.ts";
import { copyIntoTree } from "./steps-copy.ts";
import type { Workplace } from "./steps-tool.ts";

let room: string;
let place: Workplace;
beforeEach(() => {
  room = mkdtempSync(join(tmpdir(), "assay-copy-"));
  const [tree, context] = [join(room, "tree"), join(room, "context")];
  for (const directory of [join(tree, "var"), join(tree, "usr/bin"), join(context, "root/var/run"), join(room, "host")])
    mkdirSync(directory, { recursive: true });
  writeFileSync(join(context, "root/var/run/pid"), "1");
  place = { tree, context, recipe: "one" } as Workplace;
});
afterEach(() => rmSync(room, { recursive: true, force: true }));

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const copied = () => copyIntoTree(place, copy("root", "/", { owner }));

test("an absolute link of the tree leads into the tree, also below the directory that is copied to", async () => {
  symlinkSync(join(room, "host"), join(place.tree, "var/run"));
  await copied();
  expect(readdirSync(join(room, "host"))).toEqual([]);
  expect(readFileSync(join(place.tree, room, "host/pid"), "utf8")).toBe("1");
});

test("a relative one is followed, and one that is copied takes the place of what was there", async () => {
  mkdirSync(join(place.context, "root/bin"));
  writeFileSync(join(place.context, "root/bin/tool"), "tool");
  symlinkSync("usr/bin", join(place.tree, "bin"));
  symlinkSync("pid", join(place.context, "root/var/run/link"));
  mkdirSync(join(place.tree, "var/run"));
  writeFileSync(join(place.tree, "var/run/link"), "a file");
  await copied();
  expect(readFileSync(join(place.tree, "usr/bin/tool"), "utf8")).toBe("tool");
  expect(readFileSync(join(place.tree, "var/run/link"), "utf8")).toBe("1");
});

test("a file where a directory is to be is refused", async () => {
  writeFileSync(join(place.tree, "var/run"), "a file");
  await expect(copied()).rejects.toMatchObject({ code: "copy-failed", seen: expect.stringContaining("/var/run") });
  expect(existsSync(join(place.tree, "var/run/pid"))).toBe(false);
});

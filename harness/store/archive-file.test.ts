// A recipe's archive is what its digest was taken of, from the digest to the tree.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromArchive, recipe } from "../model/recipe.ts";
import { archiveFile, readArchive } from "./archive-file.ts";

let context: string;
beforeEach(() => {
  context = mkdtempSync(join(tmpdir(), "assay-archive-"));
  writeFileSync(join(context, "a.tar"), "one");
});
afterEach(() => rmSync(context, { recursive: true, force: true }));

const from = fromArchive("a.tar");
const of = () => recipe("given", { version: "1", from, context });

test("what is read of an unchanged one is given", async () => {
  const { path, sha256 } = await archiveFile(of(), from);
  expect(await readArchive(of(), from, sha256, async (at) => at)).toBe(path);
});

test("one that was changed before it was read, or meanwhile, is refused", async () => {
  const { path, sha256 } = await archiveFile(of(), from);
  const changing = readArchive(of(), from, sha256, async () => {
    writeFileSync(path, "other");
    return "read";
  });
  await expect(changing).rejects.toMatchObject({ code: "archive-changed" });
  await expect(readArchive(of(), from, sha256, async () => "read")).rejects.toMatchObject({ code: "archive-changed" });
});

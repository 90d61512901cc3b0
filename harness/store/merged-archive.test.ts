// Several archives become one that holds each layer once, and each image of it is what it was.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mergeArchives } from "./merged-archive.ts";
import { openStill } from "./still-image.ts";
import { configuration, tar } from "./testing/archives.ts";

let room: string;
beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "assay-merged-"));
});
afterAll(() => rmSync(room, { recursive: true, force: true }));

const idOf = (content: Buffer) => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** An image as a recipe's archive has it; its layers are called alike in each, as no engine promises that names differ. */
async function image(tag: string, layers: readonly Buffer[], diffIds = layers.map(idOf)): Promise<string> {
  const config = JSON.stringify({ ...configuration, rootfs: { type: "layers", diff_ids: diffIds }, comment: tag });
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const path = join(room, `${tag.replace(":", "-")}.tar`);
  writeFileSync(
    path,
    await tar([
      { name: "manifest.json", content: JSON.stringify([{ Config: "c.json", RepoTags: [tag], Layers: names }]) },
      { name: "c.json", content: config },
      ...layers.map((content, index) => ({ name: names[index] ?? "", content })),
    ]),
  );
  return path;
}

const layer = (name: string, content: string) => tar([{ name, content, mode: 0o644 }]);
const big = "b".repeat(3_000_000);

async function read(path: string, tag: string, file: string): Promise<string> {
  const opened = await openStill({ still: "docker-archive", path, image: tag, at: undefined });
  try {
    const [content] = await opened.tree.read([file], 2 * big.length);
    return `${opened.image?.id} ${content !== undefined && "bytes" in content ? content.bytes : "nothing"}`;
  } finally {
    await opened.close();
  }
}

test("each image keeps its id, tag and files, and the layer that both have lies there once", async () => {
  const base = await layer("base", big);
  const [web, worker] = await Promise.all([
    image("web:1", [base, await layer("role", "serves")]),
    image("worker:1", [base, await layer("role", "works")]),
  ]);
  const merged = join(room, "merged.tar");
  await mergeArchives(merged, [web, worker]);
  for (const [path, tag] of [
    [web, "web:1"],
    [worker, "worker:1"],
  ] as const)
    expect(await read(merged, tag, "/role")).toBe(await read(path, tag, "/role"));
  expect(await read(merged, "worker:1", "/role")).toContain("works");
  expect(await read(merged, "worker:1", "/base")).toContain(big);
  expect(statSync(merged).size).toBeLessThan(1.1 * big.length);
});

test("an archive whose configuration names other layers than its manifest is refused", async () => {
  const base = await layer("base", "base");
  const bad = await image("bad:1", [base], []);
  await expect(mergeArchives(join(room, "refused.tar"), [bad])).rejects.toMatchObject({ code: "bad-archive" });
});

test("a file that is there already is not written over", async () => {
  const one = await image("one:1", [await layer("a", "a")]);
  const there = join(room, "there.tar");
  writeFileSync(there, "somebody's");
  await expect(mergeArchives(there, [one])).rejects.toThrow("EEXIST");
  expect(statSync(there).size).toBe("somebody's".length);
});

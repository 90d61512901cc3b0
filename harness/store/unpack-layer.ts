// Decides how one layer lands in a tree: held against its digest, whiteouts applied, files below the tree and nowhere else. Trusts
// nothing in it: names, links, sizes and digests are the image's word.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { archiveLimits, badArchive, sayName } from "./bad-archive.ts";
import { FileSource } from "./byte-source.ts";
import { findTool, runTool, type Workplace } from "./steps-tool.ts";
import type { StillLayer } from "./still-layer.ts";
import { readTar } from "./tar-entries.ts";
import { inTree } from "./tree-path.ts";

const script = join(import.meta.dirname, "unpack-layer.sh");
const pieceBytes = 512 * 1024;

/** Unpacks the layers of one image into a workplace's tree, the lowest first. */
export class LayerUnpacking {
  readonly #place: Workplace;
  #tools: string | undefined;
  #entries = 0;

  constructor(place: Workplace) {
    this.#place = place;
  }

  /** `diffId`: of the layer as a plain tar. Rejects with the errors of `badArchive`. */
  async apply(layer: StillLayer, diffId: string): Promise<void> {
    const place = this.#place;
    const { where } = layer;
    if (this.#tools === undefined) {
      await mkdir(place.tree, { mode: 0o755 });
      this.#tools = lendTar(place);
    }
    const plain = join(place.scratch, "layer.tar");
    const seen = await copyPlain(layer, plain);
    if (seen !== diffId) throw badArchive(where, `it is ${seen}, and its configuration says ${diffId}`);
    for (const mark of await this.#whiteouts(where, plain)) await applyWhiteout(place, where, mark);
    const lent = join(place.tree, ".assay-tools");
    mkdirSync(lent);
    const status = await runTool(place, ["sh", script, place.tree, this.#tools, plain]);
    if (status !== 0) throw badArchive(where, `it cannot be unpacked: ${place.log.lines.slice(-3).join(" / ")}`);
    await rm(lent, { recursive: true });
    await rm(plain);
  }

  /** Looks at every entry before any is unpacked. */
  async #whiteouts(where: string, layer: string): Promise<string[]> {
    const found: string[] = [];
    await using file = await open(layer);
    await readTar(new FileSource(file, 0, (await file.stat()).size), where, ({ name, size }) => {
      this.#entries += 1;
      if (this.#entries > archiveLimits.entries)
        throw badArchive(where, `there are more than ${archiveLimits.entries} entries`, "archive-too-big");
      // One of nothing but holes takes no room in a layer, and would be read for ever after.
      if (size > archiveLimits.fileBytes)
        throw badArchive(where, `${sayName(name)} has ${size} bytes`, "archive-too-big");
      const text = Buffer.from(name, "latin1").toString();
      if (basename(text).startsWith(".wh.")) found.push(text);
      return undefined;
    });
    return found;
  }
}

/** The layer as a plain tar in a file; its digest. */
async function copyPlain(layer: StillLayer, path: string): Promise<string> {
  const hash = createHash("sha256");
  await using file = await open(path, "wx");
  const source = await layer.open();
  try {
    for (;;) {
      const piece = await source.take(pieceBytes);
      if (piece.length === 0) return `sha256:${hash.digest("hex")}`;
      hash.update(piece);
      await file.writeFile(piece);
    }
  } finally {
    source.close();
  }
}

async function applyWhiteout(place: Workplace, where: string, mark: string): Promise<void> {
  // `inTree` keeps to the tree, whatever the path says; the last part is taken as it is.
  const directory = await inTree(place.tree, dirname(mark));
  const name = basename(mark).slice(".wh.".length);
  if (name === ".wh..opq") {
    for (const each of await readdir(directory).catch(() => []))
      await rm(join(directory, each), { recursive: true, force: true });
    return;
  }
  if (name === "" || name === "." || name === "..")
    throw badArchive(where, `${sayName(Buffer.from(mark).toString("latin1"))} is no whiteout`);
  await rm(join(directory, name), { recursive: true, force: true });
}

/** A directory with tar and what it needs, for a tree that may have none. */
function lendTar(place: Workplace): string {
  const lent = join(place.scratch, "tools");
  mkdirSync(lent, { mode: 0o755 });
  const tar = findTool("tar", place.recipe);
  copyFileSync(tar, join(lent, "tar"));
  for (const [library] of execFileSync("ldd", [tar], { encoding: "utf8" }).matchAll(/\/\S+/g))
    copyFileSync(library, join(lent, /^ld-/.test(basename(library)) ? "ld.so" : basename(library)));
  return lent;
}

// Decides how a base and a recipe's steps become an image: copy the tree, apply, clean, look what changed, pack.
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sayMs } from "../model/duration.ts";
import { writeArchive } from "./archive.ts";
import { canonicalJson, digestOf, hexOf } from "./canonical.ts";
import { cleanTree } from "./clean.ts";
import { stageFiles } from "./context-files.ts";
import { type Foundation, type ImageEntry, readTreeListing, writeEntry } from "./entry.ts";
import { listingText, treeChange } from "./entry-listing.ts";
import { imageFile, labels, mergeConfig } from "./image-config.ts";
import { scanTree, writeChange } from "./layer.ts";
import type { Described } from "./manifest.ts";
import { applySteps } from "./steps.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";

export interface Making {
  readonly described: Described;
  readonly place: Workplace;
  /** The entry's directory while it is made; the tree is in it. */
  readonly directory: string;
  readonly foundation: Foundation;
  /** Directory of the foundation. */
  readonly below: string;
  /** The store's directory, which layers' paths are relative to. */
  readonly store: string;
  readonly because: readonly string[];
  readonly say: (line: string) => void;
}

/** Makes the image's tree, layers, archive and manifest in `directory`. */
export async function makeImage(making: Making): Promise<ImageEntry> {
  const { described, place, directory, foundation, say } = making;
  const { recipe, manifest } = described;
  await stageFiles(recipe, manifest.files, place.context);
  await copyTree(place, join(making.below, "tree"));
  await applySteps(place, recipe.steps, say);
  if (recipe.steps.length > 0) await cleanTree(place.tree);

  const packing = performance.now();
  const { epochSeconds } = foundation;
  const { listing } = await scanTree(place.tree, epochSeconds);
  const treeDigest = digestOf(listingText(listing));
  const change = treeChange(await readTreeListing(making.below), listing);
  const file = join(directory, "layer.tar");
  const own = await writeChange(change, { tree: place.tree, epochSeconds, file, scratch: place.scratch });
  const layers = [
    ...foundation.layers,
    ...(own === undefined ? [] : [{ ...own, file: `images/${hexOf(described.digest)}/layer.tar` }]),
  ];

  const merged = mergeConfig(foundation.config, recipe.image);
  const config = {
    ...merged,
    labels: {
      ...merged.labels,
      [labels.recipe]: recipe.name,
      [labels.recipeDigest]: described.digest,
      [labels.treeDigest]: treeDigest,
    },
  };
  const image = imageFile(
    config,
    layers.map((layer) => layer.diffId),
    epochSeconds,
  );
  const tag = `${recipe.name}:${recipe.version}`;
  const archive = join(directory, "image.tar");
  // The layer of this image is still in its room; those below lie in the store.
  const files = layers.map((layer, at) => ({
    ...layer,
    file: at < foundation.layers.length ? join(making.store, layer.file) : file,
  }));
  await writeArchive(archive, { tag, image, layers: files });
  await writeFile(join(directory, "manifest.json"), `${canonicalJson(manifest, "  ")}\n`, { flush: true });
  const entry: ImageEntry = {
    recipe: recipe.name,
    tag,
    recipeDigest: described.digest,
    treeDigest,
    imageId: image.id,
    epochSeconds,
    layers,
    config,
    archiveBytes: (await stat(archive)).size,
    builtAt: new Date().toISOString(),
    because: making.because,
  };
  await writeEntry(directory, entry, listing);
  say(`pack: ${sayMs(performance.now() - packing)}`);
  return entry;
}

/** The tree is copied, never linked: two trees must not share a file that a step could write to. */
async function copyTree(place: Workplace, from: string): Promise<void> {
  place.log.begin("copy of the base");
  await rm(place.tree, { recursive: true, force: true });
  await mkdir(place.tree, { mode: 0o755 });
  const status = await runTool(place, [
    findTool("cp", place.recipe),
    ...["--archive", "--reflink=auto", "--no-target-directory", from, place.tree],
  ]);
  if (status !== 0)
    throw stepFailed(place, { code: "copy-failed", seen: `cp: ${place.log.lines.slice(-3).join(" / ")}` });
}

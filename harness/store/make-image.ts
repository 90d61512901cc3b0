// Decides how a base and a recipe's steps become an image: copy the tree, apply, clean, look what changed, pack.
import { mkdir, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { sayMs } from "../model/duration.ts";
import type { ImageConfig } from "../model/image.ts";
import type { RecipeDisk } from "../model/recipe.ts";
import { writeArchive } from "./archive.ts";
import { findKernel, writeBootFiles } from "./boot-files.ts";
import { canonicalJson, type Digest, digestOf, hexOf } from "./canonical.ts";
import { cleanMachine, cleanTree } from "./clean.ts";
import { stageFiles } from "./context-files.ts";
import { labelTree } from "./disk-label.ts";
import { layoutOf } from "./disk-layout.ts";
import { type Foundation, type ImageEntry, readTreeListing, type StoredLayer, writeEntry } from "./entry.ts";
import { type Listing, listingText, treeChange } from "./entry-listing.ts";
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
  /** Where a disk's files are made. */
  readonly disk: string;
  /** Where the entry's directory will lie. */
  readonly target: string;
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
  const { described, directory, foundation, say } = making;
  const { recipe, manifest } = described;
  if (recipe.disk !== undefined) return machineImage(making, recipe.disk);
  const { epochSeconds } = foundation;
  const { listing, own, packing } = await (recipe.steps.length === 0 ? sameTree(making) : ownTree(making));
  const treeDigest = digestOf(listingText(listing));
  const layers = [...foundation.layers, ...own];

  const config = configOf(making, treeDigest);
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
    file: at < foundation.layers.length ? join(making.store, layer.file) : join(directory, "layer.tar"),
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

function configOf({ described, foundation }: Making, treeDigest: Digest): ImageConfig {
  const { recipe, digest } = described;
  const merged = mergeConfig(foundation.config, recipe.image);
  const own = {
    [labels.recipe]: recipe.name,
    [labels.recipeDigest]: digest,
    [labels.treeDigest]: treeDigest,
  };
  return { ...merged, labels: { ...merged.labels, ...own } };
}

/** A tree with what it boots by, and the disk of it. It has no layers: no container is made of it. */
async function machineImage(making: Making, wanted: RecipeDisk): Promise<ImageEntry> {
  const { described, place, directory, foundation, say } = making;
  const { recipe, manifest, digest } = described;
  const { epochSeconds } = foundation;
  const layout = layoutOf(wanted.size, digest);
  await stepsInTree(making);
  await cleanMachine(place.tree);
  const kernel = await findKernel(place.tree, recipe.name);
  await writeBootFiles(place.tree, { ...wanted, kernel, rootUuid: layout.rootUuid });
  if (wanted.selinux !== undefined) await labelTree(place, wanted.selinux);
  const looking = performance.now();
  const { listing } = await scanTree(place.tree, epochSeconds);
  say(`digest of the tree: ${sayMs(performance.now() - looking)}`);
  const { makeDisk } = await import("./make-disk.ts");
  await mkdir(making.disk, { mode: 0o711 });
  const disk = await makeDisk({ place, directory: making.disk, layout, wanted, kernel, epochSeconds, say });
  await writeFile(join(directory, "manifest.json"), `${canonicalJson(manifest, "  ")}\n`, { flush: true });
  const treeDigest = digestOf(listingText(listing));
  const entry: ImageEntry = {
    recipe: recipe.name,
    tag: `${recipe.name}:${recipe.version}`,
    recipeDigest: digest,
    treeDigest,
    imageId: disk.files.disk.digest,
    epochSeconds,
    layers: [],
    config: configOf(making, treeDigest),
    disk,
    builtAt: new Date().toISOString(),
    because: making.because,
  };
  await writeEntry(directory, entry, listing);
  return entry;
}

interface Made {
  readonly listing: Listing;
  /** The layer above the foundation's, if there is one. */
  readonly own: readonly StoredLayer[];
  /** When packing began. */
  readonly packing: number;
}

/** A tree of the image's own: the foundation's with the steps applied. */
async function ownTree(making: Making): Promise<Made> {
  const { described, place, directory, foundation, below } = making;
  const { digest } = described;
  await stepsInTree(making);
  const packing = performance.now();
  const { epochSeconds } = foundation;
  const { listing } = await scanTree(place.tree, epochSeconds);
  const change = treeChange(await readTreeListing(below), listing);
  const file = join(directory, "layer.tar");
  const layer = await writeChange(change, { tree: place.tree, epochSeconds, file, scratch: place.scratch });
  const own = layer === undefined ? [] : [{ ...layer, file: `images/${hexOf(digest)}/layer.tar` }];
  return { listing, own, packing };
}

async function stepsInTree({ described, place, below, say }: Making): Promise<void> {
  const { recipe, manifest } = described;
  await stageFiles(recipe, manifest.files, place.context);
  await copyTree(place, await realpath(join(below, "tree")));
  await applySteps(place, recipe.steps, say);
  await cleanTree(place.tree);
}

/** Without steps the tree is the foundation's, and trees are never written to: a link says so at no cost. */
async function sameTree({ place, target, below }: Making): Promise<Made> {
  const packing = performance.now();
  await symlink(relative(target, await realpath(join(below, "tree"))), place.tree);
  return { listing: await readTreeListing(below), own: [], packing };
}

/** The tree is copied, never linked file by file: two trees must not share a file that a step could write to. */
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

// Decides what is kept of a base or an image beside its tree, and whether what lies in the store is whole.
import { readFileSync, statSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuiltImage, ImageConfig } from "../model/image.ts";
import { canonicalJson, type Digest } from "./canonical.ts";
import { builtDisk, isWhole, type StoredDisk } from "./disk-entry.ts";
import { type Listing, listingText, parseListing } from "./entry-listing.ts";
import type { Layer } from "./layer.ts";
import type { Manifest } from "./manifest.ts";
import type { Rooms } from "./rooms.ts";

/** A layer by its file's path below the store. */
export interface StoredLayer extends Layer {
  readonly file: string;
}

/** What another image can be made on: `entry.json` of a base, and of an image. */
export interface Foundation {
  /** Of a base, for people. */
  readonly title?: string;
  readonly treeDigest: Digest;
  /** Newer times than this are dated back to it in layers. Seconds. */
  readonly epochSeconds: number;
  /** Lowest first. */
  readonly layers: readonly StoredLayer[];
  readonly config: ImageConfig;
}

/** `entry.json` of an image. */
export interface ImageEntry extends Foundation {
  readonly recipe: string;
  readonly tag: string;
  readonly recipeDigest: Digest;
  readonly imageId: Digest;
  /** Absent where the recipe gives a disk. */
  readonly archiveBytes?: number;
  readonly disk?: StoredDisk;
  /** ISO time. */
  readonly builtAt: string;
  /** Why it was built, as `why` says it. */
  readonly because: readonly string[];
}

/**
 * What lies in a directory of the store, or `undefined` when it is not there or not whole. An image with a disk is whole with
 * that: `disk` is where its files are.
 */
export function readEntry(directory: string, disk?: string): Foundation | undefined {
  const text = orMissing(() => readFileSync(join(directory, "entry.json"), "utf8"));
  if (text === undefined) return undefined;
  try {
    const entry = JSON.parse(text) as Foundation & Partial<ImageEntry>;
    const archive = entry.archiveBytes === undefined ? undefined : statSync(join(directory, "image.tar")).size;
    const whole =
      archive === entry.archiveBytes &&
      statSync(join(directory, "tree")).isDirectory() &&
      (entry.disk === undefined || (disk !== undefined && isWhole(disk, entry.disk))) &&
      entry.layers.every(({ file, bytes }) => statSync(join(directory, "../..", file)).size === bytes);
    return whole ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** The manifest beside an image; `undefined` when there is none. */
export function readManifest(directory: string): Manifest | undefined {
  const text = orMissing(() => readFileSync(join(directory, "manifest.json"), "utf8"));
  return text === undefined ? undefined : (JSON.parse(text) as Manifest);
}

export async function writeEntry(directory: string, entry: Foundation, listing: Listing): Promise<void> {
  await writeFile(join(directory, "tree.txt"), listingText(listing));
  // Last, and on disk: an entry without it is none.
  await writeFile(join(directory, "entry.json"), `${canonicalJson(entry, "  ")}\n`, { flush: true });
}

export async function readTreeListing(directory: string): Promise<Listing> {
  return parseListing(await readFile(join(directory, "tree.txt"), "utf8"));
}

/** An image's entry, where it is whole. */
export function imageEntry(rooms: Rooms, digest: Digest): ImageEntry | undefined {
  return readEntry(rooms.image(digest), rooms.disk(digest)) as ImageEntry | undefined;
}

/** An image of the store as the rest of Assay knows it. */
export function storedImage(rooms: Rooms, digest: Digest, entry: ImageEntry): BuiltImage {
  const directory = rooms.image(digest);
  return {
    recipe: entry.recipe,
    tag: entry.tag,
    recipeDigest: entry.recipeDigest,
    treeDigest: entry.treeDigest,
    imageId: entry.imageId,
    tree: join(directory, "tree"),
    ...(entry.disk === undefined
      ? { archive: join(directory, "image.tar") }
      : { disk: builtDisk(rooms.disk(digest), entry.disk) }),
    config: entry.config,
  };
}

function orMissing<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

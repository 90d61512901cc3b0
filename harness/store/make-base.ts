// Decides how a base becomes an entry of the store of its own, so that what is built on it never builds it again.
import { join } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import type { BuiltImage, ImageConfig } from "../model/image.ts";
import type { DebianRootfs } from "../model/recipe.ts";
import { readArchive } from "./archive-file.ts";
import { baseTitle } from "./build-parts.ts";
import { digestOf, hexOf } from "./canonical.ts";
import { cleanDebian } from "./clean.ts";
import { type Foundation, writeEntry } from "./entry.ts";
import { listingText } from "./entry-listing.ts";
import type { ImageSource } from "./image-source.ts";
import { scanTree } from "./layer.ts";
import { contextEpoch, epochOf, makeDockerfile } from "./make-dockerfile.ts";
import type { BaseManifest, Described } from "./manifest.ts";
import { archiveDate, bootstrapDebian } from "./steps-debian.ts";
import type { Workplace } from "./steps-tool.ts";
import { unpackArchive } from "./unpack-archive.ts";
import { unpackTree } from "./unpack-tree.ts";

/** What is at hand when a base is made. */
export interface BaseMaking {
  readonly described: Described;
  readonly place: Workplace;
  /** The room's entry. */
  readonly directory: string;
  readonly source: ImageSource | undefined;
  /** Images that a Dockerfile starts from, by the name in it. */
  readonly bases: ReadonlyMap<string, BuiltImage & { readonly epochSeconds: number }>;
}

interface Made {
  readonly epochSeconds: number;
  readonly config: ImageConfig;
}

/** Makes the base's tree, layer and listing in `directory`. */
export async function makeBase(making: BaseMaking): Promise<Foundation> {
  const { described, place, directory } = making;
  const { epochSeconds, config } = await treeOf(making);
  const { listing, layer } = await scanTree(place.tree, epochSeconds, join(directory, "layer.tar"));
  if (layer === undefined) throw new TypeError("a base without a layer");
  const entry: Foundation = {
    title: baseTitle(described.recipe),
    treeDigest: digestOf(listingText(listing)),
    epochSeconds,
    layers: [{ ...layer, file: `bases/${hexOf(described.baseDigest)}/layer.tar` }],
    config,
  };
  await writeEntry(directory, entry, listing);
  return entry;
}

async function treeOf({ described, place, source, bases }: BaseMaking): Promise<Made> {
  const { from } = described.recipe;
  if (from.base === "debian-rootfs") return { epochSeconds: await debian(place, from), config: {} };
  if (from.base === "dockerfile") {
    const epochSeconds = epochOf([...bases.values()]);
    return { epochSeconds, config: await makeDockerfile({ described, place, source, bases, epochSeconds }, from) };
  }
  if (from.base === "archive") {
    const { recipe, manifest } = described;
    const { sha256 } = manifest.base as Extract<BaseManifest, { kind: "archive" }>;
    const { config, created } = await readArchive(recipe, from, sha256, (path) =>
      unpackArchive(place, path, { image: from.image, at: recipe.at }),
    );
    return { epochSeconds: imageEpoch(created) ?? contextEpoch, config };
  }
  const reference = from.base === "image" ? from.reference : "";
  return { epochSeconds: await imported(described, place, reference, source), config: described.image?.config ?? {} };
}

async function debian(place: Workplace, base: DebianRootfs): Promise<number> {
  await bootstrapDebian(place, base);
  const date = archiveDate(place.tree);
  if (date === undefined) {
    throw new ProvisionError({
      code: "no-archive-date",
      phase: "build",
      node: place.recipe,
      seen: "mmdebstrap left no dated package index",
      hint: `whole log in ${place.log.path}`,
    });
  }
  await cleanDebian(place.tree);
  return date;
}

async function imported(
  described: Described,
  place: Workplace,
  reference: string,
  source: ImageSource | undefined,
): Promise<number> {
  if (source === undefined || described.image === undefined) throw new TypeError("an image that nobody resolved");
  // By what it stood for when it was resolved: the name may mean another image by now.
  await unpackTree(place, reference, await source.export(described.image.digest));
  return imageEpoch(described.image.created) ?? Math.floor(Date.now() / 1000);
}

/**
 * When an image was made, in seconds: newer files are dated back to that. `undefined` where nothing says it. The beginning of a
 * calendar is no such time: every file would be dated back to it.
 */
export function imageEpoch(created: string | undefined): number | undefined {
  const ms = Date.parse(created ?? "");
  if (Number.isNaN(ms)) return undefined;
  return ms <= 0 ? contextEpoch : Math.floor(ms / 1000);
}

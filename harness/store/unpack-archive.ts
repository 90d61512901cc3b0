// Decides how an image in a file becomes a tree: which image of the file, and its layers in their order, each held against the digest
// that the image's configuration gives it.
import { basename } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import type { ImageConfig } from "../model/image.ts";
import { badArchive } from "./bad-archive.ts";
import type { Workplace } from "./steps-tool.ts";
import { imageArchive, parse } from "./still-files.ts";
import { imageOf } from "./still-image.ts";
import { LayerUnpacking } from "./unpack-layer.ts";

/**
 * Unpacks an archive into the workplace's tree: of `docker save`, or an OCI layout in a tar. A `ProvisionError` of `badArchive`'s codes
 * says what is wrong with it; a `DeclarationError` (`image-missing`) names its images where nobody said which of several is meant.
 */
export async function unpackArchive(
  place: Workplace,
  path: string,
  options: { readonly image?: string | undefined; readonly at?: string | undefined } = {},
): Promise<{ readonly config: ImageConfig; readonly created: string | undefined }> {
  const { image, at } = options;
  try {
    const files = await imageArchive({ path, image, at });
    try {
      const where = basename(path);
      const ids = diffIds(files.config, where);
      if (ids.length !== files.layers.length)
        throw badArchive(where, `its configuration tells of ${ids.length} layers, and it has ${files.layers.length}`);
      const unpacking = new LayerUnpacking(place);
      for (const [index, layer] of files.layers.entries()) await unpacking.apply(layer, ids[index] ?? "");
      const { config, created } = imageOf(files.config, files.tags, where);
      return { config: said(config), created: created === "" ? undefined : created };
    } finally {
      await files.close();
    }
  } catch (error) {
    if (!(error instanceof ProvisionError) || !/^(bad-archive|archive-)/.test(error.code)) throw error;
    const { code, seen, hint } = error;
    throw new ProvisionError({
      code,
      phase: "build",
      node: place.recipe,
      seen,
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

function diffIds(config: Buffer, where: string): readonly string[] {
  const ids = (parse(config, where)["rootfs"] as { readonly diff_ids?: unknown } | null | undefined)?.diff_ids ?? [];
  if (Array.isArray(ids) && ids.every((id) => typeof id === "string")) return ids;
  throw badArchive(where, "its configuration does not name the digests of its layers");
}

/** Without what it does not say, so that a recipe's own words are not added to empty ones. */
function said(config: ImageConfig): ImageConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => Object.keys(value).length > 0));
}

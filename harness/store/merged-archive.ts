// Decides how several images' archives become one that `docker load` reads, in which each layer lies once. Reads no layer's content, and
// trusts no name in an archive: a layer is what its image's configuration says that it is.
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { badArchive } from "./bad-archive.ts";
import { canonicalJson, digestOf, hexOf } from "./canonical.ts";
import { type Part, partsOfTar, textOf } from "./image-parts.ts";
import { parse, readManifest } from "./still-files.ts";

/**
 * Writes a new file with the images of all `archives`, in their order, under their own ids and tags. A layer that several have is taken
 * from the first. Rejects with a `bad-archive` where a configuration does not name as many layers as its manifest, and as `partsOfTar`.
 *
 * @see https://github.com/moby/docker-image-spec/blob/main/v1.2.md (combined image JSON and file system changeset format)
 */
export async function mergeArchives(file: string, archives: readonly string[]): Promise<void> {
  const opened = await Promise.all(archives.map((path) => partsOfTar(path, undefined)));
  try {
    const images: { readonly Config: string; readonly RepoTags: readonly string[]; readonly Layers: string[] }[] = [];
    const configs = new Map<string, Buffer>();
    const layers = new Map<string, Part>();
    for (const parts of opened) {
      for (const image of readManifest(await textOf(parts, "manifest.json"), parts.where)) {
        const config = await textOf(parts, image.config);
        const diffIds = diffIdsIn(config, parts.where, image.layers.length);
        const name = `${hexOf(digestOf(config))}.json`;
        const names = diffIds.map((id) => `${id.slice("sha256:".length)}.tar`);
        for (const [at, each] of names.entries())
          if (!layers.has(each)) layers.set(each, await parts.open(image.layers[at] ?? ""));
        configs.set(name, config);
        images.push({ Config: name, RepoTags: image.tags, Layers: names });
      }
    }
    const archive = pack();
    const written = pipeline(archive, createWriteStream(file, { flags: "wx", mode: 0o644 }));
    // Where the file cannot be written, `written` says why; filling must then not wait for ever.
    await Promise.all([written, Promise.race([fill(archive, canonicalJson(images), configs, layers), written])]);
  } finally {
    await Promise.all(opened.map((parts) => parts.close()));
  }
}

async function fill(
  into: Pack,
  manifest: string,
  configs: ReadonlyMap<string, Buffer>,
  layers: ReadonlyMap<string, Part>,
): Promise<void> {
  const facts = { mode: 0o644, mtime: new Date(0) };
  into.entry({ name: "manifest.json", ...facts }, manifest);
  for (const [name, config] of configs) into.entry({ name, ...facts }, config);
  for (const [name, { file, start, bytes }] of layers) {
    if (bytes === 0) {
      into.entry({ name, ...facts }, "");
      continue;
    }
    const content = file.createReadStream({ start, end: start + bytes - 1, autoClose: false, highWaterMark: 1 << 20 });
    await pipeline(content, into.entry({ name, size: bytes, ...facts }));
  }
  into.finalize();
}

function diffIdsIn(config: Buffer, where: string, count: number): readonly string[] {
  const { rootfs } = parse(config, where) as { readonly rootfs?: { readonly diff_ids?: unknown } };
  const ids = rootfs?.diff_ids;
  if (
    !Array.isArray(ids) ||
    ids.length !== count ||
    !ids.every((id) => typeof id === "string" && /^sha256:[0-9a-f]{64}$/.test(id))
  )
    throw badArchive(where, "its configuration does not name the layers that its manifest has");
  return ids;
}

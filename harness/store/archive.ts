// Decides how layers and a configuration become the archive that `docker load` reads. The same parts give the same bytes.
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { canonicalJson, hexOf } from "./canonical.ts";
import type { ImageFile } from "./image-config.ts";
import type { Layer } from "./layer.ts";

export interface ArchiveParts {
  readonly tag: string;
  readonly image: ImageFile;
  /** Lowest first. */
  readonly layers: readonly (Layer & { readonly file: string })[];
}

/** Writes the archive to a new file. */
export async function writeArchive(file: string, { tag, image, layers }: ArchiveParts): Promise<void> {
  const archive = pack();
  const written = pipeline(archive, createWriteStream(file, { flags: "wx" }));
  const config = `${hexOf(image.id)}.json`;
  const names = layers.map((layer) => `${hexOf(layer.diffId)}.tar`);
  // Where the file cannot be written, `written` says why; filling must then not wait for ever.
  await Promise.all([written, Promise.race([fill(archive), written])]);

  async function fill(into: Pack): Promise<void> {
    text(into, "manifest.json", canonicalJson([{ Config: config, RepoTags: [tag], Layers: names }]));
    text(into, config, image.json);
    for (const [at, layer] of layers.entries()) {
      const entry = into.entry({ name: names[at] ?? "", size: layer.bytes, mode: 0o644, mtime: new Date(0) });
      await pipeline(createReadStream(layer.file, { highWaterMark: 1 << 20 }), entry);
    }
    into.finalize();
  }
}

function text(into: Pack, name: string, content: string): void {
  into.entry({ name, mode: 0o644, mtime: new Date(0) }, content);
}

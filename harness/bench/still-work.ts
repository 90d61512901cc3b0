// Decides which image at rest is judged where that is measured: a Debian's files, then big ones, until it has a gigabyte.
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";

const run = promisify(execFile);

/** The files that are asked about; `work.ts` has them made in its image. */
export const stillFiles = Array.from({ length: 100 }, (_, index) => ({
  path: `/srv/bench/${Math.floor(index / 10)}/file-${index}`,
  owner: index % 2 === 0 ? "root" : "studio",
}));

/** One layer as a file, and the archive as `docker save` writes it around that. */
export interface StillArchive {
  readonly layer: string;
  readonly image: string;
}

const clipBytes = 1_000_000;

/** In `room`, from the tree of `benchRecipe`. Takes about a minute and 4 GB. */
export async function stillArchives(room: string, tree: string): Promise<{ plain: StillArchive; gzip: StillArchive }> {
  const filler = join(room, "filler");
  await mkdir(join(filler, "srv", "media"), { recursive: true });
  const line = Buffer.from("frame 0001: 1.000 0.500 0.250 0.125\n");
  for (let each = 0; each < 850; each += 1) {
    // One that cannot be compressed, one that can.
    const clip = each % 2 === 0 ? randomBytes(clipBytes) : Buffer.alloc(clipBytes, line);
    await writeFile(join(filler, "srv", "media", `clip-${each}.bin`), clip);
  }
  const layer = join(room, "plain.tar");
  await run("tar", [
    "--create",
    "--numeric-owner",
    "--file",
    layer,
    "--directory",
    tree,
    ".",
    "--directory",
    filler,
    "./srv/media",
  ]);
  await rm(filler, { recursive: true });
  const packed = join(room, "gzip.tar");
  await pipeline(createReadStream(layer), createGzip({ level: 1 }), createWriteStream(packed));
  const diff = await digestOf(layer);
  const tag = "bench-still:1";
  return { plain: await saved(room, "plain", layer, tag, diff), gzip: await saved(room, "gzip", packed, tag, diff) };
}

async function digestOf(file: string): Promise<string> {
  const digest = createHash("sha256");
  await pipeline(createReadStream(file), digest);
  return `sha256:${digest.digest("hex")}`;
}

/** The layer is `<name>.tar` in `room`. `diff`: the digest of the layer as it is unpacked, where it is another than its own. */
export async function saved(
  room: string,
  name: string,
  layer: string,
  tag: string,
  diff?: string,
): Promise<StillArchive> {
  const directory = join(room, `${name}-parts`);
  await mkdir(directory);
  const config = JSON.stringify({
    architecture: "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [diff ?? (await digestOf(layer))] },
  });
  const digest = createHash("sha256").update(config).digest("hex");
  const manifest = [{ Config: `${digest}.json`, RepoTags: [tag], Layers: [`${name}.tar`] }];
  await writeFile(join(directory, `${digest}.json`), config);
  await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
  const image = join(room, `${name}-image.tar`);
  const parts = ["--directory", directory, `${digest}.json`, "manifest.json"];
  await run("tar", ["--create", "--file", image, "--directory", room, `${name}.tar`, ...parts]);
  return { layer, image };
}

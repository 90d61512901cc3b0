// Decides which two images are held against each other where that is measured: a Debian's files, then small and big ones until each has a
// gigabyte, and known differences. Each is one layer of its own: nothing is shared that could be passed over.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { saved } from "./still-work.ts";

const run = promisify(execFile);

const clipBytes = 1_000_000;
const clips = 400;
const noteBytes = 15_000;
const notes = 30_000;
/** Of the small and of the big ones, every so many-th has other contents of the same size. */
const everyDiffers = 100;

/** Files of the filler that differ, came or went. */
export const fillerDifferences = clips / everyDiffers + notes / everyDiffers + 2;

/** An image as `docker save` writes it, and its tree beside it as a directory. */
export interface DiffImage {
  readonly image: string;
  readonly tree: string;
}

/** Two images in `room`, of the tree of `benchRecipe`. Takes about half a minute and 6 GB. */
export async function diffImages(room: string, tree: string): Promise<readonly [old: DiffImage, now: DiffImage]> {
  const clip = Buffer.concat([randomBytes(clipBytes / 2), Buffer.alloc(clipBytes / 2, "frame 0001: 1.000 0.500\n")]);
  const note = Buffer.alloc(noteBytes, "a line of somebody's notes, as there are many\n");
  const make = async (name: "old" | "new"): Promise<DiffImage> => {
    const place = join(room, name);
    await mkdir(place);
    // Hard links would be cheaper for whoever knows of them, and nobody's images are.
    await run("cp", ["-a", "--reflink=never", `${tree}/.`, place]);
    const fill = async (directory: string, count: number, like: Buffer) => {
      await mkdir(join(place, directory), { recursive: true });
      for (let each = 0; each < count; each += 1) {
        like.writeUInt32LE(each, 0);
        like.writeUInt8(name === "new" && each % everyDiffers === 0 ? 1 : 0, like.length - 1);
        const part = join(place, directory, String(Math.floor(each / 100)));
        if (each % 100 === 0) await mkdir(part);
        await writeFile(join(part, `file-${each}`), like);
      }
    };
    await fill("srv/media", clips, clip);
    await fill("srv/notes", notes, note);
    await writeFile(join(place, "srv", `only-${name}`), "");
    const layer = join(room, `${name}.tar`);
    await run("tar", ["--create", "--numeric-owner", "--file", layer, "--directory", place, "."]);
    const { image } = await saved(room, name, layer, `bench-diff:${name}`);
    await rm(layer);
    return { image, tree: place };
  };
  return [await make("old"), await make("new")];
}

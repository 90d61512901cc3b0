// Decides which images the store forgets: all but the two of a recipe's name that were used last, and never one used lately.
import { readdirSync, statSync, utimesSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { type ImageEntry, readEntry } from "./entry.ts";
import type { Rooms } from "./rooms.ts";

/** Images of one name that stay, however old. */
const kept = 2;
/** An image used within this time may still be being read. */
const restMs = 60 * 60_000;

interface Known {
  readonly directory: string;
  readonly hex: string;
  /** Absent where the image is not whole: what it was made on is gone, for example. */
  readonly entry: ImageEntry | undefined;
  readonly usedMs: number;
}

/** Notes that an image is used. Without the right to, nothing is noted: who cannot write cannot prune either. */
export function markUsed(directory: string): void {
  try {
    const now = new Date();
    utimesSync(directory, now, now);
  } catch {}
}

/** Removes images that are in nobody's way but the disk's; resolves with their tags and digests. */
export async function pruneImages(rooms: Rooms, nowMs: number = Date.now()): Promise<string[]> {
  const images = list(rooms);
  const staying = new Set(images.filter((image) => isKept(image, images, nowMs)));
  // What a staying image's layers lie in stays with it.
  const needed = new Set(
    [...staying].flatMap(({ entry }) => entry?.layers.map(({ file }) => file.split("/")[1]) ?? []),
  );
  const pruned: string[] = [];
  for (const image of images) {
    if (staying.has(image) || needed.has(image.hex)) continue;
    await using room = rooms.open();
    // Another process may do the same at the same time: gone is success.
    const taken = await rename(image.directory, join(room.path, "pruned")).then(
      () => true,
      () => false,
    );
    await rename(join(rooms.disks, image.hex), join(room.path, "pruned-disk")).catch(() => {});
    if (taken) pruned.push(`${image.entry?.tag ?? "not whole"} sha256:${image.hex}`);
  }
  return pruned;
}

function isKept(image: Known, images: readonly Known[], nowMs: number): boolean {
  if (nowMs - image.usedMs < restMs) return true;
  if (image.entry === undefined) return false;
  const { recipe } = image.entry;
  const newer = images.filter(({ entry, usedMs }) => entry?.recipe === recipe && usedMs > image.usedMs);
  return newer.length < kept;
}

function list(rooms: Rooms): Known[] {
  const room = join(rooms.directory, "images");
  return readdirSync(room).flatMap((hex) => {
    const directory = join(room, hex);
    const entry = readEntry(directory, join(rooms.disks, hex)) as ImageEntry | undefined;
    const stat = statSync(directory, { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ directory, hex, entry, usedMs: stat.mtimeMs }];
  });
}

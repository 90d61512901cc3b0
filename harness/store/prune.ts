// Decides which images the store forgets: all but the two of a recipe's name that were used last, and never one used lately.
import { utimesSync } from "node:fs";
import { openBelow, removeEntry, standingOn } from "./evict.ts";
import type { Kept } from "./kept.ts";
import type { Rooms } from "./rooms.ts";
import { Uses } from "./uses.ts";

/** Images of one name that stay, however old. */
const newest = 2;
/** What was used within this time stays: somebody may be about to use it again, or use it without having said so. */
export const restMs = 60 * 60_000;

/** Notes that an image is used. Without the right to, nothing is noted: who cannot write cannot prune either. */
export function markUsed(directory: string): void {
  try {
    const now = new Date();
    utimesSync(directory, now, now);
  } catch {}
}

/** Removes images that newer ones have replaced; resolves with what is gone. */
export async function pruneImages(rooms: Rooms, kept: readonly Kept[], nowMs: number = Date.now()): Promise<Kept[]> {
  const stale = kept.filter((each) => each.kind === "image" && isReplaced(each, kept, nowMs));
  if (stale.length === 0) return [];
  const uses = new Uses(rooms.uses);
  // A machine that stands by hand outlives the process that said it uses the image.
  const open = openBelow(stale.flatMap(({ places }) => places));
  const pruned = new Set<Kept>();
  // What a staying entry is made of stays with it; so each goes after all that is made of it, or not.
  for (const { each, standing } of stale
    .map((each) => ({ each, standing: standingOn(each, kept) }))
    .sort((a, b) => a.standing.length - b.standing.length)) {
    if (open.has(each.hex) || standing.some((other) => other !== each && !pruned.has(other))) continue;
    if (await removeEntry(rooms, uses, each)) pruned.add(each);
  }
  return [...pruned];
}

function isReplaced(image: Kept, kept: readonly Kept[], nowMs: number): boolean {
  if (nowMs - image.usedMs < restMs) return false;
  if (image.recipe === undefined) return true;
  const newer = kept.filter(
    ({ kind, recipe, usedMs }) => kind === "image" && recipe === image.recipe && usedMs > image.usedMs,
  );
  return newer.length >= newest;
}

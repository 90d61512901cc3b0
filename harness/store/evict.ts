// Decides what goes when the store is over its budget: what was used longest ago, and never what a live process uses, what another
// entry that stays is made of, or what was used just now. Each goes whole or not at all, also when this process is killed.
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { Kept } from "./kept.ts";
import { tryLock } from "./lock.ts";
import type { Rooms } from "./rooms.ts";
import { Uses } from "./uses.ts";

/**
 * What is to go, in order: the longest unused first, dependents before what they need, until the rest is within the budget. An entry
 * is as used as anything that is made of it: in use, or used after `sinceMs`, it stays. Pure.
 */
export function chooseEvicted(
  kept: readonly Kept[],
  { budget, used, sinceMs }: { budget: number; used: (hex: string) => boolean; sinceMs: number },
): Kept[] {
  let bytes = kept.reduce((sum, each) => sum + each.bytes, 0);
  const candidates = kept
    .map((each) => ({ each, standing: standingOn(each, kept) }))
    .map(({ each, standing }) => ({
      each,
      weight: standing.length,
      lastMs: Math.max(...standing.map(({ usedMs }) => usedMs)),
      busy: standing.some(({ hex }) => used(hex)),
    }))
    .filter(({ busy, lastMs }) => !busy && lastMs < sinceMs)
    .sort((a, b) => a.lastMs - b.lastMs || a.weight - b.weight);
  const gone: Kept[] = [];
  for (const { each } of candidates) {
    if (bytes <= budget) break;
    gone.push(each);
    bytes -= each.bytes;
  }
  return gone;
}

/** The entry and everything that is made of it, or of what is made of it. */
export function standingOn(entry: Kept, kept: readonly Kept[]): Kept[] {
  const standing = new Set([entry]);
  for (const below of standing) for (const each of kept) if (each.needs.includes(below.hex)) standing.add(each);
  return [...standing];
}

export interface EvictOptions {
  /** Bytes that may stay. */
  readonly budget: number;
  /** What was used after this stays, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** Removes what is over the budget. Resolves with what is gone. Several processes may do it at once. */
export async function evict(rooms: Rooms, kept: readonly Kept[], options: EvictOptions): Promise<Kept[]> {
  const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  // Nobody is asked anything while there is room.
  if (total <= options.budget) return [];
  const uses = new Uses(rooms.uses);
  const marked = uses.all();
  const open = openBelow(kept.flatMap(({ places }) => places));
  const used = (hex: string) => marked.has(hex) || open.has(hex);
  const gone = new Set<Kept>();
  for (const each of chooseEvicted(kept, { ...options, used })) {
    // Where something that is made of it could not go, it stays.
    if (standingOn(each, kept).some((other) => other !== each && !gone.has(other))) continue;
    if (await removeEntry(rooms, uses, each)) gone.add(each);
  }
  return [...gone];
}

/** Removes one entry, whole, unless somebody uses or builds it; `false` then. Gone already is `false`, too. */
export async function removeEntry(rooms: Rooms, uses: Uses, { kind, hex, places }: Kept): Promise<boolean> {
  await using lock = await tryLock(rooms.lock(`sha256:${hex}`));
  if (lock === undefined) return false;
  using removal = uses.beginRemoval(hex);
  if (removal === undefined) return false;
  // Renamed away first: killed in the middle, this leaves a room to be swept, or a disk without an image, and no half entry.
  await using room = rooms.open();
  let taken = false;
  for (const [at, place] of places.entries()) {
    const moved = await rename(place, join(room.path, `gone-${at}`)).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
    );
    if (at === 0) taken = moved;
  }
  rmSync(join(rooms.sizes, `${kind}-${hex}`), { force: true });
  if (taken && kind === "image") rooms.forgotten.add(hex);
  return taken;
}

/** Entries in whose places some process has a file open: a machine's disk, whoever started it. Without the right to look: none. */
export function openBelow(places: readonly string[]): ReadonlySet<string> {
  const roots = new Map(places.map((place) => [place, /([0-9a-f]{64})$/.exec(place)?.[1] ?? ""]));
  const found = new Set<string>();
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name)))
    for (const fd of list(`/proc/${pid}/fd`)) {
      const path = target(`/proc/${pid}/fd/${fd}`);
      const end = path.search(/[0-9a-f]{64}(\/|$)/);
      const hex = end === -1 ? undefined : roots.get(path.slice(0, end + 64));
      if (hex !== undefined) found.add(hex);
    }
  return found;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function target(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
}

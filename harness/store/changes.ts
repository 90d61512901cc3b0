// Decides what is said of a recipe that is not what was last built, down to the recipes it stands on.
import type { Digest } from "./canonical.ts";
import { readManifest } from "./entry.ts";
import type { Described } from "./manifest.ts";
import type { Rooms } from "./rooms.ts";
import { manifestDifference } from "./why.ts";

/** Why a recipe is built now, in lines. */
export function reasonsToBuild(rooms: Rooms, described: Described): string[] {
  const last = rooms.newest(described.recipe.name);
  if (last === undefined) return ["it had never been built here"];
  return last === described.digest
    ? ["its entry in the store was gone or damaged"]
    : differenceSince(rooms, last, described);
}

/** What differs between a recipe as it is now and as it was built, in lines. */
export function differenceSince(rooms: Rooms, before: Digest, now: Described): string[] {
  const manifest = readManifest(rooms.image(before));
  if (manifest === undefined) return [`the manifest of the last build, ${before}, is gone`];
  const own = manifestDifference(manifest, now.manifest);
  const base = manifest.base;
  if (now.parent === undefined || base.kind !== "recipe" || base.digest === now.parent.digest) return own;
  return [...own, ...differenceSince(rooms, base.digest, now.parent).map((line) => `${base.recipe}: ${line}`)];
}

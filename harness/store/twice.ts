// Decides what building from nothing twice means: two stores that know nothing, one after the other, and both trees compared. The store
// itself keeps neither.
import { dirname, join } from "node:path";
import type { Recipe } from "../model/recipe.ts";
import type { BuildOptions } from "./build-image.ts";
import type { Digest } from "./canonical.ts";
import { readEntry, readTreeListing } from "./entry.ts";
import { Rooms } from "./rooms.ts";
import { Store, type StoreOptions } from "./store.ts";
import { type BuiltTree, differencesOf, type TwiceResult } from "./twice-difference.ts";

/** Builds a recipe and everything below it twice. Rejects as `Store.build` does. Takes twice the time and the room of a build. */
export async function buildTwice(
  options: StoreOptions,
  recipe: Recipe,
  building: BuildOptions = {},
): Promise<TwiceResult> {
  const rooms = new Rooms(options.directory, options.disks);
  rooms.prepare();
  await rooms.sweep();
  await using room = rooms.open();
  const built: (BuiltTree & { digest: Digest })[] = [];
  for (const which of ["first", "second"]) {
    const directory = join(room.scratch, which);
    const store = new Store({
      directory,
      budget: "none",
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    });
    const say = (line: string) => building.say?.(`${which} time, ${line}`);
    const { image } = await store.build(recipe, { ...building, say });
    const entry = readEntry(dirname(image.tree), image.disk === undefined ? undefined : dirname(image.disk.path));
    if (entry === undefined) throw new TypeError("an image that was just built is not whole");
    built.push({
      tree: image.tree,
      listing: await readTreeListing(dirname(image.tree)),
      epochSeconds: entry.epochSeconds,
      digest: entry.treeDigest,
    });
    store.release();
  }
  const [first, second] = built;
  if (first === undefined || second === undefined) throw new TypeError("two builds that are not two");
  const differences = await differencesOf(first, second);
  return { same: differences.length === 0, digests: [first.digest, second.digest], differences };
}

// Decides what the image of a recipe is now, for the gate: what the engine has under its tag, and what the store has of the recipe as it is
// today. Where neither has one, that is the answer; nothing is built, and nothing is pulled.
import { statSync } from "node:fs";
import type { Config } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import { ProvisionError } from "../model/errors.ts";
import type { BuiltDisk, BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import type { ImageNow } from "../reporting/gate-evidence.ts";
import { Store } from "../store/store.ts";
import { verifyDisk } from "../store/verify-disk.ts";
import { recipesNamed, startsFromImage } from "./recipes.ts";
import { engineFacts } from "./surroundings.ts";

/**
 * Of each recipe, in the order of the names. Rejects with a `DeclarationError` for an unknown name, and with the engine's error where a
 * recipe starts from an image of an engine that does not answer.
 */
export async function imagesNow(config: Config, names: readonly string[]): Promise<readonly ImageNow[]> {
  const recipes = await recipesNamed(config.project, names);
  const store = new Store({ directory: config.store, disks: config.disks });
  // Without an engine the store alone can say what there is.
  const driver = await openDockerDriver(engineFacts(config)).catch((error: unknown) => {
    if (recipes.some(startsFromImage)) throw error;
    return undefined;
  });
  try {
    return await Promise.all(
      recipes.map(async (recipe): Promise<ImageNow> => {
        const source = driver?.images;
        const recipeDigest = await store.digest(recipe, { source });
        const stored = await store.find(recipe, { source });
        const imageId = (await onEngine(recipe)) ?? stored?.imageId;
        const disk = stored?.disk === undefined ? undefined : await verified(stored.disk);
        const bytes = stored === undefined ? undefined : sizeOf(stored);
        return {
          recipe: recipe.name,
          recipeDigest,
          ...(imageId === undefined ? {} : { imageId }),
          ...(disk === undefined ? {} : { disk }),
          ...(bytes === undefined ? {} : { bytes }),
        };
      }),
    );
  } finally {
    await driver?.close();
  }

  /** What its tag means to the engine; a disk is none of its images. */
  async function onEngine(recipe: Recipe): Promise<string | undefined> {
    if (recipe.disk !== undefined) return undefined;
    return (await driver?.imageOf(`${recipe.name}:${recipe.version}`))?.id;
  }
}

/** A disk's digest, as long as its file is what was built: whoever writes to it leaves a trace in the file's times. */
async function verified(disk: BuiltDisk): Promise<string | undefined> {
  try {
    await verifyDisk(disk);
    return disk.digest;
  } catch (error) {
    if (error instanceof ProvisionError) return undefined;
    throw error;
  }
}

/** Of the archive that an engine loads, or of the disk's file. */
function sizeOf({ archive, disk }: BuiltImage): number | undefined {
  const file = disk?.path ?? archive;
  return file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
}

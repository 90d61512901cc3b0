// Decides how an image that `assay diff` is told of is opened at rest: a recipe's of the store, an older one by its digest, files, or an
// engine's. Refuses to build: what is not there is named with the command that makes it.
import { existsSync } from "node:fs";
import type { Config } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { DeclarationError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import type { FromFiles, StillContents } from "../model/still.ts";
import { openBuilt, openExported, openFile, openStill } from "../store/still-image.ts";
import { Store } from "../store/store.ts";
import { sourceOf } from "./image-word.ts";
import { engineFacts } from "./surroundings.ts";

export interface OpenedImage {
  readonly contents: StillContents;
  close(): Promise<void>;
}

/**
 * `word`: a recipe, `sha256:…` of a recipe as `assay list --store` shows it, a file (`soe.tar`, `soe.tar#name:tag` where it holds several), a
 * directory, or `name:tag` of the engine. Rejects with a `DeclarationError` where there is no such thing, else with the errors of the still.
 */
export async function openImage(config: Config, word: string, platform?: string): Promise<OpenedImage> {
  const closing = (contents: StillContents): OpenedImage => ({ contents, close: () => contents.close() });
  const built = await storedImage(config, word);
  // Of a disk, what a machine would see: the tree beside it tells no labels.
  if (built?.disk !== undefined) {
    const { facts, ...disk } = await openFile({
      still: "rootfs",
      path: built.disk.path,
      image: undefined,
      at: undefined,
    });
    return closing({ ...disk, facts: { ...facts, source: "recipe's disk" } });
  }
  if (built !== undefined) return closing(await openBuilt(built));
  const [, path = word, image] = existsSync(word) ? [] : (/^(.*?)#(.+)$/.exec(word) ?? []);
  const source = sourceOf(path);
  if (source.from === "engine") return byEngine(config, source.reference);
  const files: FromFiles = { still: source.from, path: source.path, image, platform, at: undefined };
  return closing(await (source.from === "docker-archive" ? openFile(files) : openStill(files)));
}

async function storedImage(config: Config, word: string): Promise<BuiltImage | undefined> {
  const store = new Store({ directory: config.store, disks: config.disks });
  if (/^sha256:[0-9a-f]{6,64}$/.test(word)) {
    const found = store.imagesOf(word.slice("sha256:".length));
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    throw new DeclarationError({
      code: "image-missing",
      seen: `the store has ${found.length === 0 ? "no image" : `${found.length} images`} of a recipe ${word}`,
      hint: "assay list --store shows what it has",
    });
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(word)) return undefined;
  const { recipeExport, startsFromImage } = await import("./recipes.ts");
  const recipe = (await recipeExport(config.project, word))?.recipe;
  if (recipe === undefined) return undefined;
  const driver = startsFromImage(recipe) ? await openDockerDriver(engineFacts(config)) : undefined;
  try {
    const found = await store.find(recipe, { source: driver?.images });
    if (found !== undefined) return found;
  } finally {
    await driver?.close();
  }
  throw new DeclarationError({
    code: "not-built",
    at: recipe.at,
    seen: `recipe "${word}" is not built as it is now`,
    hint: `assay build ${word}`,
  });
}

/** The driver is needed as long as contents are. */
async function byEngine(config: Config, reference: string): Promise<OpenedImage> {
  const driver: DockerDriver = await openDockerDriver(engineFacts(config));
  try {
    const { facts, flat } = await driver.still(reference);
    const contents = await openExported(reference, facts, flat);
    return {
      contents,
      close: async () => {
        await contents.close();
        await driver.close();
      },
    };
  } catch (error) {
    await driver.close();
    throw error;
  }
}

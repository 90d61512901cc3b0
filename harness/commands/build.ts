// Decides how `assay build` tells what it does: a line a step, then where the image is. Loads what was built into the engine;
// a disk is used where it lies, by no engine.
import { type Config, readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { sayMs } from "../model/duration.ts";
import { ExitCode, HarnessError } from "../model/errors.ts";
import type { Recipe } from "../model/recipe.ts";
import { redact } from "../model/secret.ts";
import { type BuildResult, Store } from "../store/store.ts";
import { proxies } from "./proxies.ts";
import { recipesNamed, startsFromImage } from "./recipes.ts";

/**
 * Builds, or finds, the images of recipes, and loads each into the engine where one can be reached. 0, or it rejects with
 * the first recipe's error. With `json` a list of the images goes to standard output and the lines to standard error.
 */
export async function buildCommand(names: readonly string[], options: { readonly json?: boolean }): Promise<number> {
  const config = readConfig();
  const recipes = await recipesNamed(config.project, names);
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const tell = (line: string) => (options.json === true ? console.error : console.log)(redact(line));
  const stop = new AbortController();
  const interrupted = (name: NodeJS.Signals) => {
    process.exitCode = name === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, interrupted);
  const images: unknown[] = [];
  let driver: DockerDriver | undefined;
  try {
    const forEngine = recipes.filter((recipe) => recipe.disk === undefined || startsFromImage(recipe));
    if (forEngine.length > 0) driver = await reachable(config, recipes);
    if (forEngine.length > 0 && driver === undefined) tell("no engine can be reached: images are built and not loaded");
    for (const recipe of recipes) {
      const say = (line: string) => tell(`${recipe.name}: ${line}`);
      const result = await store.build(recipe, { say, signal: stop.signal, source: driver?.images });
      const loading = performance.now();
      const into = result.image.archive === undefined ? undefined : driver;
      await into?.load(result.image);
      const loaded = into === undefined ? undefined : performance.now() - loading;
      images.push({ ...result.image, built: result.built, ms: Math.round(result.ms) });
      say(summary(result, loaded));
    }
    if (options.json === true) console.log(redact(JSON.stringify(images, null, 2)));
    return ExitCode.met;
  } catch (error) {
    if (stop.signal.aborted) {
      tell("cancelled; nothing half-made is left");
      return Number(process.exitCode);
    }
    throw error;
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, interrupted);
    await driver?.close();
  }
}

/** `found unchanged in 3ms, vfx-studio-soe:0.1.0, image sha256:…, loaded in 12ms` */
function summary({ image, built, ms }: BuildResult, loadedMs: number | undefined): string {
  const how = built ? `built in ${sayMs(ms)}` : `found unchanged in ${sayMs(ms)}`;
  if (image.disk !== undefined)
    return `${how}, ${image.tag}, disk ${image.disk.path}, ${image.disk.digest}, tree ${image.tree}`;
  const loaded = loadedMs === undefined ? "" : `, in the engine in ${sayMs(loadedMs)}`;
  return `${how}, ${image.tag}, image ${image.imageId}, tree ${image.tree}${loaded}`;
}

/**
 * The driver of an engine that answers. Without one a recipe can still be built, unless it starts from an image that only
 * an engine can give.
 */
async function reachable(
  { dockerHost, scratch }: Config,
  recipes: readonly Recipe[],
): Promise<DockerDriver | undefined> {
  let driver: DockerDriver | undefined;
  try {
    driver = await openDockerDriver({ dockerHost, scratch });
    await driver.probe();
    return driver;
  } catch (error) {
    await driver?.close();
    if (!(error instanceof HarnessError) || recipes.some(startsFromImage)) throw error;
    return undefined;
  }
}

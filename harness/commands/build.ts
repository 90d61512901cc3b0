// Decides how `assay build` tells what it does: a line a step, then where the image is. Loads what was built into the engine;
// a disk is used where it lies, by no engine.
import { availableParallelism } from "node:os";
import { type Config, readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { sayMs } from "../model/duration.ts";
import { ExitCode, HarnessError } from "../model/errors.ts";
import type { Recipe } from "../model/recipe.ts";
import { redact } from "../model/secret.ts";
import { type BuildResult, Store } from "../store/store.ts";
import { twiceLines } from "../store/twice-difference.ts";
import { BuildProgress } from "./build-progress.ts";
import { proxies } from "./proxies.ts";
import { recipesNamed, startsFromImage } from "./recipes.ts";
import { engineFacts } from "./surroundings.ts";

/**
 * Builds, or finds, the images of recipes, and loads each into the engine where one can be reached. 0, or it rejects with
 * the first recipe's error. With `json` a list of the images goes to standard output and the lines to standard error.
 */
export async function buildCommand(names: readonly string[], options: BuildCommandOptions): Promise<number> {
  const config = readConfig();
  const recipes = await recipesNamed(config.project, [...new Set(names)]);
  const places = { directory: config.store, disks: config.disks, budget: config.storeBudget, environment: proxies() };
  const store = new Store(places);
  const progress = await BuildProgress.open(
    options.json === true ? "plain-on-stderr" : config.live && config.color ? "live" : "plain",
  );
  const tell = (line: string) => progress.tell(line);
  const stop = new AbortController();
  const interrupted = (name: NodeJS.Signals) => {
    process.exitCode = name === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated;
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, interrupted);
  let failed: unknown;
  let driver: DockerDriver | undefined;
  try {
    const forEngine = recipes.filter((recipe) => recipe.disk === undefined || startsFromImage(recipe));
    if (forEngine.length > 0) driver = await reachable(config, recipes);
    if (forEngine.length > 0 && driver === undefined) tell("no engine can be reached: images are built and not loaded");
    const source = driver?.images;
    const images: unknown[] = [];
    let differ = false;
    // Those that stand on one base wait for whoever builds it; the rest goes on at the same time.
    await inParallel(recipes, availableParallelism(), async (recipe, at) => {
      // Twice from nothing is not what the last build took.
      const done = progress.begin(recipe.name, options.twice === true ? {} : store.lastDurations(recipe));
      const say = (line: string) => done.part(line);
      try {
        if (options.twice === true) {
          const { buildTwice } = await import("../store/twice.ts");
          const result = await buildTwice(places, recipe, { say, signal: stop.signal, source });
          differ ||= !result.same;
          images[at] = { recipe: recipe.name, ...result };
          for (const line of twiceLines(result)) tell(`${recipe.name}: ${line}`);
          return;
        }
        const skip = (part: string) => done.skip(part);
        const result = await store.build(recipe, { say, skip, signal: stop.signal, source });
        const loading = performance.now();
        const into = result.image.archive === undefined ? undefined : driver;
        await into?.load(result.image);
        const loaded = into === undefined ? undefined : performance.now() - loading;
        images[at] = { ...result.image, built: result.built, ms: Math.round(result.ms) };
        tell(`${recipe.name}: ${summary(result, loaded)}`);
      } finally {
        done.end();
      }
    }).catch((error: unknown) => {
      if (!stop.signal.aborted) failed = error;
      stop.abort();
      throw error;
    });
    progress.close();
    if (options.json === true) console.log(redact(JSON.stringify(images, null, 2)));
    return differ ? ExitCode.failed : ExitCode.met;
  } catch (error) {
    progress.close();
    if (failed !== undefined) throw failed;
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

export interface BuildCommandOptions {
  readonly json?: boolean;
  /** Build from nothing, twice, and compare; the store keeps neither. */
  readonly twice?: boolean;
}

/** Does `work` for all, at most `most` at a time, in their order. The first rejection is told when all that began have ended. */
async function inParallel<Item>(
  items: readonly Item[],
  most: number,
  work: (item: Item, at: number) => Promise<void>,
): Promise<void> {
  const rest = [...items.entries()];
  let first: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let next = rest.shift(); next !== undefined && first === undefined; next = rest.shift()) {
      const [at, item] = next;
      await work(item, at).catch((error: unknown) => {
        first ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  if (first !== undefined) throw (first as { readonly error: unknown }).error;
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
async function reachable(config: Config, recipes: readonly Recipe[]): Promise<DockerDriver | undefined> {
  let driver: DockerDriver | undefined;
  try {
    driver = await openDockerDriver(engineFacts(config));
    await driver.probe();
    return driver;
  } catch (error) {
    await driver?.close();
    if (!(error instanceof HarnessError) || recipes.some(startsFromImage)) throw error;
    return undefined;
  }
}

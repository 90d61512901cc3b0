// Decides how `assay why` tells what would make, or made, a recipe's image new. Builds nothing.
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import { ExitCode } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { Store } from "../store/store.ts";
import { whyLines } from "../store/why.ts";
import { recipesNamed, startsFromImage } from "./recipes.ts";
import { engineFacts } from "./surroundings.ts";

/**
 * Prints the difference, a line each; with `json` `{ recipe, state, digest, builtAt, because }` of `Reasons`. Asks an engine only for a
 * recipe that starts from an image.
 */
export async function whyCommand(name: string, options: { readonly json?: boolean } = {}): Promise<number> {
  const config = readConfig();
  const [recipe] = await recipesNamed(config.project, [name]);
  if (recipe === undefined) return ExitCode.usage;
  const driver = startsFromImage(recipe) ? await openDockerDriver(engineFacts(config)) : undefined;
  try {
    const store = new Store({ directory: config.store, disks: config.disks });
    const reasons = await store.reasons(recipe, { source: driver?.images });
    if (options.json === true) {
      console.log(redact(JSON.stringify({ recipe: recipe.name, ...reasons }, null, 2)));
      return ExitCode.met;
    }
    const [head, ...rest] = whyLines(recipe.name, reasons).map(redact);
    console.log([head, ...rest.map((line) => `  ${line}`)].join("\n"));
    return ExitCode.met;
  } finally {
    await driver?.close();
  }
}

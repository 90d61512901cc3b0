// Decides how `assay why` tells what would make, or made, a recipe's image new. Builds nothing.
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import { ExitCode } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import { Store } from "../store/store.ts";
import { recipesNamed, startsFromImage } from "./recipes.ts";

/** Prints the difference, a line each. Asks an engine only for a recipe that starts from an image. */
export async function whyCommand(name: string): Promise<number> {
  const config = readConfig();
  const [recipe] = await recipesNamed(config.project, [name]);
  if (recipe === undefined) return ExitCode.usage;
  const driver = startsFromImage(recipe)
    ? await openDockerDriver({ dockerHost: config.dockerHost, scratch: config.scratch })
    : undefined;
  try {
    const lines = await new Store({ directory: config.store, disks: config.disks }).why(recipe, {
      source: driver?.images,
    });
    const [head, ...rest] = lines.map(redact);
    console.log([head, ...rest.map((line) => `  ${line}`)].join("\n"));
    return ExitCode.met;
  } finally {
    await driver?.close();
  }
}

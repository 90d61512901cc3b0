// Decides which recipes and environments there are: what fixtures/*/recipe.ts and the files below environments/ export.
// Refuses two of one name.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Environment } from "../model/environment.ts";
import { DeclarationError, HarnessError, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import type { Parity } from "../model/parity.ts";
import type { Recipe } from "../model/recipe.ts";
import { placed } from "../vitest/syntax-place.ts";

/** All recipes of a project by name. A `DeclarationError` (code `doubled-name`) when two have one name. */
export async function findRecipes(project: string): Promise<ReadonlyMap<string, Recipe>> {
  return exported("recipe", recipeFiles(project), isRecipe);
}

/** Where a recipe is imported from: its file, and the word that this exports it by. `undefined` where no recipe is called so. */
export async function recipeExport(
  project: string,
  name: string,
): Promise<{ readonly file: string; readonly word: string; readonly recipe: Recipe } | undefined> {
  const there = recipeFiles(project).sort();
  // A name may be put together: files that hold it first, and all the others when it was in none.
  const holding = there.filter((file) => readFileSync(file, "utf8").includes(`"${name}"`));
  for (const file of new Set([...holding, ...there])) {
    const module = await loaded(file);
    for (const [word, recipe] of Object.entries(module))
      if (isRecipe(recipe) && recipe.name === name) return { file, word, recipe };
  }
  return undefined;
}

/** All environments of a project by name. A `DeclarationError` (code `doubled-name`) when two have one name. */
export async function findEnvironments(project: string): Promise<ReadonlyMap<string, Environment>> {
  return exported("environment", environmentFiles(project), isEnvironment);
}

/** A `DeclarationError` (code `unknown-environment`) guesses what was meant. */
export async function environmentNamed(project: string, name: string): Promise<Environment> {
  // What is wrong with a file that does not even hold the name is no concern of this one.
  const holding = environmentFiles(project).filter((file) => readFileSync(file, "utf8").includes(name));
  const held = (await exported("environment", holding, isEnvironment)).get(name);
  if (held !== undefined) return held;
  const known = await findEnvironments(project);
  const environment = known.get(name);
  if (environment !== undefined) return environment;
  const guess = nearest(name, [...known.keys()]);
  throw new DeclarationError({
    code: "unknown-environment",
    seen: `there is no environment "${name}"`,
    hint: guess === undefined ? `there are ${[...known.keys()].join(", ") || "none"}` : `did you mean "${guess}"?`,
  });
}

/** All parities of a project by name, from the files of its environments. */
export async function findParities(project: string): Promise<ReadonlyMap<string, Parity>> {
  return exported("parity", environmentFiles(project), isParity);
}

function recipeFiles(project: string): string[] {
  return within(project, "fixtures", false)
    .map((name) => join(project, "fixtures", name, "recipe.ts"))
    .filter(existsSync);
}

/** Names in a room of the project; none where it has no such room. */
function within(project: string, room: string, recursive: boolean): string[] {
  try {
    return readdirSync(join(project, room), { recursive, encoding: "utf8" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function environmentFiles(project: string): string[] {
  const root = join(project, "environments");
  return within(project, "environments", true)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => join(root, name));
}

/** What a file of the project exports. A `DeclarationError` (code `unreadable-file`) with the place, where Node tells it. */
export async function loaded(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof HarnessError) throw error;
    const { at } = placed(error) as { readonly at?: string };
    throw new DeclarationError({
      code: "unreadable-file",
      at,
      seen: at === undefined ? `${file} cannot be loaded: ${messageOf(error)}` : messageOf(error),
      cause: error,
    });
  }
}

async function exported<Declared extends { readonly name: string; readonly at: string | undefined }>(
  what: string,
  files: readonly string[],
  isOne: (value: unknown) => value is Declared,
): Promise<ReadonlyMap<string, Declared>> {
  const found = new Map<string, Declared>();
  for (const file of [...files].sort()) {
    const module = await loaded(file);
    for (const value of Object.values(module)) {
      if (!isOne(value)) continue;
      const other = found.get(value.name);
      // What another file exports again is still the same one.
      if (other === value) continue;
      if (other !== undefined) {
        throw new DeclarationError({
          code: "doubled-name",
          at: value.at,
          seen: `there are two of the name "${value.name}", each a${what === "environment" ? "n" : ""} ${what}`,
          hint: `the other one is declared at ${other.at ?? "an unknown place"}`,
        });
      }
      found.set(value.name, value);
    }
  }
  return found;
}

/** The recipes of these names, in their order. A `DeclarationError` (code `unknown-recipe`) guesses what was meant. */
export async function recipesNamed(project: string, names: readonly string[]): Promise<Recipe[]> {
  const known = await findRecipes(project);
  return names.map((name) => {
    const recipe = known.get(name);
    if (recipe !== undefined) return recipe;
    const guess = nearest(name, [...known.keys()]);
    throw new DeclarationError({
      code: "unknown-recipe",
      seen: `there is no recipe "${name}"`,
      hint: guess === undefined ? `there are ${[...known.keys()].join(", ") || "none"}` : `did you mean "${guess}"?`,
    });
  });
}

function isEnvironment(value: unknown): value is Environment {
  return typeof value === "object" && value !== null && (value as Partial<Environment>).kind === "environment";
}

function isParity(value: unknown): value is Parity {
  return typeof value === "object" && value !== null && (value as Partial<Parity>).kind === "parity";
}

/** Whether an engine must be asked before anything can be said of a recipe. */
export function startsFromImage({ from }: Recipe): boolean {
  if (from.base === "recipe") return startsFromImage(from.recipe);
  if (from.base === "dockerfile") return from.builder === "engine" || Object.values(from.bases).some(startsFromImage);
  return from.base === "image";
}

function isRecipe(value: unknown): value is Recipe {
  return typeof value === "object" && value !== null && (value as Partial<Recipe>).kind === "recipe";
}

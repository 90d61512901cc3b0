// Decides which recipes there are: what the files fixtures/*/recipe.ts export. Refuses two of one name.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import type { Recipe } from "../model/recipe.ts";

/** All recipes of a project by name. A `DeclarationError` (code `doubled-name`) when two have one name. */
export async function findRecipes(project: string): Promise<ReadonlyMap<string, Recipe>> {
  const found = new Map<string, Recipe>();
  const fixtures = join(project, "fixtures");
  const files = readdirSync(fixtures)
    .map((name) => join(fixtures, name, "recipe.ts"))
    .filter((file) => existsSync(file))
    .sort();
  for (const file of files) {
    const exported: Record<string, unknown> = await import(pathToFileURL(file).href);
    for (const value of Object.values(exported)) {
      if (!isRecipe(value)) continue;
      const other = found.get(value.name);
      // A recipe that another file exports again is still the same one.
      if (other === value) continue;
      if (other !== undefined) {
        throw new DeclarationError({
          code: "doubled-name",
          at: value.at,
          seen: `there are two recipes "${value.name}"`,
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
      hint: guess === undefined ? `there are ${[...known.keys()].join(", ")}` : `did you mean "${guess}"?`,
    });
  });
}

function isRecipe(value: unknown): value is Recipe {
  return typeof value === "object" && value !== null && (value as Partial<Recipe>).kind === "recipe";
}

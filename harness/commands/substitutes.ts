// Decides how `--with name=other` is read: which name is a recipe's, which an environment's, and what may stand in for it.
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import type { Substitute, Substitutes } from "../vitest/substitute.ts";
import { findEnvironments, findRecipes } from "./recipes.ts";

/** Substitutes of a command line. A `DeclarationError` (codes `bad-with`, `unknown-name`) for what cannot be read. */
export async function substitutesOf(project: string, text: string | undefined): Promise<Substitutes> {
  const recipes: Record<string, Substitute> = {};
  const environments: Record<string, Substitute> = {};
  if (text === undefined) return { recipes, environments };
  const [allRecipes, allEnvironments] = await Promise.all([findRecipes(project), findEnvironments(project)]);
  for (const pair of text.split(",")) {
    const [name, other] = pair.split("=", 2);
    if (name === undefined || other === undefined || name === "" || other === "") {
      throw new DeclarationError({
        code: "bad-with",
        seen: `--with "${pair}" is not name=other`,
        hint: "write --with vfx-studio-soe=other-recipe",
      });
    }
    // One name may be a recipe's and an environment's: then what stands in says which is meant.
    const environmentMeant = allEnvironments.has(name) && allEnvironments.has(other) && !allRecipes.has(other);
    if (allRecipes.has(name) && !environmentMeant) recipes[name] = declared(allRecipes.get(other)) ?? { image: other };
    else if (allEnvironments.has(name))
      environments[name] = declared(allEnvironments.get(other)) ?? unknown(other, [...allEnvironments.keys()]);
    else unknown(name, [...allRecipes.keys(), ...allEnvironments.keys()]);
  }
  return { recipes, environments };
}

/** Where a declaration is found again by another process: the file that made the call that made it. */
function declared(
  declaration: { readonly name: string; readonly at: string | undefined } | undefined,
): Substitute | undefined {
  if (declaration?.at === undefined) return undefined;
  return { file: declaration.at.replace(/:\d+:\d+$/, ""), name: declaration.name };
}

function unknown(name: string, names: readonly string[]): never {
  const guess = nearest(name, names);
  throw new DeclarationError({
    code: "unknown-name",
    seen: `--with: there is no recipe or environment "${name}"`,
    hint: guess === undefined ? `there are ${names.join(", ")}` : `did you mean "${guess}"?`,
  });
}

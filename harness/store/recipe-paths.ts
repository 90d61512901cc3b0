// Decides which files and directories decide what an environment is made of, beside the code that declares it: for whoever waits for them
// to change. Looks at none of them.
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { ContextOwner, Recipe } from "../model/recipe.ts";

/** Absolute paths; a directory stands for all that is in it. What is not there yet is named as well. */
export function pathsOf({ nodes, plays }: Pick<Environment, "nodes" | "plays">): readonly string[] {
  const paths = Object.values<NodeDeclaration>(nodes).flatMap(({ image }) => {
    if (typeof image === "string" || "base" in image) return [];
    return "kind" in image ? pathsOfRecipe(image) : [image.path];
  });
  return [...new Set([...paths, ...plays.flatMap(({ play }) => pathsOfSteps(play))])].sort();
}

/** The same of a recipe's or a playbook's own steps. */
export function pathsOfSteps({ context, steps }: Pick<ContextOwner, "context" | "steps">): readonly string[] {
  return steps.flatMap((step) => {
    if (step.step === "copy") return [resolve(context, step.source)];
    if (step.step !== "ansible") return [];
    // Beside a playbook ansible finds variables, files and templates without being told.
    const beside = dirname(resolve(context, step.playbook));
    return [beside, ...(step.roles === undefined ? [] : [resolve(context, step.roles)])];
  });
}

function pathsOfRecipe({ context, from, steps }: Recipe): readonly string[] {
  const below =
    from.base === "recipe"
      ? pathsOfRecipe(from.recipe)
      : from.base === "dockerfile"
        ? [join(context, from.directory), ...Object.values(from.bases).flatMap(pathsOfRecipe)]
        : from.base === "archive"
          ? [isAbsolute(from.path) ? from.path : join(context, from.path)]
          : [];
  return [...below, ...pathsOfSteps({ context, steps })];
}

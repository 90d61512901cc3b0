// Decides which files a declaration reads, and what the names of images in them stand for. Refuses a pattern that nothing matches, and a
// name that nothing uses.
import { globSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import type { FromImage, Recipe } from "../model/recipe.ts";
import type { Placed } from "./placed.ts";

/** Image names as manifests have them → what they stand for. */
export type ImageNames = Readonly<Record<string, Recipe | FromImage | string>>;

/** Paths and patterns, relative to `context`; in the order in which they are given, those of a pattern by name. */
export function manifestFiles(files: readonly string[], context: string, at: string | undefined): readonly string[] {
  const found = files.flatMap((pattern) => {
    const matched = /[*?[{]/.test(pattern) ? globSync(pattern, { cwd: context }).sort() : [pattern];
    if (matched.length === 0)
      throw new DeclarationError({
        code: "no-manifest",
        at,
        seen: `no file below ${context} is called "${pattern}"`,
        hint: "context is the directory that paths are relative to",
      });
    return matched.map((path) => (isAbsolute(path) ? path : join(context, path)));
  });
  if (found.length === 0) throw new DeclarationError({ code: "no-manifest", at, seen: "no file is named" });
  return [...new Set(found)];
}

/** What stands for images, and afterwards whether all of it was needed. */
export class Images {
  readonly #names: ImageNames;
  readonly #used = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(names: ImageNames) {
    this.#names = names;
  }

  of(placed: Placed, name = placed.text()): Recipe | FromImage | string {
    this.#seen.add(name);
    const found = Object.hasOwn(this.#names, name) ? this.#names[name] : undefined;
    if (found !== undefined) this.#used.add(name);
    return found ?? name;
  }

  /** A `DeclarationError` (`unused-image`) for a name that no manifest has: most likely it is misspelt. */
  close(at: string | undefined): void {
    for (const name of Object.keys(this.#names)) {
      if (this.#used.has(name)) continue;
      const guess = nearest(name, [...this.#seen]);
      throw new DeclarationError({
        code: "unused-image",
        at,
        seen: `images: nothing is called "${name}"`,
        hint: guess === undefined ? `there is ${[...this.#seen].join(", ")}` : `did you mean "${guess}"?`,
      });
    }
  }
}

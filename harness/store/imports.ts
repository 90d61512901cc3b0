// Decides which files a module is made of as it is written now: what it imports, and what these import, without running any of it. What
// only types are imported from is no part of it: Node never reads that.
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const comment = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
const statement =
  /^\s*(?:import|export)\s(?!type\s)[^;"']*?from\s*["'](\.{1,2}\/[^"']+)["']|^\s*import\s*["'](\.{1,2}\/[^"']+)["']/gm;

/** Absolute paths, the module's own first; those for which `foreign` is true are left out, with what they import. */
export function importsOf(module: string, foreign: (path: string) => boolean): readonly string[] {
  const found = new Set<string>();
  const visit = (path: string) => {
    if (found.has(path) || foreign(path) || !existsSync(path)) return;
    found.add(path);
    const text = readFileSync(path, "utf8").replace(comment, "");
    for (const [, from, bare] of text.matchAll(statement)) visit(resolve(dirname(path), from ?? bare ?? ""));
  };
  visit(module);
  return [...found];
}

// Decides what a test process remembers of what its spec file was made of, for `assay watch`: each module that was asked for, even where
// it could not be loaded, and what recipes read. Modules of Assay itself and of packages are no part of it.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const assay = `${dirname(import.meta.dirname)}/`;
const read = new Set<string>();

/** A module was asked for, by its URL. */
export function readModule(url: string): void {
  if (!url.startsWith("file:")) return;
  const path = fileURLToPath(url);
  if (!path.startsWith(assay) && !path.includes("/node_modules/")) read.add(path);
}

/** Absolute paths of files, or of directories with all that is in them. */
export function readPaths(paths: readonly string[]): void {
  for (const path of paths) read.add(path);
}

export function allReads(): readonly string[] {
  return [...read].sort();
}

// Decides what a test process remembers of what its spec file was made of: each module that was asked for, even where it could not be
// loaded, and what recipes read; for `assay watch` and capsules, and by content for the report. Modules of Assay itself and of packages
// are no part of it.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Input } from "../model/event.ts";
import { ReadInputs } from "../store/inputs.ts";

const assay = `${dirname(import.meta.dirname)}/`;
const read = new Set<string>();
const inputs = new ReadInputs();

/** A file of Assay itself: a test of its own is made of nothing that anybody would have to take along. */
export function isOwn(path: string): boolean {
  return path.startsWith(assay);
}

/** A module was asked for, by its URL. */
export function readModule(url: string): void {
  if (!url.startsWith("file:")) return;
  const path = fileURLToPath(url);
  if (!isOwn(path) && !path.includes("/node_modules/")) readPaths([path]);
}

/** Absolute paths of files, or of directories with all that is in them. */
export function readPaths(paths: readonly string[]): void {
  for (const path of paths) {
    if (read.has(path)) continue;
    read.add(path);
    inputs.add(path);
  }
}

export function allReads(): readonly string[] {
  return [...read].sort();
}

/** The same by content, as it was when it was first read, with all that is in directories. */
export function allInputs(project: string): readonly Input[] {
  return inputs.of(project);
}

// Decides where Assay's own files lie, in a checkout and in an installed package alike, and which project is the user's.
// Refuses to know what is in them.
import { existsSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, extname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Sources end in `.ts`; a package holds the same files as `.js`, because Node strips no types below node_modules. */
const ending = extname(import.meta.filename);

/** Assay's own top level, where its package.json is: the checkout, or the installed package. */
export const home = nearestProject(import.meta.dirname) ?? resolve(import.meta.dirname, "..");

/** Whether this is an installed package, and not a checkout of Assay. */
export const installed = home.split(sep).includes("node_modules");

/** The path of a module of the harness, by its name without an ending. @example ownModule("commands/run-reaper") */
export function ownModule(name: string): string {
  return join(import.meta.dirname, `${name}${ending}`);
}

/** Where a package that Assay depends on lies: beside it, or above it where npm has put one copy for all. */
export function packageDirectory(name: string): URL {
  const manifest = findPackageJSON(name, import.meta.url);
  if (manifest === undefined) throw new Error(`the package ${name} is not installed; npm install does it`);
  return pathToFileURL(`${dirname(manifest)}/`);
}

/** Whose specs, environments and fixtures are meant: in a checkout its own; else the nearest directory above with a package.json. */
export function projectOf(workingDirectory: string): string {
  return installed ? (nearestProject(workingDirectory) ?? workingDirectory) : home;
}

function nearestProject(from: string): string | undefined {
  for (let directory = from; ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json"))) return directory;
    if (dirname(directory) === directory) return undefined;
  }
}

/** The path behind a URL of `packageDirectory`. */
export function inPackage(name: string, file: string): string {
  return fileURLToPath(new URL(file, packageDirectory(name)));
}

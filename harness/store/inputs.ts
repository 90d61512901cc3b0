// Decides by what the files that a run was made of are known again: by content, and a directory by the names in it, so that a file that is
// added is seen as well. Refuses to follow links, and to read what is large: an image's digest knows that.
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Input } from "../model/event.ts";

/** Bytes: archives and disks are larger, sources are not. */
const largest = 16 * 1024 ** 2;
/** What editors and packages keep beside sources. */
const aside = /~$|\.sw[a-z]$|^\.git$|^node_modules$/;

/** Files and directories as they were when they were first read. */
export class ReadInputs {
  readonly #digests = new Map<string, string>();

  /** Reads what is behind an absolute path, of a directory all that is in it. What is not there, or too large, is left out. */
  add(path: string): void {
    if (this.#digests.has(path) || this.#digests.has(`${path}/`)) return;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const sha256 = stat === undefined ? undefined : digestOf(path, stat);
    if (stat === undefined || sha256 === undefined) return;
    this.#digests.set(stat.isDirectory() ? `${path}/` : path, sha256);
    if (stat.isDirectory()) for (const name of namesIn(path)) this.add(join(path, name));
  }

  /** All of them, paths relative to a project, sorted. */
  of(project: string): readonly Input[] {
    return [...this.#digests]
      .map(([path, sha256]) => ({ path: `${relative(project, path)}${path.endsWith("/") ? "/" : ""}`, sha256 }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** SHA-256 of what is at an input's path in a project now; `undefined` where there is nothing of its kind. */
export function inputNow(path: string, project: string): string | undefined {
  const at = resolve(project, path);
  const stat = lstatSync(at, { throwIfNoEntry: false });
  return stat === undefined || stat.isDirectory() !== path.endsWith("/") ? undefined : digestOf(at, stat);
}

/** Inputs directly below a directory of a project, by the paths they would have; none where there is no such directory. */
export function filesBelow(path: string, project: string): readonly string[] {
  const at = resolve(project, path);
  if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return namesIn(at).flatMap((name) => {
    const stat = lstatSync(join(at, name), { throwIfNoEntry: false });
    if (stat === undefined || digestOf(join(at, name), stat) === undefined) return [];
    return [`${path}${name}${stat.isDirectory() ? "/" : ""}`];
  });
}

/** SHA-256, hexadecimal: of a file's bytes, of the names in a directory, of a link's target. */
function digestOf(path: string, stat: Stats): string | undefined {
  const digest = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
  if (stat.isDirectory()) return digest(namesIn(path).join("\0"));
  if (stat.isSymbolicLink()) return digest(readlinkSync(path));
  return stat.isFile() && stat.size <= largest ? digest(readFileSync(path)) : undefined;
}

function namesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => !aside.test(name))
    .sort();
}

// Decides which files of a project a spec was made of: the modules it asked for, what its recipes read, and of a fixture everything, as a
// fixture's code may read what lies beside it. What lies elsewhere, is too big or is no file is told, and left out.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import { type CapsuleManifest, isInnerLink, isMemberPath } from "./manifest.ts";
import { type Content, fits } from "./pack.ts";

export interface ProjectFiles {
  readonly contents: readonly Content[];
  readonly links: CapsuleManifest["links"];
  readonly leftOut: CapsuleManifest["leftOut"];
}

/** Made anew wherever it is wanted, or nothing of a fixture. */
const passedOver = new Set([".git", "node_modules", ".store"]);

/** `paths`: absolute, of files and directories; one that is missing is told. */
export function projectFiles(project: string, paths: readonly string[]): ProjectFiles {
  const contents = new Map<string, Content>();
  const links = new Map<string, string>();
  const leftOut = new Map<string, CapsuleManifest["leftOut"][number]>();
  let bytes = 0;
  const visit = (full: string): void => {
    const inner = relative(project, full);
    const path = `project/${inner.split(sep).join("/")}`;
    if (contents.has(path) || links.has(path) || leftOut.has(path) || passedOver.has(basename(full))) return;
    const leave = (because: CapsuleManifest["leftOut"][number]["because"], size?: number) =>
      void leftOut.set(path, {
        path: inner.startsWith("..") ? full : inner,
        because,
        ...(size === undefined ? {} : { bytes: size }),
      });
    const outside = inner === "" || inner.startsWith("..") || !isMemberPath(path);
    const stat = outside ? undefined : lstatSync(full, { throwIfNoEntry: false });
    if (outside) leave("outside");
    else if (stat === undefined) leave("missing");
    else if (stat.isDirectory()) for (const name of readdirSync(full).sort()) visit(join(full, name));
    else if (stat.isSymbolicLink()) {
      const target = readlinkSync(full);
      if (isInnerLink(path, target)) links.set(path, target);
      else leave("outside");
    } else if (!stat.isFile()) leave("no-file");
    else if (!fits({ count: contents.size, bytes }, stat.size)) leave("too-big", stat.size);
    else {
      const executable = (stat.mode & 0o100) === 0 ? {} : { executable: true };
      contents.set(path, { path, bytes: readFileSync(full), ...executable });
      bytes += stat.size;
    }
  };
  for (const path of [...new Set(paths.flatMap((each) => [each, ...fixtureOf(project, each)]))].sort()) visit(path);
  return {
    contents: [...contents.values()],
    links: [...links].map(([path, target]) => ({ path, target })).sort((a, b) => (a.path < b.path ? -1 : 1)),
    leftOut: [...leftOut.values()].sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

function fixtureOf(project: string, path: string): string[] {
  const [room, name, ...rest] = relative(project, path).split(sep);
  return room === "fixtures" && name !== undefined && rest.length > 0 ? [join(project, room, name)] : [];
}

/** What the run wrote down: its report, its events, and all of its evidence. As much as there is room for. */
export function runFiles(directory: string, room: { readonly count: number; readonly bytes: number }): ProjectFiles {
  const contents: Content[] = [];
  const leftOut: CapsuleManifest["leftOut"] = [];
  let { bytes } = room;
  const visit = (inner: string): void => {
    const full = join(directory, inner);
    const path = `run/${inner}`;
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) for (const name of readdirSync(full).sort()) visit(`${inner}/${name}`);
    else if (stat?.isFile() !== true || !isMemberPath(path)) return;
    else if (!fits({ count: room.count + contents.length, bytes }, stat.size))
      leftOut.push({ path, because: "too-big", bytes: stat.size });
    else {
      contents.push({ path, bytes: readFileSync(full) });
      bytes += stat.size;
    }
  };
  // What says most of a failure comes first, should there be no room for all.
  for (const name of ["report.json", "events.ndjson", "evidence"]) visit(name);
  return { contents, links: [], leftOut };
}

/** What is taken already: without its files a failure cannot be seen again, so they come before evidence. */
export function sizeOf(contents: readonly Content[]): { readonly count: number; readonly bytes: number } {
  return { count: contents.length, bytes: contents.reduce((sum, each) => sum + each.bytes.length, 0) };
}

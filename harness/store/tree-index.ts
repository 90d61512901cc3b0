// Decides what a tree is that several layers make: later entries over earlier ones, whiteouts applied, links followed inside it alone.
// In memory, without contents: those are named by where they lie. Refuses names that lead out of the tree.
import { archiveLimits, badArchive, sayName } from "./bad-archive.ts";
import type { TarEntry } from "./tar-entries.ts";

/** What is known of a file. Hard links share one. */
export interface Inode {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Of a symbolic link, one character a byte. */
  target: string | undefined;
  /** Extended attributes, where it has some. */
  attributes: ReadonlyMap<string, Buffer> | undefined;
  /** The layer that wrote it last, and where in that its contents begin. */
  layer: number;
  at: number | undefined;
  /** Of a directory, by name, one character a byte. */
  children: Map<string, Inode> | undefined;
}

const mostLinks = 40;
/** The same in both encodings: most names. */
const ascii = /^[ -~]*$/;
const directory = 0o040000;
const isDirectory = (inode: Inode) => inode.children !== undefined;
const isLink = (inode: Inode) => inode.mode >> 12 === 0o12;
const makeDirectory = (layer: number): Inode => ({
  mode: directory | 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  target: undefined,
  attributes: undefined,
  layer,
  at: undefined,
  children: new Map(),
});

/** @example index.add(entry, 0, "layer 1"); index.find("/etc/passwd", true) */
export class TreeIndex {
  readonly #root = makeDirectory(0);
  #entries = 0;
  #nameBytes = 0;

  /** Layers from the lowest, each entry in its order. Errors are `badArchive`'s. */
  add(entry: TarEntry, layer: number, where: string): void {
    this.#entries += 1;
    this.#nameBytes += entry.name.length + entry.link.length;
    if (this.#entries > archiveLimits.entries)
      throw badArchive(where, `there are more than ${archiveLimits.entries} entries`, "archive-too-big");
    if (this.#nameBytes > archiveLimits.nameBytes)
      throw badArchive(where, "names alone are too many bytes", "archive-too-big");
    const steps = stepsOf(entry.name, where);
    const name = steps.pop();
    if (name === undefined) {
      if (isDirectoryMode(entry.mode)) Object.assign(this.#root, attributesOf(entry));
      return;
    }
    const mark = name.startsWith(".wh.");
    const parent = this.#parent(steps, layer, where, entry.name, !mark);
    if (mark) {
      whiteout(parent, name.slice(4), layer, where, entry.name);
      return;
    }
    if (entry.hardLink) {
      const shared = this.#at(stepsOf(entry.link, where), false);
      if (shared === undefined || shared === "loop" || isDirectory(shared))
        throw badArchive(where, `${sayName(entry.name)} is a hard link to ${sayName(entry.link)}, where no file is`);
      parent.set(name, shared);
      return;
    }
    const { mode, uid, gid, size, at } = entry;
    const before = parent.get(name);
    if (isDirectoryMode(mode) && before !== undefined && isDirectory(before)) {
      Object.assign(before, { ...attributesOf(entry), layer });
      return;
    }
    const link = mode >> 12 === 0o12;
    parent.set(name, {
      // Linux keeps no permissions of links: whatever an archive says, they are all.
      mode: link ? 0o120777 : mode,
      uid,
      gid,
      size: link ? entry.link.length : size,
      target: link ? entry.link : undefined,
      attributes: entry.attributes,
      layer,
      at,
      children: isDirectoryMode(mode) ? new Map() : undefined,
    });
  }

  /** What lies at an absolute path (UTF-16, as callers have it); `loop` where links lead round and round. */
  find(path: string, follow: boolean): Inode | undefined | "loop" {
    const bytes = ascii.test(path) ? path : Buffer.from(path, "utf8").toString("latin1");
    const through = /\/\.?$/.test(bytes);
    const found = this.#at(bytes.split("/"), follow || through);
    return through && typeof found === "object" && !isDirectory(found) ? undefined : found;
  }

  /** Walks as the kernel does: `..` of the root is the root, a link's target is looked up from where the link lies. */
  #at(path: readonly string[], follow: boolean): Inode | undefined | "loop" {
    const left = [...path].reverse();
    const above: Inode[] = [this.#root];
    let links = 0;
    while (left.length > 0) {
      const step = left.pop() as string;
      const here = above.at(-1) as Inode;
      if (step === "" || step === ".") {
        if (!isDirectory(here)) return undefined;
        continue;
      }
      if (!isDirectory(here)) return undefined;
      if (step === "..") {
        if (above.length > 1) above.pop();
        continue;
      }
      const next = here.children?.get(step);
      if (next === undefined) return undefined;
      if (isLink(next) && (left.length > 0 || follow)) {
        links += 1;
        if (links > mostLinks) return "loop";
        const target = next.target ?? "";
        if (target === "") return undefined;
        if (target.startsWith("/")) above.length = 1;
        left.push(
          ...target
            .split("/")
            .filter((each) => each !== "")
            .reverse(),
        );
        continue;
      }
      above.push(next);
    }
    return above.at(-1);
  }

  /**
   * Directories on the way are made where no entry said them, and links among them are followed, as an engine would. `own`: something of
   * the layer's comes to lie there, so that a whiteout of the same layer leaves them.
   */
  #parent(steps: readonly string[], layer: number, where: string, entry: string, own: boolean): Map<string, Inode> {
    let here = this.#root;
    for (const [index, step] of steps.entries()) {
      let next = here.children?.get(step);
      if (next !== undefined && isLink(next)) {
        const through = this.#at(steps.slice(0, index + 1), true);
        if (through === undefined || through === "loop" || !isDirectory(through))
          throw badArchive(where, `${sayName(entry)} lies below a link that leads to no directory`);
        next = through;
      } else if (next === undefined || !isDirectory(next)) {
        this.#entries += 1;
        next = makeDirectory(layer);
        here.children?.set(step, next);
      }
      here = next;
      if (own) here.layer = layer;
    }
    return here.children as Map<string, Inode>;
  }
}

/** What an entry says anew of a directory that lower layers have. */
function attributesOf({ mode, uid, gid, attributes }: TarEntry): Pick<Inode, "mode" | "uid" | "gid" | "attributes"> {
  return { mode, uid, gid, attributes };
}

function isDirectoryMode(mode: number): boolean {
  return mode >> 12 === 0o4;
}

/** Components of an entry's name. `..` is taken back where it stays inside. */
function stepsOf(name: string, where: string): string[] {
  if (name.length > archiveLimits.pathBytes)
    throw badArchive(where, `${sayName(name)} is longer than any path`, "archive-too-big");
  if (name.includes("\0")) throw badArchive(where, `${sayName(name)} has a NUL in it`);
  const steps: string[] = [];
  for (const step of name.split("/")) {
    if (step === "" || step === ".") continue;
    if (step === "..") {
      if (steps.pop() === undefined)
        throw badArchive(where, `${sayName(name)} leads out of the image`, "archive-escapes");
    } else if (step.length > archiveLimits.componentBytes)
      throw badArchive(where, `${sayName(name)} is longer than any name`, "archive-too-big");
    else steps.push(step);
  }
  return steps;
}

/**
 * A whiteout takes away what lower layers have, never what its own has, in whatever order they come.
 * @see OCI image-spec, layer.md, "Whiteouts"
 */
function whiteout(parent: Map<string, Inode>, name: string, layer: number, where: string, entry: string): void {
  if (name === ".wh..opq") {
    for (const each of [...parent.keys()]) withoutLower(parent, each, layer);
    return;
  }
  if (name.startsWith(".wh.")) return; // aufs' own marks
  if (name === "" || name === "." || name === "..")
    throw badArchive(where, `whiteout ${sayName(entry)} leads out of its directory`, "archive-escapes");
  withoutLower(parent, name, layer);
}

/** By a stack of its own: a hostile tree is deeper than the engine's stack. */
function withoutLower(parent: Map<string, Inode>, name: string, layer: number): void {
  const todo: [Map<string, Inode>, string][] = [[parent, name]];
  while (todo.length > 0) {
    const [siblings, each] = todo.pop() as [Map<string, Inode>, string];
    const inode = siblings.get(each);
    if (inode === undefined) continue;
    if (inode.layer < layer) siblings.delete(each);
    else for (const below of inode.children?.keys() ?? []) todo.push([inode.children as Map<string, Inode>, below]);
  }
}

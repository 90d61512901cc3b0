// Decides which sentences can be said about all files of a kind on a node, and that what differs is told path by path.
// Stays on the file system that it starts on: /proc, /dev and what is mounted elsewhere are asked for by themselves.
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { type FoundFiles, filesFound, type InventoryKind } from "./inventory-find.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface InventoryOptions {
  /** Found and not counted: a path, or a pattern that occurs in one. */
  readonly except?: readonly Wanted[];
}

const words: Readonly<Record<InventoryKind, { readonly subject: string; readonly command: string }>> = {
  setuid: { subject: "setuid files", command: "-type f -perm -4000" },
  setgid: { subject: "setgid files", command: "-type f -perm -2000" },
  "world-writable": {
    subject: "what everybody may write to",
    command: "-perm -0002 ! -type l ! ( -type d -perm -1000 )",
  },
  orphaned: { subject: "what belongs to no known user or group", command: "( -nouser -o -nogroup )" },
  capable: { subject: "files with capabilities", command: "-type f -exec getcap {} +" },
};

function inventoryOf(kind: InventoryKind, root: string, { except = [] }: InventoryOptions) {
  requireSubject(
    isAbsolute(root) && !root.includes("\0"),
    `"${root}" is not an absolute path`,
    "write the directory from /",
  );
  const { subject, command } = words[kind];
  const counted = (seen: FoundFiles) =>
    seen.filter((path) => !except.some((each) => (typeof each === "string" ? each === path : occurs(each, path))));
  const but = except.length === 0 ? "" : ` except ${except.map(sayWanted).join(", ")}`;
  const ask = about<Node, FoundFiles>({
    subject: `${subject} in ${root}${but}`,
    command: `find ${root} -xdev ${command}`,
    observe: (node) => node.observe(filesFound, { kind, root }),
  });
  return {
    /** Exactly these paths, in any order: what is there beside them and what is missing is told. */
    equals(paths: readonly string[]) {
      requirePaths(paths);
      return ask(`are exactly ${sayCount(paths.length)}`, (seen) => {
        const found = counted(seen);
        const extra = found.filter((path) => !paths.includes(path));
        const missing = paths.filter((path) => !found.includes(path));
        const differs = [...sayPaths("extra", extra), ...sayPaths("missing", missing)];
        return verdict(differs.length === 0, sayList(paths), differs.join("\n") || sayList(found));
      });
    },
    /** None but these; one that is missing is no fault. */
    areWithin(paths: readonly string[]) {
      requirePaths(paths);
      return ask(`are none but ${sayCount(paths.length)}`, (seen) => {
        const extra = counted(seen).filter((path) => !paths.includes(path));
        return verdict(extra.length === 0, sayList(paths), sayPaths("extra", extra).join("") || "none but these");
      });
    },
    /** There is none. */
    areNone: () => ask("are none", (seen) => verdict(counted(seen).length === 0, "none", sayList(counted(seen)))),
  };
}

/**
 * All files of a kind below a directory, with one `find`. It does not leave the file system of the directory.
 * @example await expect(soe).toMeet(inventory.setuid("/").equals(["/usr/bin/su", "/usr/bin/passwd"]));
 * @example await expect(soe).toMeet(all(inventory.worldWritable("/").areNone(), inventory.orphaned("/").areNone()));
 */
export const inventory = {
  /** Regular files that run as their owner, whoever starts them. */
  setuid: (root = "/", options: InventoryOptions = {}) => inventoryOf("setuid", root, options),
  /** Regular files that run as their group. */
  setgid: (root = "/", options: InventoryOptions = {}) => inventoryOf("setgid", root, options),
  /** What everybody may write to: all but symbolic links, and directories where only the owner of a file may remove it (sticky). */
  worldWritable: (root = "/", options: InventoryOptions = {}) => inventoryOf("world-writable", root, options),
  /**
   * Regular files that give capabilities to whoever starts them; which, says `file(…).hasCapabilities`. Needs getfattr or getcap.
   * @example await expect(soe).toMeet(inventory.capable("/").equals(["/usr/bin/ping"]));
   */
  capable: (root = "/", options: InventoryOptions = {}) => inventoryOf("capable", root, options),
  /** What belongs to a user or a group that has no name on the node. */
  orphaned: (root = "/", options: InventoryOptions = {}) => inventoryOf("orphaned", root, options),
} as const;

function requirePaths(paths: readonly string[]): void {
  const relative = paths.find((path) => !isAbsolute(path));
  requireSubject(relative === undefined, `"${relative}" is not an absolute path`, "write each path from /");
}

const most = 20;

function sayPaths(word: string, paths: readonly string[]): string[] {
  return paths.length === 0 ? [] : [`${word}: ${sayList(paths)}`];
}

function sayList(paths: readonly string[]): string {
  if (paths.length === 0) return "none";
  const told = paths.slice(0, most).map((path) => (/[^\x20-\x7e]/.test(path) ? JSON.stringify(path) : path));
  return `${told.join(", ")}${paths.length > most ? `, and ${paths.length - most} more` : ""}`;
}

function sayCount(count: number): string {
  return count === 1 ? "the one listed" : `the ${count} listed`;
}

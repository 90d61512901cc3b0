// Decides how `fileStat` is answered from files alone: owners' names are those of the tree's own passwd and group files.
import type { FileTree, TreeEntry } from "../model/tree.ts";
import type { FileStat, FileType } from "./file-stat.ts";
import { idNames } from "./tree-account.ts";

const types: Readonly<Record<number, FileType>> = {
  1: "fifo",
  2: "character device",
  4: "directory",
  6: "block device",
  8: "file",
  10: "symbolic link",
  12: "socket",
};

/** For `fileStat.fromTree`. */
export async function statsFromTree(
  tree: FileTree,
  paths: readonly string[],
): Promise<readonly (FileStat | undefined | Error)[]> {
  const [entries, names] = await Promise.all([tree.look(paths), idNames(tree)]);
  return entries.map((entry) => (entry === undefined || entry instanceof Error ? entry : asStat(entry, names)));
}

function asStat(
  { mode, uid, gid, size, target }: TreeEntry,
  names: { readonly users: ReadonlyMap<number, string>; readonly groups: ReadonlyMap<number, string> },
): FileStat {
  return {
    type: types[mode >> 12] ?? "something else",
    mode: mode & 0o7777,
    uid,
    gid,
    user: names.users.get(uid),
    group: names.groups.get(gid),
    size,
    target,
  };
}

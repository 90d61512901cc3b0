// Decides how inventories are answered from files alone, as `find -xdev` does. What cannot be looked at is an error, not a shorter list.
import type { FileTree, TreeEntry } from "../model/tree.ts";
import type { FoundFiles, InventoryKind, InventoryQuery, TreeTest } from "./inventory-find.ts";
import { groupsFromTree, idNames, usersFromTree } from "./tree-account.ts";
import { failedProbe } from "./unanswered.ts";

type Holds = (entry: TreeEntry) => boolean;

/** For `filesFound.fromTree`. */
export function foundInTree(
  tree: FileTree,
  queries: readonly InventoryQuery[],
): Promise<readonly (FoundFiles | Error)[]> {
  const walks = new Map<string, ReturnType<typeof walk>>();
  return Promise.all(
    queries.map(async ({ kind, root }) => {
      try {
        const entries = walks.get(root) ?? walk(tree, root);
        walks.set(root, entries);
        const holds = await testIn(tree, kind, root);
        return (await entries)
          .filter(([, entry]) => holds(entry))
          .map(([path]) => path)
          .sort();
      } catch (error) {
        return error as Error;
      }
    }),
  );
}

async function walk(tree: FileTree, root: string): Promise<readonly (readonly [path: string, entry: TreeEntry])[]> {
  const found = await tree.walk(root);
  if (found === undefined) throw failedProbe(`cannot look into ${root}`, "it is no directory");
  return found;
}

const typeOf = ({ mode }: TreeEntry): number => mode >> 12;
const isRegular = (entry: TreeEntry): boolean => typeOf(entry) === 0o10;
const isLink = (entry: TreeEntry): boolean => typeOf(entry) === 0o12;
const isSticky = (entry: TreeEntry): boolean => typeOf(entry) === 0o4 && (entry.mode & 0o1000) !== 0;

async function testIn(tree: FileTree, kind: InventoryKind | TreeTest, root: string): Promise<Holds> {
  if (kind === "setuid") return (entry) => isRegular(entry) && (entry.mode & 0o4000) !== 0;
  if (kind === "setgid") return (entry) => isRegular(entry) && (entry.mode & 0o2000) !== 0;
  if (kind === "world-writable") return (entry) => (entry.mode & 0o002) !== 0 && !isLink(entry) && !isSticky(entry);
  if (kind === "orphaned") {
    const { users, groups } = await idNames(tree);
    return ({ uid, gid }) => !users.has(uid) || !groups.has(gid);
  }
  if (kind === "capable")
    return ({ attributes }) => {
      if (attributes === undefined)
        throw failedProbe(`cannot see which files in ${root} have capabilities`, "only archives tell them");
      return attributes.has("security.capability");
    };
  if ("all" in kind) return { files: isRegular, links: isLink, entries: () => true }[kind.all];
  if ("notOfMode" in kind)
    return (entry) => typeOf(entry) === { f: 0o10, d: 0o4 }[kind.type] && (entry.mode & 0o7777) !== kind.notOfMode;
  const { notOwnedBy, notOfGroup } = kind;
  const [user] = await usersFromTree(tree, [notOwnedBy]);
  const [group] = notOfGroup === undefined ? [] : await groupsFromTree(tree, [notOfGroup]);
  const uid = numbered(notOwnedBy, user?.uid, `cannot list what is in ${root}`, "user");
  const gid =
    notOfGroup === undefined ? undefined : numbered(notOfGroup, group?.gid, `cannot list what is in ${root}`, "group");
  return (entry) => entry.uid !== uid || (gid !== undefined && entry.gid !== gid);
}

/** A name is looked for before it is taken for a number, as by find. */
function numbered(said: string, id: number | undefined, what: string, kind: "user" | "group"): number {
  if (id !== undefined) return id;
  if (/^\d+$/.test(said)) return Number(said);
  throw failedProbe(what, `${JSON.stringify(said)} is not the name of a known ${kind}`);
}

// Decides how questions about users and groups are answered from files alone: passwd, group and shadow in /etc, as the C library
// reads them where no other name service is configured. A malformed line is passed over, as there.
import type { FileTree } from "../model/tree.ts";
import type { GroupEntry, UserEntry } from "./account.ts";
import { textsOf } from "./tree-bytes.ts";
import { failedProbe, missingTool } from "./unanswered.ts";

/** Names by id, the first line of each id. */
export async function idNames(
  tree: FileTree,
): Promise<{ readonly users: ReadonlyMap<number, string>; readonly groups: ReadonlyMap<number, string> }> {
  const [passwd, group] = await textsOf(tree, ["/etc/passwd", "/etc/group"]);
  const byId = (lines: readonly (readonly string[])[]) =>
    new Map(lines.map(([name = "", , id]) => [Number(id), name] as const).reverse());
  return { users: byId(accountLines(passwd, 7)), groups: byId(accountLines(group, 4)) };
}

/** For `userEntry.fromTree`. */
export async function usersFromTree(
  tree: FileTree,
  names: readonly string[],
): Promise<readonly (UserEntry | undefined)[]> {
  const [passwd] = await textsOf(tree, ["/etc/passwd"]);
  const lines = accountLines(passwd, 7);
  return names.map((name) => {
    const line = lines.find(([each]) => each === name);
    if (line === undefined) return undefined;
    const [, , uid, gid, gecos = "", home = "", shell = ""] = line;
    return { uid: Number(uid), gid: Number(gid), gecos, home, shell };
  });
}

/** For `groupEntry.fromTree`. */
export async function groupsFromTree(
  tree: FileTree,
  names: readonly string[],
): Promise<readonly (GroupEntry | undefined)[]> {
  const [group] = await textsOf(tree, ["/etc/group"]);
  const lines = accountLines(group, 4);
  return names.map((name) => {
    const line = lines.find(([each]) => each === name);
    const [, , gid, members = ""] = line ?? [];
    return line === undefined ? undefined : { gid: Number(gid), members: members.split(",").filter(Boolean) };
  });
}

/** For `groupsOf.fromTree`: the primary group first, then in the order of the file, as `id -Gn` has them. */
export async function membershipsFromTree(
  tree: FileTree,
  names: readonly string[],
): Promise<readonly (readonly string[] | undefined | Error)[]> {
  const [passwd, group] = await textsOf(tree, ["/etc/passwd", "/etc/group"]);
  const users = accountLines(passwd, 7);
  const groups = accountLines(group, 4);
  return names.map((name) => {
    const user = users.find(([each]) => each === name);
    if (user === undefined) return undefined;
    const primary = groups.find(([, , gid]) => gid === user[3])?.[0];
    if (primary === undefined)
      return failedProbe(`cannot list the groups of ${name}`, `group ${user[3]} has no name in /etc/group`);
    const further = groups.filter(([, , gid, members = ""]) => gid !== user[3] && members.split(",").includes(name));
    return [primary, ...further.map(([each = ""]) => each)];
  });
}

/** For what the shadow database tells; `read` says what the fields after the name mean. */
export async function shadowFromTree<Answer>(
  tree: FileTree,
  names: readonly string[],
  read: (fields: readonly string[]) => Answer,
): Promise<readonly (Answer | undefined)[]> {
  const [shadow] = await textsOf(tree, ["/etc/shadow"]);
  const states = new Map(accountLines(shadow, 9).map(([name = "", ...others]) => [name, read(others)]));
  // Every system has a root; a database without one says nothing about who can log in.
  if (!states.has("root")) throw missingTool("a shadow database with root in it", "the state of a password");
  return names.map((name) => states.get(name));
}

/** Lines of a database of `count` fields, comments and malformed lines left out; none where there is no file. */
export function accountLines(text: string | undefined, count: number): readonly (readonly string[])[] {
  return (text ?? "")
    .split("\n")
    .map((line) => line.split(":"))
    .filter(
      (line) =>
        line.length === count &&
        line[0] !== "" &&
        !line[0]?.startsWith("#") &&
        (count === 9 || /^\d+$/.test(line[2] ?? "")) &&
        (count !== 7 || /^\d+$/.test(line[3] ?? "")),
    );
}

// Decides which files tell what cron runs, read from a tree of files alone: the same ones, in the same order, as on a running node.
import type { FileTree } from "../model/tree.ts";
import { textsOf } from "./tree-bytes.ts";

/** A table with its text, or a script of a periodic directory with `x` where it may be run. */
export interface CronFile {
  readonly kind: string;
  readonly file: string;
  readonly text: string;
}

const tableDirectories = ["/etc/cron.d", "/etc/crontabs", "/var/spool/cron/crontabs", "/var/spool/cron"];
const scriptDirectories = ["hourly", "daily", "weekly", "monthly", "yearly"].map((each) => `/etc/cron.${each}`);
const periodic = "/etc/periodic";
const fileType = 0o170000;
const regular = 0o100000;

/** For `cronEntries.fromTree`: `family` is as the script tells it. */
export async function cronFromTree(
  tree: FileTree,
): Promise<{ readonly files: readonly CronFile[]; readonly family: string }> {
  const [debian, alpine] = await tree.look(["/etc/debian_version", "/etc/alpine-release"]);
  const family = debian !== undefined ? "debian" : alpine !== undefined ? "alpine" : "other";
  const periodics = (await inside(tree, [periodic])).filter((path) => !path.includes("/."));
  const [tables, scripts] = await Promise.all([
    regularFiles(tree, ["/etc/crontab", ...(await inside(tree, tableDirectories))]),
    regularFiles(tree, await inside(tree, [...scriptDirectories, ...periodics])),
  ]);
  const texts = await textsOf(
    tree,
    tables.map(({ path }) => path),
  );
  return {
    family,
    files: [
      ...tables.map(({ path }, at) => ({ kind: "table", file: path, text: texts[at] ?? "" })),
      ...scripts.map(({ path, mode }) => ({ kind: "script", file: path, text: (mode & 0o111) === 0 ? "-" : "x" })),
    ],
  };
}

/** What lies in these directories, but for hidden names, which a shell's `*` passes over. */
async function inside(tree: FileTree, directories: readonly string[]): Promise<readonly string[]> {
  const listed = await tree.list(directories);
  return listed.flatMap((names, at) => {
    if (names instanceof Error) throw names;
    return (names ?? []).filter((name) => !name.startsWith(".")).map((name) => `${directories[at]}/${name}`);
  });
}

/** Regular files, and links to some: a link counts as what it leads to, and may be run as that may. */
async function regularFiles(
  tree: FileTree,
  paths: readonly string[],
): Promise<readonly { readonly path: string; readonly mode: number }[]> {
  const [entries, contents] = await Promise.all([tree.look(paths), tree.read(paths, 1)]);
  return paths.flatMap((path, at) => {
    const [entry, read] = [entries[at], contents[at]];
    if (entry instanceof Error) throw entry;
    if (read instanceof Error) throw read;
    if (entry === undefined || read === undefined || "nothing" in read) return [];
    // Of a link, whose own mode is 0777, nothing better is known.
    return [{ path, mode: (entry.mode & fileType) === regular ? entry.mode : 0o777 }];
  });
}

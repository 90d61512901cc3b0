// Decides which changes of a file a spec ought to notice that looks at it: what `stat` tells of it, or what is in it.
import type { FileStat } from "../checks/file-stat.ts";
import { byScript, type Mutation, type Observation } from "./mutation.ts";

const take = 'rm -rf -- "$1"';

/** Of `stat`: it is gone, or there where nothing was; another owner, group, mode, target. */
export function ofStat(seen: Observation): readonly Omit<Mutation, "from">[] {
  const path = String(seen.subject);
  const stat = seen.answer as FileStat | undefined;
  if (stat === undefined) return [byScript(seen, "file", `make ${path}`, { paths: [path], change: ': >"$1"' })];
  const owner = (what: string, word: string) =>
    byScript(seen, "file", `${what} ${path}`, { paths: [path], change: 'chown -h -- "$2" "$1"', args: [word] });
  const gone = byScript(seen, "file", `take ${path} away`, { paths: [path], whole: true, change: take });
  // Whose a link is and which mode it has, nobody heeds.
  if (stat.type === "symbolic link")
    return [
      gone,
      byScript(seen, "file", `lead ${path} elsewhere`, { paths: [path], change: 'ln -sfn -- /nowhere "$1"' }),
    ];
  const mode = ((stat.mode ^ 0o002) & 0o7777).toString(8).padStart(4, "0");
  return [
    gone,
    owner("another user owns", String(stat.uid === 0 ? 1 : 0)),
    owner("another group owns", `:${stat.gid === 0 ? 1 : 0}`),
    byScript(seen, "file", `${stat.mode & 0o002 ? "forbid" : "allow"} everybody to write to ${path}`, {
      paths: [path],
      change: 'chmod -- "$2" "$1"',
      args: [mode],
    }),
  ];
}

const follow = 'printf "%s\\0" "$(readlink -f -- "$1")"';

/** Of contents: gone, empty, other values; one more line only where somebody says what all of them are. */
export function ofContents(seen: Observation): readonly Omit<Mutation, "from">[] {
  const path = String(seen.subject);
  const { answer } = seen;
  if (answer === undefined || (typeof answer === "object" && answer !== null && "nothing" in answer)) return [];
  const followed = (what: string, change: string) =>
    byScript(seen, "file", `${what} ${path}`, { paths: [], find: follow, args: [path], change });
  const exact = seen.titles.some((title) => /exactly|SHA|sha|md5/.test(title));
  return [
    byScript(seen, "file", `take ${path} away`, { paths: [path], whole: true, change: take }),
    followed("empty", ': >"$1"'),
    followed(
      "change the values in",
      `tr 0123456789 1234567890 <"$kept/0" >"$1"
! cmp -s "$kept/0" "$1" || tr a-z b-za <"$kept/0" >"$1"`,
    ),
    ...(exact ? [followed("add a line to", 'echo "# assay prove" >>"$1"')] : []),
  ];
}

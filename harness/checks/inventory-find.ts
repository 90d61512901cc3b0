// Decides how all files of a kind are found: one `find` a kind and directory, GNU's or busybox's.
// A complaint of find is an error, not a shorter list: what it could not enter was not looked at.
import { type Probe, quoteWord } from "../model/check.ts";
import { unescapeOctal } from "../model/escaped-name.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { foundInTree } from "./tree-find.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

export type InventoryKind = "setuid" | "setgid" | "world-writable" | "orphaned" | "capable";
/** Of all that is there; or what differs from an owner, a group, or a mode for files or directories. */
export type TreeTest =
  | { readonly all: "files" | "links" | "entries" }
  | { readonly notOwnedBy: string; readonly notOfGroup: string | undefined }
  | { readonly notOfMode: number; readonly type: "f" | "d" };

export interface InventoryQuery {
  readonly kind: InventoryKind | TreeTest;
  /** An absolute directory. */
  readonly root: string;
}

/** Absolute paths in byte order. Bytes that are no UTF-8 become U+FFFD. */
export type FoundFiles = readonly string[];

const tests: Readonly<Record<Exclude<InventoryKind, "capable">, string>> = {
  setuid: "-type f -perm -4000",
  setgid: "-type f -perm -2000",
  "world-writable": "-perm -0002 ! -type l ! \\( -type d -perm -1000 \\)",
  orphaned: "\\( -nouser -o -nogroup \\)",
};

// busybox's find knows no -nouser: there, the ids that have a name are those of the node's own files.
const orphans = `orphans() {
  if find / -prune -nouser >/dev/null 2>&1; then find "$1" -xdev ${tests.orphaned} -print0; return; fi
  tree=$1; set --
  # A last line without an end is a line to the C library.
  while IFS=: read -r _ _ id _ || [ -n "$id" ]; do set -- "$@" ! -user "$id"; done </etc/passwd || return
  set -- "$@" -o
  while IFS=: read -r _ _ id _ || [ -n "$id" ]; do set -- "$@" ! -group "$id"; done </etc/group || return
  find "$tree" -xdev \\( "$@" \\) -print0
}`;

// getcap writes names as they are: one of several lines is asked for alone, so that no line of another can be its.
// What getfattr says of files without capabilities is no complaint; of those that cannot be reached, find complains itself.
const capable = `capable() {
  case "$(getfattr --version 2>/dev/null)" in "getfattr "[0-9]*)
    echo getfattr
    find "$1" -xdev -type f -exec sh -c 'getfattr -h -n security.capability -e hex --absolute-names -- "$@" 2>/dev/null; :' sh {} +
    return ;;
  esac
  command -v getcap >/dev/null || { echo missing; return; }
  echo getcap
  find "$1" -xdev -type f ! -path '*
*' -exec getcap {} +
  printf '\\0'
  find "$1" -xdev -type f -path '*
*' -exec sh -c 'for file do [ -z "$(getcap "$file")" ] || printf "%s\\0" "$file"; done' sh {} +
}`;

/** Subject: a kind and a directory. Answer: paths of what was found. Rejects where the directory is none, or parts may not be entered. */
export const filesFound: Probe<InventoryQuery, FoundFiles> = {
  name: "find",
  script: (queries) => `export LC_ALL=C
command -v find >/dev/null || exit 127
${orphans}
${queries.some(({ kind }) => kind === "capable") ? capable : ""}
${queries.map(look).join("\n")}`,
  parse(output, queries) {
    if (output.status === 127) throw missingTool("find", "which files there are");
    const frames = readFrames("find", output, queries.length * 2);
    const complaints = output.stderr.split("\n").filter((line) => line !== "" && !vanished.test(line));
    return queries.map(({ kind, root }, index) => {
      const [canary, found] = frames.slice(index * 2) as [Frame, Frame];
      if (canary.words === "absent") return failedProbe(`cannot look into ${root}`, "it is no directory");
      if (canary.bytes.toString("utf8") !== `${root}\0`) return unreadable("find", output);
      const refused = complaints.find((line) => /permission denied/i.test(line));
      if (refused !== undefined)
        return denied(`cannot list ${typeof kind === "string" ? `${kind} files` : `what is in ${root}`}`, refused);
      const [complaint] = complaints;
      if (complaint !== undefined)
        return failedProbe(
          `cannot list ${typeof kind === "string" ? `${kind} files` : `what is in ${root}`}`,
          complaint,
        );
      const text = found.bytes.toString("utf8");
      if (kind === "capable" && text === "missing\n")
        return missingTool("getfattr (attr) or getcap (libcap)", "which files have capabilities");
      const paths = kind === "capable" ? capablePaths(text) : text.split("\0").filter(Boolean);
      if (paths === undefined || !paths.every((path) => path.startsWith(root))) return unreadable("find", output);
      return [...paths].sort();
    });
  },
  fromTree: foundInTree,
};

/** What was there when a directory was read and gone when it was looked at: a process's own files, nothing of the image. */
const vanished = /: No such file or directory$/;

/**
 * Blocks of getfattr, a name after `# file: ` with odd bytes as `\\012`; or lines of getcap, `/bin/ping cap_net_raw=ep`, before libcap 2.41
 * `/bin/ping = cap_net_raw+ep`, and after a NUL the names of several lines, each with a NUL. `undefined` for anything else.
 */
function capablePaths(text: string): readonly string[] | undefined {
  const [told = "", ...odd] = text.split("\0");
  const [tool = "", ...lines] = told.split("\n").filter(Boolean);
  if (tool === "getcap") {
    const found = lines.map((line) => /^(\/.*?)(?: =)? (?:cap_|=)[^/]*$/.exec(line)?.[1]);
    return found.includes(undefined) ? undefined : [...(found as readonly string[]), ...odd.filter(Boolean)];
  }
  if (tool !== "getfattr" || !lines.every((line) => /^(# file: \/|security\.capability=0x)/.test(line)))
    return undefined;
  return lines.flatMap((line) => (line.startsWith("# file: ") ? [unescapeOctal(line.slice("# file: ".length))] : []));
}

/** Shell text: words of a spec in it are quoted. */
function testOf(kind: Exclude<InventoryQuery["kind"], "orphaned" | "capable">): string {
  if (typeof kind === "string") return tests[kind];
  if ("all" in kind) return { files: "-type f", links: "-type l", entries: "" }[kind.all];
  if ("notOfMode" in kind) return `-type ${kind.type} ! -perm ${kind.notOfMode.toString(8)}`;
  const group = kind.notOfGroup === undefined ? "" : ` -o ! -group ${quoteWord(kind.notOfGroup)}`;
  return `\\( ! -user ${quoteWord(kind.notOwnedBy)}${group} \\)`;
}

function look({ kind, root }: InventoryQuery): string {
  const tree = quoteWord(root);
  const search =
    kind === "orphaned"
      ? `orphans ${tree}`
      : kind === "capable"
        ? `capable ${tree}`
        : `find ${tree} -xdev ${testOf(kind)} -print0`;
  // The directory itself has to be found first: a `find` that is silent then looked at nothing.
  return `if [ -d ${tree} ]; then find ${tree} -prune -print0; ${endFrame("found")}; ${search}; else ${endFrame("absent")}; fi
${endFrame("done")}`;
}

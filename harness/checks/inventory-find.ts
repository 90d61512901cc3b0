// Decides how all files of a kind are found: one `find` a kind and directory, GNU's or busybox's.
// A complaint of find is an error, not a shorter list: what it could not enter was not looked at.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { foundInTree } from "./tree-find.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

export type InventoryKind = "setuid" | "setgid" | "world-writable" | "orphaned";
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

const tests: Readonly<Record<InventoryKind, string>> = {
  setuid: "-type f -perm -4000",
  setgid: "-type f -perm -2000",
  "world-writable": "-perm -0002 ! -type l ! \\( -type d -perm -1000 \\)",
  orphaned: "\\( -nouser -o -nogroup \\)",
};

// busybox's find knows no -nouser: there, the ids that have a name are those of the node's own files.
const orphans = `orphans() {
  if find / -prune -nouser >/dev/null 2>&1; then find "$1" -xdev ${tests.orphaned} -print0; return; fi
  tree=$1; set --
  while IFS=: read -r _ _ id _; do set -- "$@" ! -user "$id"; done </etc/passwd || return
  set -- "$@" -o
  while IFS=: read -r _ _ id _; do set -- "$@" ! -group "$id"; done </etc/group || return
  find "$tree" -xdev \\( "$@" \\) -print0
}`;

/** Subject: a kind and a directory. Answer: paths of what was found. Rejects where the directory is none, or parts may not be entered. */
export const filesFound: Probe<InventoryQuery, FoundFiles> = {
  name: "find",
  script: (queries) => `export LC_ALL=C
command -v find >/dev/null || exit 127
${orphans}
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
      const paths = found.bytes.toString("utf8").split("\0").filter(Boolean);
      if (!paths.every((path) => path.startsWith(root))) return unreadable("find", output);
      return paths.sort();
    });
  },
  fromTree: foundInTree,
};

/** What was there when a directory was read and gone when it was looked at: a process's own files, nothing of the image. */
const vanished = /: No such file or directory$/;

/** Shell text: words of a spec in it are quoted. */
function testOf(kind: Exclude<InventoryQuery["kind"], "orphaned">): string {
  if (typeof kind === "string") return tests[kind];
  if ("all" in kind) return { files: "-type f", links: "-type l", entries: "" }[kind.all];
  if ("notOfMode" in kind) return `-type ${kind.type} ! -perm ${kind.notOfMode.toString(8)}`;
  const group = kind.notOfGroup === undefined ? "" : ` -o ! -group ${quoteWord(kind.notOfGroup)}`;
  return `\\( ! -user ${quoteWord(kind.notOwnedBy)}${group} \\)`;
}

function look({ kind, root }: InventoryQuery): string {
  const tree = quoteWord(root);
  const search = kind === "orphaned" ? `orphans ${tree}` : `find ${tree} -xdev ${testOf(kind)} -print0`;
  // The directory itself has to be found first: a `find` that is silent then looked at nothing.
  return `if [ -d ${tree} ]; then find ${tree} -prune -print0; ${endFrame("found")}; ${search}; else ${endFrame("absent")}; fi
${endFrame("done")}`;
}

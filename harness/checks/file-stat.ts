// Decides how files are seen: any number of them with one `stat`, a symbolic link as the link itself.
// Tells "does not exist" from "may not be seen" by the order of stat's complaints. GNU stat; busybox's is asked file by file.
import { posix } from "node:path";
import { type Probe, type ProbeOutput, quoteWord } from "../model/check.ts";
import type { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { endFrame, readFrames } from "./frames.ts";
import { statsFromTree } from "./tree-stat.ts";
import { missingTool, pathFailure, requireTool, unreadable } from "./unanswered.ts";

export type FileType =
  | "file"
  | "directory"
  | "symbolic link"
  | "socket"
  | "fifo"
  | "block device"
  | "character device"
  | "something else";

export interface FileStat {
  readonly type: FileType;
  /** Permission bits with set-id and sticky bits: `0o4755`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** `undefined` where the node has no name for the id. */
  readonly user: string | undefined;
  readonly group: string | undefined;
  /** Bytes; of a symbolic link, the length of its target. */
  readonly size: number;
  /** What a symbolic link holds, as it is written there. */
  readonly target: string | undefined;
}

const types: Record<number, FileType> = {
  1: "fifo",
  2: "character device",
  4: "directory",
  6: "block device",
  8: "file",
  10: "symbolic link",
  12: "socket",
};

const format = "%n\\0%N\\0%f\\0%u\\0%g\\0%U\\0%G\\0%s\\0";
const fieldCount = 8;
/** Keeps a command line well below the kernel's limit of 128 KiB a word and 2 MiB a line. */
const mostBytes = 100_000;

/** Subject: an absolute path. Answer: what `stat` says of it, `undefined` where nothing is. */
export const fileStat: Probe<string, FileStat | undefined> = {
  name: "stat",
  script: (paths) =>
    `${look}\n${callWords(paths)
      .map((words) => `look ${words}`)
      .join("\n")}`,
  parse(output, paths) {
    requireTool(output, "stat", "a file");
    if (output.stdout.toString("latin1", 0, busybox.length) === busybox) return readBusybox(output, paths);
    const fields = output.stdout.toString("utf8").split("\0");
    if (fields.length % fieldCount !== 1) throw unreadable("stat", output);
    const found = new Map<string, FileStat>();
    for (let at = 0; at + fieldCount < fields.length; at += fieldCount)
      found.set(fields[at] ?? "", readRecord(fields.slice(at, at + fieldCount)));
    const failures = statFailures(
      output,
      paths.filter((path) => !found.has(path)),
    );
    return paths.map((path) => found.get(path) ?? failures.get(path));
  },
  fromTree: statsFromTree,
};

// A program of its own is GNU's: only a link, as busybox's applets are, is asked what it can, and what busybox's shell has in itself,
// which is a name without a directory.
const look = `export LC_ALL=C QUOTING_STYLE=literal
tool=$(command -v stat) busybox=no
if { [ -L "$tool" ] || [ "$tool" = stat ]; } && ! stat --printf '' / 2>/dev/null; then busybox=yes; printf 'busybox\\0'; fi
look() {
  if [ $busybox = no ]; then stat --printf '${format}' -- "$@"; return; fi
  for path do
    if [ -e "$path" ] || [ -L "$path" ]; then
      stat -c '%f %u %g %s:%U:%G' -- "$path"; if [ -L "$path" ]; then readlink -n -- "$path"; fi; ${endFrame("seen")}
    else ${endFrame('"$( { : <"$path"; } 2>&1)"')}; fi
  done
}`;
const busybox = "busybox\0";

function readBusybox(
  output: ProbeOutput,
  paths: readonly string[],
): readonly (FileStat | undefined | ObservationError)[] {
  const rest = { ...output, stdout: output.stdout.subarray(busybox.length) };
  return readFrames("stat", rest, paths.length).map(({ bytes, words }, index) => {
    const path = paths[index] ?? "";
    if (words !== "seen") return pathFailure(path, words.trim().split(": ").at(-1) ?? "");
    const match = /^([0-9a-f]+) (\d+) (\d+) (\d+):([^:\n]*):([^:\n]*)\n(.*)$/s.exec(bytes.toString("utf8"));
    if (match === null) return unreadable("stat -c", output);
    const [, raw, uid, gid, size, user, group, target = ""] = match;
    return statOf({ raw, uid, gid, user, group, size, target });
  });
}

/**
 * What a path leads to, through at most eight links at its end: where it lies, and what is there. Links on the way are the system's to
 * follow.
 */
export async function lookThrough(
  node: Node,
  path: string,
  links = 0,
): Promise<{ readonly path: string; readonly stat: FileStat | undefined }> {
  const stat = await node.observe(fileStat, path);
  if (stat?.target === undefined || links === 8) return { path, stat };
  return lookThrough(node, posix.resolve(posix.dirname(path), stat.target), links + 1);
}

/** `stat` for all paths, in as few processes as the kernel's limit on arguments allows: up to some thousand paths, one. */
export function statCalls(paths: readonly string[], printf: string): string {
  return callWords(paths)
    .map((words) => `LC_ALL=C QUOTING_STYLE=literal stat --printf '${printf}' -- ${words}`)
    .join("\n");
}

/** The paths as words of as few command lines as can be. */
function callWords(paths: readonly string[]): readonly string[] {
  const calls: string[] = [];
  let words: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const word = quoteWord(path);
    if (bytes + word.length > mostBytes && words.length > 0) {
      calls.push(words.join(" "));
      words = [];
      bytes = 0;
    }
    words.push(word);
    bytes += Buffer.byteLength(word) + 1;
  }
  return [...calls, words.join(" ")];
}

/**
 * Why each of `paths`, which have no record, has none: `undefined` for one that does not exist. stat complains in the order
 * of its arguments, one line each (it quotes line breaks), so that the lines need not be matched by name.
 */
export function statFailures(
  output: ProbeOutput,
  paths: readonly string[],
): ReadonlyMap<string, ObservationError | undefined> {
  if (/(unrecognized|invalid) option/i.test(output.stderr)) throw missingTool("GNU stat (coreutils)", "a file");
  const reasons = [...output.stderr.matchAll(/^stat: cannot statx? .*: (.+)$/gm)];
  if (reasons.length !== paths.length) throw unreadable("stat", output);
  return new Map(paths.map((path, index) => [path, pathFailure(path, reasons[index]?.[1] ?? "")]));
}

function readRecord(fields: readonly string[]): FileStat {
  const [name = "", quoted = "", raw, uid, gid, user, group, size] = fields;
  // With the literal quoting style `%N` is the name, " -> " and the target, none of them escaped.
  return statOf({ raw, uid, gid, user, group, size, target: quoted.slice(name.length + " -> ".length) });
}

/** Of a stat's words, whichever stat wrote them: `raw` is the mode with the type, in hex; `target` counts for links alone. */
function statOf(
  words: Readonly<Record<"raw" | "uid" | "gid" | "user" | "group" | "size", string | undefined>> & { target: string },
): FileStat {
  const bits = Number.parseInt(words.raw ?? "", 16);
  const type = types[bits >> 12] ?? "something else";
  return {
    type,
    mode: bits & 0o7777,
    uid: Number(words.uid),
    gid: Number(words.gid),
    user: words.user === "UNKNOWN" ? undefined : words.user,
    group: words.group === "UNKNOWN" ? undefined : words.group,
    size: Number(words.size),
    target: type === "symbolic link" ? words.target : undefined,
  };
}

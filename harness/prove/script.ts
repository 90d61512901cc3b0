// Decides how a change is made inside a node and undone, and where it may be made at all: on what is the node's alone. What was there is
// kept in the node's memory, so that no search of its files meets a copy. Refuses bind mounts, volumes, and what the engine lends.
import type { Command } from "../model/exec.ts";
import type { Script } from "./mutation.ts";

export interface Ground {
  /** A container has its root and its declared memory to itself, a machine every local file system. */
  readonly of: "container" | "vm";
  /** Targets of declared tmpfs mounts. */
  readonly memory: readonly string[];
}

const place = "/dev/shm/assay-prove";

/** Bigger than this is not kept, in KiB. */
const mostKept = 32_768;

/**
 * What is there, in words that differ when it does. Times are left out, and so is a directory's size: both change with what is in it.
 */
const look = `look() {
  for path do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then echo "$path absent"; continue; fi
    if [ -L "$path" ]; then echo "$path link $(readlink -- "$path") $(stat -c '%u %g' -- "$path")"
    elif [ -d "$path" ]; then echo "$path $(stat -c '%F %a %u %g' -- "$path") $(find "$path" -xdev 2>/dev/null | sort | cksum)"
    else echo "$path $(stat -c '%F %a %u %g %s' -- "$path") $([ ! -f "$path" ] || cksum <"$path") $(getcap "$path" 2>/dev/null)"; fi
    [ "$labels" = no ] || stat -c %C -- "$path"
  done
}
labels=no; [ -e /sys/fs/selinux/enforce ] && labels=yes`;

/** What a script looks at beside its paths. */
const state = ({ look: text = "" }: Script) => `state() {
${text}
:
}`;

/** Where a path lies, its directories' links followed: the longest mount point that it is below. */
const guard = `guard() {
  directory=$(cd -P -- "\${1%/*}/" 2>/dev/null && pwd -P) || { echo "there is no directory \${1%/*}"; return 1; }
  real=\${directory%/}/\${1##*/} at=/ type=
  while read -r line; do
    rest=\${line#* * * * }; mounted=\${rest%% *}; kind=\${line#* - }; kind=\${kind%% *}
    case $real/ in "\${mounted%/}"/*) if [ \${#mounted} -ge \${#at} ]; then at=$mounted type=$kind; fi ;; esac
  done </proc/self/mountinfo
  if [ "$ground" = vm ]; then
    case $type in ext2|ext3|ext4|xfs|btrfs|vfat|tmpfs|overlay) return 0 ;; esac
  else
    [ "$at" != / ] || return 0
    while read -r own; do [ -z "$own" ] || [ "$own" != "$at" ] || return 0; done <<EOT
$memory
EOT
  fi
  echo "it lies on $at, which is not the node's alone"; return 1
}`;

const keep = `keep() {
  at=0
  for path do
    if [ ! -e "$path" ] && [ ! -L "$path" ]; then : >"$kept/$at.absent"
    elif [ -d "$path" ] && [ ! -L "$path" ] && [ "$whole" = no ]; then stat -c '%u:%g %a' -- "$path" >"$kept/$at.rights" || return 1
    else
      size=$(du -sk -- "$path" | { read -r size rest; echo "$size"; })
      [ "\${size:-0}" -le ${mostKept} ] || { echo "it is too big to be kept: $size KiB"; return 1; }
      cp -a -- "$path" "$kept/$at" || return 1
    fi
    at=$((at + 1))
  done
}`;

const bring = `bring() {
  at=0
  for path do
    if [ -e "$kept/$at.absent" ]; then rm -rf -- "$path"
    elif [ -e "$kept/$at.rights" ]; then read -r owner mode <"$kept/$at.rights"; chown "$owner" -- "$path" && chmod "$mode" -- "$path"
    elif [ -e "$kept/$at" ] || [ -L "$kept/$at" ]; then rm -rf -- "$path" && cp -a -- "$kept/$at" "$path"; fi
    at=$((at + 1))
  done
}`;

/** What the exit status of `apply` means, beside 0: anything else is a change that failed. */
export const scriptStatus = { noPlace: 71, refused: 72, notKept: 73, nothingFound: 74 } as const;

/** The paths it is about: standard output, each with a NUL behind it. */
export function findCommand({ find = "", args = [] }: Script): Command {
  return ["/bin/sh", "-c", `export LC_ALL=C\n${find}`, "sh", ...args];
}

/** The paths, and what comes behind them, as words of a shell that was given both. */
function words(script: Script, paths: readonly string[]): { readonly own: string; readonly args: string } {
  const word = (index: number) => `"\${${index + 1}}"`;
  return {
    own: paths.map((_, index) => word(index)).join(" "),
    args: (script.args ?? []).map((_, index) => word(paths.length + index)).join(" "),
  };
}

/** Makes the change. Prints what was there, a NUL, and what is there now. `paths`: the script's own, and what it found. */
export function applyCommand(script: Script, paths: readonly string[], ground: Ground): Command {
  const { own, args } = words(script, paths);
  const text = `export LC_ALL=C
kept=${place} ground=$1 memory=$2 whole=$3; shift 3
${look}
${guard}
${keep}
${state(script)}
[ -d /dev/shm ] && rm -rf "$kept" && (umask 077; mkdir "$kept") || exit ${scriptStatus.noPlace}
change() {
${script.change}
}
for path in ${own}; do guard "$path" || exit ${scriptStatus.refused}; done
before=$(look ${own}; state ${args})
keep ${own} || exit ${scriptStatus.notKept}
change "$@" >&2 || exit
printf '%s\\0' "$before"; look ${own}; state ${args}`;
  return [
    "/bin/sh",
    "-c",
    text,
    "sh",
    ground.of,
    ground.memory.join("\n"),
    script.whole === true ? "yes" : "no",
    ...paths,
    ...(script.args ?? []),
  ];
}

/** Prints what is there now, as `applyCommand` does behind its NUL. */
export function lookCommand(script: Script, paths: readonly string[]): Command {
  const { own, args } = words(script, paths);
  const text = `export LC_ALL=C\n${look}\n${state(script)}\nlook ${own}; state ${args}`;
  return ["/bin/sh", "-c", text, "sh", ...paths, ...(script.args ?? [])];
}

/** Brings everything back, and prints what is there then. */
export function undoCommand(script: Script, paths: readonly string[]): Command {
  const { own, args } = words(script, paths);
  const text = `export LC_ALL=C
kept=${place}
${look}
${bring}
${state(script)}
undo() {
${script.undo ?? ":"}
}
undo "$@"
bring ${own}
rm -rf "$kept"
look ${own}; state ${args}`;
  return ["/bin/sh", "-c", text, "sh", ...paths, ...(script.args ?? [])];
}

// Decides how it is seen which processes hold a socket open: by the links in /proc/PID/fd, with one `find` for all sockets, or one `ls`
// where find is busybox's.
import type { Probe } from "../model/check.ts";
import { denied, requireTool, unreadable } from "./unanswered.ts";

export interface Holder {
  readonly pid: number;
  /** The kernel's name for it, at most 15 characters. */
  readonly name: string;
}

/**
 * Subject: a socket's inode number. Answer: who holds it; nobody where the holder is in another PID namespace, as on a host port of
 * a container.
 */
export const socketHolders: Probe<string, readonly Holder[]> = {
  name: "find /proc/PID/fd",
  // Processes come and go while find looks: what has gone holds nothing. The end of its own line shows that it looked at all.
  script: () => `export LC_ALL=C
command -v find >/dev/null && command -v grep >/dev/null || exit 127
grep -sH '' /proc/[0-9]*/comm
printf '\\0'
if looked=$(find /proc/self/comm -printf '%f looked\\n' 2>/dev/null) && [ -n "$looked" ]; then
  find /proc/[0-9]*/fd -maxdepth 1 -lname 'socket:*' -printf '%p %l\\n'; echo "$looked"
else
  command -v ls >/dev/null || exit 127
  ls -l /proc/[0-9]*/fd; printf 'ls '; ls -d /proc/self/comm
fi`,
  parse(output, inodes) {
    requireTool(output, "find and grep", "who holds a socket");
    const [named = "", linked = ""] = output.stdout.toString("utf8").split("\0");
    const names = new Map([...named.matchAll(/^\/proc\/(\d+)\/comm:(.*)$/gm)].map(([, pid, name]) => [pid, name]));
    const byLs = linked.endsWith("ls /proc/self/comm\n");
    if (names.size === 0 || !(byLs || linked.endsWith("comm looked\n"))) throw unreadable("find /proc/PID/fd", output);
    const holders = new Map<string, Map<number, Holder>>();
    for (const [pid, inode] of byLs ? readListing(linked) : readFound(linked)) {
      const held = holders.get(inode) ?? new Map<number, Holder>();
      holders.set(inode, held.set(Number(pid), { pid: Number(pid), name: names.get(pid) ?? "?" }));
    }
    const hidden = /: Permission denied$/m.exec(output.stderr) !== null;
    return inodes.map((inode) => {
      const found = [...(holders.get(inode)?.values() ?? [])];
      return found.length === 0 && hidden
        ? denied("cannot see who holds a socket", "permission denied on other users' processes")
        : found;
    });
  },
};

type Link = readonly [pid: string, inode: string];

/** Lines `/proc/12/fd/3 socket:[45]`. */
function readFound(text: string): readonly Link[] {
  return [...text.matchAll(/^\/proc\/(\d+)\/fd\/\d+ socket:\[(\d+)\]$/gm)].map(([, pid = "", inode = ""]) => [
    pid,
    inode,
  ]);
}

/** `ls -l` of several directories: `/proc/12/fd:`, and below it lines that end with `3 -> socket:[45]`. */
function readListing(text: string): readonly Link[] {
  return text.split(/^(?=\/proc\/\d+\/fd:$)/m).flatMap((part) => {
    const [, pid = ""] = /^\/proc\/(\d+)\/fd:$/m.exec(part) ?? [];
    return [...part.matchAll(/ \d+ -> socket:\[(\d+)\]$/gm)].map(([, inode = ""]) => [pid, inode] as const);
  });
}

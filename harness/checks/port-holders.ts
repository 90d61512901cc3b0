// Decides how it is seen which processes hold a socket open: by the links in /proc/PID/fd, with one `find` for all sockets.
import type { Probe } from "../model/check.ts";
import { denied, missingTool, requireTool, unreadable } from "./unanswered.ts";

export interface Holder {
  readonly pid: number;
  /** The kernel's name for it, at most 15 characters. */
  readonly name: string;
}

/**
 * Subject: a socket's inode number. Answer: who holds it; nobody where the holder is in another PID namespace, as on a host port of
 * a container. Needs GNU find.
 */
export const socketHolders: Probe<string, readonly Holder[]> = {
  name: "find /proc/PID/fd",
  // Processes come and go while find looks: what has gone holds nothing. The end of its own line shows that it looked at all.
  script: () => `export LC_ALL=C
command -v find >/dev/null && command -v grep >/dev/null || exit 127
grep -sH '' /proc/[0-9]*/comm
printf '\\0'
find /proc/[0-9]*/fd -maxdepth 1 -lname 'socket:*' -printf '%p %l\\n'
find /proc/self/comm -printf '%f looked\\n'`,
  parse(output, inodes) {
    requireTool(output, "find and grep", "who holds a socket");
    if (/unrecognized: -|unknown predicate/.test(output.stderr))
      throw missingTool("GNU find (findutils)", "who holds a socket");
    const [named = "", linked = ""] = output.stdout.toString("utf8").split("\0");
    const names = new Map([...named.matchAll(/^\/proc\/(\d+)\/comm:(.*)$/gm)].map(([, pid, name]) => [pid, name]));
    if (names.size === 0 || !linked.endsWith("comm looked\n")) throw unreadable("find /proc/PID/fd", output);
    const holders = new Map<string, Map<number, Holder>>();
    for (const [, pid = "", inode = ""] of linked.matchAll(/^\/proc\/(\d+)\/fd\/\d+ socket:\[(\d+)\]$/gm)) {
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

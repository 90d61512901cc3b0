// Decides which sentences can be said about sockets that have a path or an abstract name, from the kernel's own table: no tool of the
// image but `grep`. Whether the file is there, whose it is and who may open it, is asked with file().
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { type Holder, socketHolders } from "./port-holders.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

const types = { "0001": "stream", "0002": "datagram", "0005": "seqpacket" } as const;
export type UnixSocketType = (typeof types)[keyof typeof types];

export interface UnixListener {
  /** As it was bound; an abstract name begins with `@`. */
  readonly path: string;
  readonly type: UnixSocketType;
  readonly inode: string;
}

/** Subject: anything. Answer: all sockets with a name to which others can connect or send, in the node's network namespace. */
export const unixListeners: Probe<string, readonly UnixListener[]> = {
  name: "unix sockets",
  script: () => `export LC_ALL=C
[ -r /proc/net/unix ] || { echo "/proc/net/unix cannot be read" >&2; exit 77; }
grep '' /proc/net/unix`,
  parse(output, subjects) {
    requireTool(output, "grep", "sockets");
    if (output.status === 77) throw failedProbe("cannot see sockets", output.stderr.trim());
    const [header = "", ...lines] = output.stdout.toString("utf8").split("\n").filter(Boolean);
    if (output.status !== 0 || !/^Num +RefCount Protocol Flags +Type St Inode Path$/.test(header))
      throw unreadable("grep '' /proc/net/unix", output);
    const found = lines.flatMap((line) => {
      const match =
        /^[0-9a-f]+: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) ([0-9A-F]{4}) [0-9A-F]{2} +(\d+)(?: (.*))?$/.exec(line);
      if (match === null) throw unreadable("grep '' /proc/net/unix", output);
      const [, flags = "", number = "", inode = "", path] = match;
      const type = types[number as keyof typeof types];
      // 10000 is "accepts connections"; a datagram needs none.
      const open = type === "datagram" || (Number.parseInt(flags, 16) & 0x10000) !== 0;
      return path === undefined || type === undefined || !open ? [] : [{ path, type, inode }];
    });
    return subjects.map(() => found);
  },
};

/**
 * A unix socket by its path, or by its abstract name with `@` before it. `/var/run` and `/run` are one.
 * @example await expect(machine).toMeet(all(unixSocket("/run/docker.sock").isListening(), unixSocket("/run/docker.sock").isHeldBy("dockerd")));
 */
export function unixSocket(path: string) {
  requireSubject(
    /^[/@][^\0\n]+$/.test(path),
    `${JSON.stringify(path)} is not a unix socket's name`,
    'write its path from /, or an abstract name as in "@studio"',
  );
  const subject = `unix socket ${sayWord(path)}`;
  const find = async (node: Node) =>
    (await node.observe(unixListeners, "all")).filter((each) => plain(each.path) === plain(path));
  const ask = about<Node, readonly UnixListener[]>({ subject, command: `ss -lxn src ${sayWord(path)}`, observe: find });
  return {
    /** Others can connect to it, or, where it takes datagrams, send to it. */
    isListening: () => ask("is listening", (seen) => verdict(seen.length > 0, "something listens", sayListeners(seen))),
    hasType: (type: UnixSocketType) =>
      ask(`has type ${type}`, (seen) =>
        verdict(
          seen.some((each) => each.type === type),
          type,
          sayListeners(seen),
        ),
      ),
    /** Each socket of this name is held open by a process of this name, as the kernel has it (15 characters). */
    isHeldBy: (name: string) =>
      about<Node, readonly (readonly Holder[])[]>({
        subject,
        command: `ss -lxnp src ${sayWord(path)}`,
        async observe(node) {
          const found = await find(node);
          return Promise.all(found.map(({ inode }) => node.observe(socketHolders, inode)));
        },
      })(`is held by ${name}`, (seen) =>
        verdict(
          seen.length > 0 && seen.every((by) => by.some((holder) => holder.name === name.slice(0, 15))),
          name,
          seen.length === 0
            ? "nothing listens"
            : seen
                .map((by) => by.map(({ name: each, pid }) => `${each} (pid ${pid})`).join(", ") || "nobody")
                .join("; "),
        ),
      ),
  };
}

function plain(path: string): string {
  return path.replace(/^\/var\/run\//, "/run/");
}

function sayListeners(seen: readonly UnixListener[]): string {
  return seen.map(({ type, path }) => `a ${type} socket at ${sayWord(path)}`).join("; ") || "nothing listens";
}

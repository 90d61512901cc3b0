// Decides which sentences can be said about ports, from the kernel's own socket tables: no tool of the image but `grep`.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { addressOf, canonicalAddress } from "./ip-address.ts";
import { type Holder, socketHolders } from "./port-holders.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export type Protocol = "tcp" | "udp";

export interface Listener {
  readonly protocol: Protocol;
  /** As it was bound: `0.0.0.0` and `::` are every address. */
  readonly address: string;
  readonly port: number;
  /** Number of the socket, by which `/proc/PID/fd` names it. */
  readonly inode: string;
}

/** Subject: `tcp/80`, or `tcp/*` for all ports. Answer: what listens on that port, in the node's network namespace. */
export const listeners: Probe<string, readonly Listener[]> = {
  name: "socket tables",
  // A kernel without IPv6 has no tcp6 and udp6; tcp it always has.
  script: () => `export LC_ALL=C
[ -r /proc/net/tcp ] || { echo "/proc/net/tcp cannot be read" >&2; exit 77; }
command -v grep >/dev/null || exit 127
grep -sH '' /proc/net/tcp /proc/net/udp /proc/net/tcp6 /proc/net/udp6
exit 0`,
  parse(output, subjects) {
    requireTool(output, "grep", "the socket tables");
    if (output.status !== 0) throw failedProbe("cannot see what listens", output.stderr.trim());
    const found: Listener[] = [];
    const [header, ...lines] = output.stdout.toString("utf8").split("\n").filter(Boolean);
    if (header === undefined || !isHeader(header)) throw unreadable("grep '' /proc/net/tcp", output);
    for (const line of lines) {
      if (isHeader(line)) continue;
      const listener = readSocketLine(line);
      if (listener === undefined) throw unreadable("grep '' /proc/net/tcp", output);
      if (listener !== "other") found.push(listener);
    }
    return subjects.map((subject) =>
      found.filter(({ protocol, port }) => subject === `${protocol}/${port}` || subject === `${protocol}/*`),
    );
  },
};

/** @example await expect(soe).toMeet(port(8080).isListeningOn("127.0.0.1"), { within: "10s" }); */
export function port(number: number, protocol: Protocol = "tcp") {
  requireSubject(
    Number.isInteger(number) && number >= 1 && number <= 65535,
    `${number} is not a port`,
    "write a number from 1 to 65535",
  );
  const subject = `${protocol}/${number}`;
  const ask = about<Node, readonly Listener[]>({
    subject: `port ${subject}`,
    command: `ss -ln${protocol === "tcp" ? "t" : "u"} 'sport = :${number}'`,
    observe: (node) => node.observe(listeners, subject),
  });
  return {
    /** On any address. */
    isListening: () => ask("is listening", (seen) => verdict(seen.length > 0, "something listens", sayListeners(seen))),
    /** Bound to exactly this address: `0.0.0.0` is not `127.0.0.1`, and `::` not `0.0.0.0`, though it may answer for it. */
    isListeningOn: (address: string) =>
      ask(`is listening on ${address}`, (seen) =>
        verdict(
          seen.some((each) => each.address === canonicalAddress(address)),
          `bound to ${address}`,
          sayListeners(seen),
        ),
      ),
    /**
     * Each socket that listens there is held open by a process of this name, as the kernel has it (15 characters). A socket that
     * systemd listens on for a service is held by `systemd`, and by the service once it runs.
     */
    isHeldBy: (name: string) =>
      about<Node, readonly Held[]>({
        subject: `port ${subject}`,
        command: `ss -lnp${protocol === "tcp" ? "t" : "u"} 'sport = :${number}'`,
        async observe(node) {
          const found = await node.observe(listeners, subject);
          const holders = await Promise.all(found.map(({ inode }) => node.observe(socketHolders, inode)));
          return found.map((listener, index) => ({ listener, by: holders[index] ?? [] }));
        },
      })(`is held by ${name}`, (seen) =>
        verdict(
          seen.length > 0 && seen.every(({ by }) => by.some((holder) => holder.name === name.slice(0, 15))),
          name,
          seen.length === 0 ? "nothing listens" : seen.map(sayHeld).join("; "),
        ),
      ),
  };
}

/**
 * All ports that others can reach: what listens on loopback addresses alone does not count.
 * @example await expect(soe).toMeet(ports().areOnly(22));
 */
export function ports(protocol: Protocol = "tcp") {
  const ask = about<Node, readonly Listener[]>({
    subject: `ports of ${protocol}`,
    command: `ss -ln${protocol === "tcp" ? "t" : "u"}`,
    observe: (node) => node.observe(listeners, `${protocol}/*`),
  });
  return {
    /** Something listens on each of these, and on no others; without any, nothing listens at all. */
    areOnly: (...wanted: readonly number[]) =>
      ask(`are only ${wanted.join(", ") || "none"}`, (seen) => {
        const open = seen.filter(({ address }) => !/^(127\.|::1$|::ffff:7f)/.test(address));
        const there = [...new Set(open.map(({ port: number }) => number))].sort((a, b) => a - b);
        const met = there.join() === [...new Set(wanted)].sort((a, b) => a - b).join();
        return verdict(
          met,
          wanted.join(", ") || "none",
          open.map((each) => `${each.port} on ${each.address}`).join(", ") || "none",
        );
      }),
  };
}

interface Held {
  readonly listener: Listener;
  readonly by: readonly Holder[];
}

/**
 * One line of a socket table, with its file's name before it; `other` for sockets that do not listen. `undefined` for anything else.
 * The kernel prints an address as 32-bit words in the byte order of the machine, which is little-endian wherever Assay runs.
 */
export function readSocketLine(line: string): Listener | "other" | undefined {
  const match =
    /^\/proc\/net\/(tcp|udp)6?:\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2})(?: +\S+){5} +(\d+) /.exec(
      line,
    );
  if (match === null) return undefined;
  const [, protocol, address = "", port = "", state, inode = ""] = match;
  // 0A is TCP's LISTEN; a UDP socket that is not connected is in state 07 and receives from anybody.
  const listens = protocol === "tcp" ? state === "0A" : state === "07";
  if (!listens) return "other";
  return { protocol: protocol as Protocol, address: readAddress(address), port: Number.parseInt(port, 16), inode };
}

function isHeader(line: string): boolean {
  return /^\/proc\/net\/(tcp|udp)6?: +sl +local_address /.test(line);
}

function readAddress(hex: string): string {
  return addressOf(
    Buffer.from([...hex.matchAll(/.{8}/g)].flatMap(([word]) => [...Buffer.from(word, "hex").reverse()])),
  );
}

function sayHeld({ listener, by }: Held): string {
  const names = by.map(({ name, pid }) => `${name} (pid ${pid})`);
  return `${listener.address} by ${names.join(", ") || "no process of this node"}`;
}

function sayListeners(seen: readonly Listener[]): string {
  if (seen.length === 0) return "nothing listens";
  return `bound to ${[...new Set(seen.map(({ address }) => address))].join(", ")}`;
}

// Decides which sentences can be said about the remote procedure call programs that a machine has registered (NFS before version 4, mountd,
// locks, status), as its own rpcbind tells them.
import type { Probe, ProbeOutput } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** One program at one version, and where it answers. */
export interface RpcProgram {
  readonly number: number;
  readonly version: number;
  /** `tcp`, `udp`, `tcp6`, … */
  readonly protocol: string;
  readonly port: number;
  /** As /etc/rpc calls it; empty where it does not know it. */
  readonly name: string;
}

/**
 * Subject: always `programs`. Answer: what is registered; nothing where no rpcbind listens, as then nobody can be found by it.
 * @see rpcinfo(8)
 */
export const rpcPrograms: Probe<"programs", readonly RpcProgram[]> = {
  name: "rpcinfo",
  script: () => "LC_ALL=C rpcinfo -p",
  parse(output, subjects) {
    requireTool(output, "rpcinfo", "which programs are registered");
    const programs = read(output);
    return subjects.map(() => programs);
  },
};

const heading = /^\s*program\s+vers\s+proto\s+port\s+service$/;

function read(output: ProbeOutput): readonly RpcProgram[] {
  // Words of libtirpc's, of its connection by TCP or by rpcbind's socket.
  if (output.status !== 0 && /Connection refused|No such file or directory/.test(output.stderr)) return [];
  if (output.status !== 0) throw failedProbe("cannot ask rpcbind", output.stderr.trim(), "is rpcbind.service well?");
  const [first = "", ...lines] = output.stdout.toString("utf8").split("\n").filter(Boolean);
  if (first === "No remote programs registered.") return [];
  if (!heading.test(first)) throw unreadable("rpcinfo -p", output);
  return lines.map((line) => {
    const [, number, version, protocol = "", port, name = ""] =
      /^\s*(\d+)\s+(\d+)\s+(\w+)\s+(\d+)(?:\s+(\S+))?\s*$/.exec(line) ?? [];
    if (number === undefined) throw unreadable("rpcinfo -p", output);
    return { number: Number(number), version: Number(version), protocol, port: Number(port), name };
  });
}

/** Which of a program's registrations is meant; what is left out may be anything. */
export interface RpcWhich {
  readonly version?: number;
  readonly protocol?: "tcp" | "udp" | "tcp6" | "udp6";
  readonly port?: number;
}

/**
 * A program of RPC's, by its name in /etc/rpc or by its number.
 * @example await expect(server).not.toMeet(rpc("mountd").isRegistered()); // version 4 alone needs none
 */
export function rpc(program: string | number) {
  requireSubject(
    typeof program === "number" ? Number.isSafeInteger(program) && program > 0 : /^[A-Za-z][\w.-]*$/.test(program),
    `"${program}" is not an RPC program`,
    'write its name, "nfs", or its number, 100003',
  );
  const ask = about<Node, readonly RpcProgram[]>({
    subject: `rpc program ${program}`,
    command: "rpcinfo -p",
    observe: (node) => node.observe(rpcPrograms, "programs"),
  });
  return {
    /** rpcbind tells whoever asks where it answers. */
    isRegistered: (which: RpcWhich = {}) =>
      ask(["is registered", ...words(which)].join(" "), (seen) => {
        const mine = seen.filter(({ name, number }) => name === program || number === program);
        const fits = mine.some(
          ({ version, protocol, port }) =>
            (which.version ?? version) === version &&
            (which.protocol ?? protocol) === protocol &&
            (which.port ?? port) === port,
        );
        return verdict(fits, ["a registration", ...words(which)].join(" "), say(mine, seen));
      }),
  };
}

function words({ version, protocol, port }: RpcWhich): readonly string[] {
  return [
    ...(version === undefined ? [] : [`in version ${version}`]),
    ...(protocol === undefined ? [] : [`by ${protocol}`]),
    ...(port === undefined ? [] : [`at port ${port}`]),
  ];
}

function say(mine: readonly RpcProgram[], all: readonly RpcProgram[]): string {
  if (mine.length > 0)
    return mine.map(({ version, protocol, port }) => `version ${version} by ${protocol} at port ${port}`).join(", ");
  const others = [...new Set(all.map(({ name, number }) => name || String(number)))];
  return others.length === 0 ? "nothing is registered" : `registered are ${others.join(", ")}`;
}

// Decides where libvirt is looked for, and whether something listens there. Refuses to start it, and to take a process's time:
// this is on the way of every start.
import { createConnection } from "node:net";
import { messageOf } from "../model/errors.ts";
import { findTool } from "./tools.ts";

/** The daemon for everything, and the one for QEMU alone that newer packages split off. */
export const daemons = [
  { name: "libvirtd", socket: "/run/libvirt/libvirt-sock" },
  { name: "virtqemud", socket: "/run/libvirt/virtqemud-sock" },
] as const;

/** Keeps the guests' consoles; without it libvirt starts no guest. */
export const logDaemon = { name: "virtlogd", socket: "/run/libvirt/virtlogd-sock" } as const;

/**
 * Which daemon a URI means: `system` and `session` are this machine's and this user's, the latter started by its first client;
 * `elsewhere` is another machine's, or a socket of its own, and nobody's to start but its owner's.
 * @example daemonOf("qemu+ssh://root@far/system") // "elsewhere"
 */
export function daemonOf(uri: string): "system" | "session" | "elsewhere" {
  if (uri === "qemu:///system") return "system";
  return uri === "qemu:///session" ? "session" : "elsewhere";
}

/** The system daemon's sockets, knocked at. */
export interface Knocked {
  /** Socket that accepted a connection. */
  readonly listens: string | undefined;
  /** Why the sockets did not: an error's code for each, as in `ENOENT`. */
  readonly refusals: readonly string[];
}

/** Knocks at both daemons' sockets, which takes 1 ms. Never rejects. That one accepts does not mean that it answers yet. */
export async function knockAtLibvirt(): Promise<Knocked> {
  const answers = await Promise.all(daemons.map(async ({ socket }) => ({ socket, refusal: await knock(socket) })));
  return {
    listens: answers.find(({ refusal }) => refusal === undefined)?.socket,
    refusals: answers.flatMap(({ refusal }) => refusal ?? []),
  };
}

/** `undefined` when the socket accepts a connection, else why not. */
export function knock(socket: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const connection = createConnection(socket);
  connection.setTimeout(1000, () => resolve("no answer within 1 s"));
  connection.on("connect", () => resolve(undefined));
  connection.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? messageOf(error)));
  return promise.finally(() => connection.destroy());
}

/** Path of the daemon that is installed. */
export function libvirtProgram(path: string): string | undefined {
  return daemons.map(({ name }) => findTool(name, path)).find((found) => found !== undefined);
}

// Decides whether libvirt is there and answers. Refuses to start or install it.
import { createConnection } from "node:net";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { findTool } from "./tools.ts";

/** The daemon for everything, and the one for QEMU alone that newer packages split off. */
const daemons = [
  { name: "libvirtd", socket: "/run/libvirt/libvirt-sock" },
  { name: "virtqemud", socket: "/run/libvirt/virtqemud-sock" },
] as const;

export interface LibvirtFacts {
  /** Path of a daemon's program; `undefined` when none is installed. */
  readonly program: string | undefined;
  /** Socket that accepted a connection. */
  readonly listens: string | undefined;
  /** Why the sockets did not: an error's code for each, as in `ENOENT`. */
  readonly refusals: readonly string[];
}

/** The line of `assay doctor` about libvirt. */
export function libvirtFinding({ program, listens, refusals }: LibvirtFacts): Finding {
  const about = { what: "libvirt", needed: false } as const;
  if (listens !== undefined) return { ...about, can: "yes", detail: `${program ?? "a daemon"} listens at ${listens}` };
  if (refusals.includes("EACCES"))
    return {
      ...about,
      can: "no",
      detail: program ?? "installed or not: unknown",
      cause: "this user may not open its socket",
      remedy: "sudo usermod -aG libvirt $USER, then log in again",
    };
  if (program === undefined)
    return {
      ...about,
      can: "no",
      detail: "not installed",
      cause: "no libvirtd and no virtqemud",
      remedy: "apt-get install libvirt-daemon-system libvirt-clients qemu-system-x86",
    };
  return {
    ...about,
    can: "no",
    detail: `${program} is installed`,
    cause: `nothing listens at ${daemons.map(({ socket }) => socket).join(" or ")} (${refusals.join(", ")})`,
    remedy: "systemctl start libvirtd; without systemd: virtlogd -d && libvirtd -d",
  };
}

/** Looks for the daemons and knocks at their sockets. Never rejects. */
export async function probeLibvirt(path: string): Promise<Finding> {
  const program = daemons.map(({ name }) => findTool(name, path)).find((found) => found !== undefined);
  const answers = await Promise.all(daemons.map(async ({ socket }) => ({ socket, refusal: await knock(socket) })));
  return libvirtFinding({
    program,
    listens: answers.find(({ refusal }) => refusal === undefined)?.socket,
    refusals: answers.flatMap(({ refusal }) => refusal ?? []),
  });
}

/** `undefined` when the socket accepts a connection, else why not. */
function knock(socket: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const connection = createConnection(socket);
  connection.setTimeout(1000, () => resolve("no answer within 1 s"));
  connection.on("connect", () => resolve(undefined));
  connection.on("error", (error) => resolve((error as NodeJS.ErrnoException).code ?? messageOf(error)));
  return promise.finally(() => connection.destroy());
}

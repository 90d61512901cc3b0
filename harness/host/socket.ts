// Decides what is told of the engine's socket file: whose it is and whether this user may open it; and whether anybody is behind one.
import { accessSync, constants, existsSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename } from "node:path";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { defaultSocket, engineAddress, letIn } from "./engine.ts";

/**
 * Whether somebody listens at a unix socket, without asking: a service that was killed leaves its file. Listeners in another network
 * namespace are not seen.
 * @see proc_net(5), /proc/net/unix
 */
export function isListening(path: string, listeners: string = readFileSync("/proc/net/unix", "utf8")): boolean {
  if (!existsSync(path)) return false;
  const real = realpathSync(path);
  return listeners.split("\n").some((line) => {
    // Num, RefCount, Protocol, Flags, Type, St, Inode, Path; the flag says that it accepts connections.
    const [, flags, bound] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +\S+ (\/.*)$/.exec(line) ?? [];
    if (flags !== "00010000" || bound === undefined || basename(bound) !== basename(path)) return false;
    return existsSync(bound) && realpathSync(bound) === real;
  });
}

/** Looks at the socket that `DOCKER_HOST` or the default names; nothing to say where the engine is not on a socket. */
export function socketFindings(
  dockerHost: string | undefined,
  engine: "docker" | "podman" = "docker",
): readonly Finding[] {
  const address = engineAddress(dockerHost);
  const path = address?.socketPath;
  if (typeof path !== "string") return [];
  const about = { what: `${engine} socket`, needed: true } as const;
  const start =
    engine === "podman"
      ? "ASSAY_ENGINE=podman npx assay setup --yes"
      : path === defaultSocket
        ? "npx assay setup --yes"
        : `start the engine that DOCKER_HOST=${dockerHost} means`;
  let seen: Stats;
  try {
    seen = statSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT")
      return [{ ...about, can: "no", detail: path, cause: "there is no such file", remedy: start }];
    return [{ ...about, can: "unknown", detail: messageOf(error), cause: "it could not be looked at" }];
  }
  const detail = `${path}, mode ${(seen.mode & 0o7777).toString(8).padStart(4, "0")}, owner ${seen.uid}:${seen.gid}`;
  if (!seen.isSocket())
    return [{ ...about, can: "no", detail, cause: "it is not a socket", remedy: `remove ${path}, then ${start}` }];
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return [{ ...about, can: "yes", detail }];
  } catch {
    return [{ ...about, can: "no", detail, cause: "this user may not write to it", remedy: letIn[engine] }];
  }
}

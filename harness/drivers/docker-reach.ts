// Decides how an engine and the machine it runs on are reached. What only that machine knows is never answered from this one.
import type Docker from "dockerode";
import { type EngineAddress, isHere } from "./docker-address.ts";
import { findEngine } from "./docker-engine.ts";
import { type Directories, hostDirectories } from "./docker-scratch.ts";
import { type HostNode, hostNode } from "./shell-node.ts";

/** An engine's client, and its machine. Close it when done. */
export interface ReachedEngine {
  readonly docker: Docker;
  readonly host: HostNode;
  readonly directories: Directories;
  /** It is this machine: a file of ours can be mounted there. */
  readonly here: boolean;
  close(): Promise<void>;
}

/**
 * Finds the engine; for `ssh://` the server's key has to be known already, and a connection is made when one is needed. Rejects with
 * `engine-down`, `host-key-unknown`, `unknown-address`, `tls-files`.
 * @param scratch Where directories for scratch mounts may be, on the engine's machine.
 */
export async function reachEngine(address: EngineAddress, scratch: string): Promise<ReachedEngine> {
  const { dockerHost } = address;
  if (!isHere(dockerHost)) return (await import("./docker-remote.ts")).reachRemote(dockerHost, address, scratch);
  const docker = await findEngine(dockerHost);
  const host = hostNode();
  return { docker, host, directories: hostDirectories(scratch), here: true, close: () => host.close() };
}

// Decides what commands that touch runs have in common: the engines, where runs keep their files, how a reaper is started.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Driver } from "../drivers/driver.ts";
import { type EngineFacts, enginesOf } from "../engines.ts";
import { daemonOf, daemons } from "../host/libvirt.ts";
import { eventSocketPath } from "../lifecycle/event-socket.ts";
import type { Places } from "../lifecycle/places.ts";
import { runVariable } from "../lifecycle/processes.ts";
import type { Program } from "../lifecycle/supervisor.ts";
import { thisHost } from "./this-host.ts";

/** What drivers need to know of this configuration and this process. */
export function engineFacts(config: Config): EngineFacts {
  const { dockerHost, libvirtUri, scratch, state } = config;
  const { path, uid } = thisHost(config);
  return { dockerHost, libvirtUri, scratch, state, path, uid };
}

/**
 * Every engine that a run of this configuration may use; libvirt's where there is one. Rejects with `engine-down` when no docker
 * engine can be found.
 */
export async function openDrivers(config: Config): Promise<readonly Driver[]> {
  const engines = enginesOf(engineFacts(config));
  return Promise.all([engines.docker(), ...(libvirtIsThere(config) ? [engines.libvirt()] : [])]);
}

/** Whether libvirt can be asked without starting it: one of this machine listens, or another machine was named. */
function libvirtIsThere({ libvirtUri }: Config): boolean {
  return daemonOf(libvirtUri) !== "system" || daemons.some(({ socket }) => existsSync(socket));
}

export function placesOf(config: Config): Places {
  return { scratch: config.scratch, socket: (run) => eventSocketPath(config.sockets, run) };
}

/** The detached process that takes a run down when its supervisor cannot. */
export function reaperProgram(config: Config, run: string): Program {
  return {
    command: [process.execPath, join(config.project, "harness/commands/run-reaper.ts"), run],
    // A run inside a run: the outer one ends all that carries its mark, and this one must outlive that.
    env: { ...process.env, [runVariable]: undefined },
    cwd: config.project,
    log: join(config.state, "reaper.log"),
  };
}

// Decides what probes are told of this process. Small, because every start goes through it.
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Surroundings } from "../host/examine.ts";

export function thisHost(config: Config): Surroundings {
  const { engine, dockerHost, dockerTls, engineHosts, libvirtUri, state, disks, project } = config;
  const modules = join(project, "node_modules");
  const uid = process.getuid?.() ?? -1;
  const plain = dockerTls === undefined && dockerHost?.startsWith("ssh:") !== true;
  return {
    path: process.env["PATH"] ?? "",
    engine,
    dockerHost,
    ...(plain ? {} : { engineGet: (_host, path) => askElsewhere(config, path) }),
    podmanHost: engineHosts.podman,
    libvirtUri,
    state,
    disks,
    modules,
    uid,
  };
}

/** Over a connection of its own: this is asked twice at most. */
async function askElsewhere(config: Config, path: string): Promise<unknown> {
  const { reachEngine } = await import("../drivers/docker-reach.ts");
  const { docker, close } = await reachEngine(config, config.scratch);
  try {
    return await (path === "/info" ? docker.info() : docker.version());
  } finally {
    await close();
  }
}

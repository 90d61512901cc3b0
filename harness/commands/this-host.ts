// Decides what probes are told of this process. Small, because every start goes through it.
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Surroundings } from "../host/examine.ts";

export function thisHost({ engine, dockerHost, engineHosts, libvirtUri, state, disks, project }: Config): Surroundings {
  const modules = join(project, "node_modules");
  const uid = process.getuid?.() ?? -1;
  const podmanHost = engineHosts.podman;
  return { path: process.env["PATH"] ?? "", engine, dockerHost, podmanHost, libvirtUri, state, disks, modules, uid };
}

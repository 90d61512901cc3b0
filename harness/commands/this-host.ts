// Decides what probes are told of this process. Small, because every start goes through it.
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { Surroundings } from "../host/examine.ts";

export function thisHost({ dockerHost, libvirtUri, state, disks, project }: Config): Surroundings {
  const modules = join(project, "node_modules");
  const uid = process.getuid?.() ?? -1;
  return { path: process.env["PATH"] ?? "", dockerHost, libvirtUri, state, disks, modules, uid };
}

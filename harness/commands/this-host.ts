// Decides what probes are told of this process. Small, because every start goes through it.
import type { Config } from "../config.ts";
import type { Surroundings } from "../host/examine.ts";

export function thisHost({ dockerHost, state }: Config): Surroundings {
  return { path: process.env["PATH"] ?? "", dockerHost, state, uid: process.getuid?.() ?? -1 };
}

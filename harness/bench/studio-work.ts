// Decides which studios are measured: hosts of the standard operating environment on a network, and the project's own with its storage.
import { environmentNamed } from "../commands/recipes.ts";
import { readConfig } from "../config.ts";
import { defineEnvironment, type Environment, vm } from "../index.ts";
import { machineRecipe } from "./machine-work.ts";

/** Hosts that are measured together. */
export const hosts = 3;
/** What a studio grows to, from one. */
export const grown = 8;

/** Hosts of 256 MB on one network, each ready when its boot is over. They boot, unless asked otherwise. */
export function studioEnvironment(name: string, count: number, start: "boot" | "warm" = "boot"): Environment {
  const dev = vm({
    image: machineRecipe,
    count,
    name: (number) => `dev-00${number}`,
    memory: "256m",
    networks: ["lan"],
    ready: { within: "20m" },
    start,
  });
  return defineEnvironment(name, { networks: { lan: {} }, nodes: { dev } });
}

/** The studio's storage and its clients, which all boot; without the guest that has no business there. */
export async function storageEnvironment(): Promise<Environment> {
  const studio = await environmentNamed(readConfig().project, "studio-nfs");
  const nodes = Object.entries(studio.nodes)
    .filter(([name]) => name === "server" || (studio.groups["dev"] ?? []).includes(name))
    .map(([name, node]) => [name, node.kind === "vm" ? { ...node, start: "boot" as const } : node]);
  return { ...studio, nodes: Object.fromEntries(nodes) };
}

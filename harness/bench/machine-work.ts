// Decides which machines are measured: the studio's standard operating environment as it boots by itself, and the same as a carrier.
import { recipesNamed } from "../commands/recipes.ts";
import { readConfig } from "../config.ts";
import { defineEnvironment, vm } from "../index.ts";

const [soe] = await recipesNamed(readConfig().project, ["vfx-studio-soe-vm"]);
if (soe === undefined) throw new Error("there is no recipe vfx-studio-soe-vm to measure with");

/** What every machine that is measured is made of. */
export const machineRecipe = soe;
/** Lets `machineUser` in. */
export const machineKey = "fixtures/vfx-studio-soe/keys/ops";
export const machineUser = "ops";

const within = "10m" as const;

/** One machine on a network; ready at its first command, or when its boot is over. It boots, unless asked otherwise. */
export function machineEnvironment(name: string, unit: "shell" | "booted", start: "boot" | "warm" = "boot") {
  const soe = vm({ image: machineRecipe, memory: "256m", networks: ["lan"], ready: { unit, within }, start });
  return defineEnvironment(name, { networks: { lan: {} }, nodes: { soe } });
}

/** Machines that only carry others, ready at their first command. */
export function carrierEnvironment(name: string, nodes: readonly string[]) {
  const ready = { unit: "shell", within } as const;
  const carrier = vm({ image: machineRecipe, memory: "256m", carrier: true, ready, start: "boot" });
  return defineEnvironment(name, { nodes: Object.fromEntries(nodes.map((node) => [node, carrier])) });
}

// Decides whether this host can do what an environment requires; a "no" is a reason to skip, told in words.
import { proxies } from "../commands/proxies.ts";
import { isHere } from "../drivers/docker-address.ts";
import { canRunMachines, type MachineSurroundings } from "../host/machines.ts";
import { partitionFinding } from "../host/partition.ts";
import { whyForeign } from "../host/platform.ts";
import { pythonIndexFinding } from "../host/python-index.ts";
import { readSelinux, selinuxFinding } from "../host/selinux.ts";
import { findTool } from "../host/tools.ts";
import { userFinding } from "../host/user.ts";
import type { Finding } from "../model/capabilities.ts";
import type { Capability, Environment } from "../model/environment.ts";
import type { Recipe, RecipeCapability } from "../model/recipe.ts";
import type { Store } from "../store/store.ts";

const probes: Record<Capability, () => Finding> = {
  root: () => userFinding(process.getuid?.() ?? -1),
  partition: () => partitionFinding(),
  selinux: () => selinuxFinding(readSelinux(undefined)),
};

const buildProbes: Record<RecipeCapability, (variables: Readonly<Record<string, string>>) => Promise<Finding>> = {
  "python-index": pythonIndexFinding,
};

/** What an image would be built from and with. */
export interface Building {
  /** Whether the store has a recipe's image. */
  readonly has: (recipe: Recipe) => Promise<boolean>;
  /** Variables that a build's programs get. */
  readonly variables: Readonly<Record<string, string>>;
}

/** What would be built in a store, with the variables of this process. */
export function buildingIn(store: () => Store): Building {
  // What cannot be described is told by who builds it.
  const has = async (recipe: Recipe) =>
    (await store()
      .find(recipe)
      .catch(() => undefined)) !== undefined;
  return { has, variables: proxies() };
}

/**
 * Why the environment cannot be stood up on this host; `undefined` when it can, as far as is known. Asked is what is said to be
 * required, also by recipes whose images are yet to be built, and whether machines can be run where there are some, and have a TPM where
 * one is wanted.
 */
export async function missingCapability(
  { name, requires, nodes }: Environment,
  surroundings: () => MachineSurroundings & { readonly dockerHost?: string | undefined },
  building: Building,
): Promise<string | undefined> {
  const lack = (who: string, what: string, { can, detail, cause }: Finding) =>
    can === "no" ? `${who} requires ${what}: ${detail}${cause === undefined ? "" : ` (${cause})`}` : undefined;
  for (const capability of requires) {
    const why = lack(name, capability, probes[capability]());
    if (why !== undefined) return why;
  }
  const wanted = new Map<RecipeCapability, string>();
  for (const { image } of Object.values(nodes))
    if (typeof image === "object" && "kind" in image && image.kind === "recipe")
      for (const [capability, recipe] of await yetNeeded(image, building)) wanted.set(capability, recipe);
  for (const [capability, recipe] of wanted) {
    const why = lack(`the image ${recipe} of ${name}`, capability, await buildProbes[capability](building.variables));
    if (why !== undefined) return why;
  }
  for (const [node, declaration] of Object.entries(nodes)) {
    // What another machine runs is not to be known from here.
    if (declaration.kind !== "container" || declaration.platform === undefined || declaration.on !== undefined)
      continue;
    const why = isHere(surroundings().dockerHost) ? whyForeign(declaration.platform) : undefined;
    if (why !== undefined) return `${name}/${node} is for ${declaration.platform}: ${why}`;
  }
  const machines = Object.values(nodes).filter(({ kind }) => kind === "vm");
  if (machines.length === 0) return undefined;
  const lacking = ["swtpm", "swtpm_setup"].find((tool) => findTool(tool, "") === undefined);
  if (machines.some((each) => each.kind === "vm" && each.devices.tpm) && lacking !== undefined)
    return `${name} has a machine with a TPM, and this host has no ${lacking}: run assay setup --yes`;
  const why = await canRunMachines(surroundings());
  return why === undefined ? undefined : `${name} has virtual machines, and this host runs none: ${why}`;
}

/** What a recipe and those that it starts from require, as far as they are yet to be built; each with the name of the one that does. */
async function yetNeeded(
  recipe: Recipe,
  building: Building,
): Promise<readonly (readonly [RecipeCapability, string])[]> {
  // Nobody asks the store where nothing is required.
  if (!requiresAny(recipe) || (await building.has(recipe))) return [];
  const below = recipe.from.base === "recipe" ? recipe.from.recipe : undefined;
  const own = recipe.requires.map((capability) => [capability, recipe.name] as const);
  return below === undefined ? own : [...own, ...(await yetNeeded(below, building))];
}

function requiresAny({ requires, from }: Recipe): boolean {
  return requires.length > 0 || (from.base === "recipe" && requiresAny(from.recipe));
}

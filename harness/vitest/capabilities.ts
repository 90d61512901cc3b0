// Decides whether this host can do what an environment requires; a "no" is a reason to skip, told in words.
import { isHere } from "../drivers/docker-address.ts";
import { canRunMachines, type MachineSurroundings } from "../host/machines.ts";
import { partitionFinding } from "../host/partition.ts";
import { whyForeign } from "../host/platform.ts";
import { readSelinux, selinuxFinding } from "../host/selinux.ts";
import { findTool } from "../host/tools.ts";
import { userFinding } from "../host/user.ts";
import type { Finding } from "../model/capabilities.ts";
import type { Capability, Environment } from "../model/environment.ts";

const probes: Record<Capability, () => Finding> = {
  root: () => userFinding(process.getuid?.() ?? -1),
  partition: () => partitionFinding(),
  selinux: () => selinuxFinding(readSelinux(undefined)),
};

/**
 * Why the environment cannot be stood up on this host; `undefined` when it can, as far as is known. Asked is what is said to be
 * required, and whether machines can be run where there are some, and have a TPM where one is wanted.
 */
export async function missingCapability(
  { name, requires, nodes }: Environment,
  surroundings: () => MachineSurroundings & { readonly dockerHost?: string | undefined },
): Promise<string | undefined> {
  for (const capability of requires) {
    const { can, detail, cause } = probes[capability]();
    if (can === "no") return `${name} requires ${capability}: ${detail}${cause === undefined ? "" : ` (${cause})`}`;
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
  if (machines.some((each) => each.kind === "vm" && each.devices.tpm) && findTool("swtpm", "") === undefined)
    return `${name} has a machine with a TPM, and this host has no swtpm: run assay setup --yes`;
  const why = await canRunMachines(surroundings());
  return why === undefined ? undefined : `${name} has virtual machines, and this host runs none: ${why}`;
}

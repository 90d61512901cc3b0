// Decides what an environment takes of this machine that others want as well: fixed ports and subnets, memory, what its drivers share.
// Refuses to take it: that is admission's.
import { totalmem } from "node:os";
import type { Driver, Standing } from "../drivers/driver.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { Admission } from "./admission.ts";
import type { Claim } from "./ledger.ts";

/** What QEMU takes beside the guest's memory: its own, and translated code where it emulates. Bytes. */
const machineOverhead = 128 * 1024 ** 2;

/** What only one environment on this machine can have at a time: fixed host ports and subnets, and MACs on bridges that are not its own. */
export function exclusiveNames(environment: Pick<Environment, "nodes" | "networks">): readonly string[] {
  const ports = Object.values<NodeDeclaration>(environment.nodes).flatMap((node) =>
    // A container on a machine publishes on that machine.
    (node.kind === "container" && node.on === undefined ? node.ports : []).flatMap((port) =>
      typeof port === "object" && port.host !== undefined ? [`port:${port.address}:${port.host}/${port.protocol}`] : [],
    ),
  );
  const subnets = Object.values(environment.networks).flatMap(({ subnet }) =>
    subnet === undefined ? [] : [`subnet:${subnet}`],
  );
  const macs = Object.values<NodeDeclaration>(environment.nodes).flatMap((node) =>
    node.kind !== "vm" || Array.isArray(node.networks)
      ? []
      : Object.entries(node.networks).flatMap(([network, { mac }]) => {
          const { bridge } = environment.networks[network] ?? {};
          return bridge === undefined || mac === undefined ? [] : [`mac:${bridge}/${mac.toLowerCase()}`];
        }),
  );
  return [...new Set([...ports, ...subnets, ...macs])];
}

/** What an environment holds for as long as it stands: what is shared for speed alone it needs only while it comes up. */
export function lastingTakes({ nodes, networks }: Pick<Environment, "nodes" | "networks">): readonly Claim[] {
  // A container on a machine has its memory from that machine's.
  const memory = Object.values<NodeDeclaration>(nodes)
    .filter((node) => node.kind !== "container" || node.on === undefined)
    .reduce((sum, node) => sum + (node.memory ?? 0) + (node.kind === "vm" ? machineOverhead : 0), 0);
  return [
    ...exclusiveNames({ nodes, networks }).map((name) => ({ name })),
    ...(memory === 0 ? [] : [{ name: "memory", amount: memory }]),
  ];
}

/** All that is to be asked for before the first of its resources is made; `drivers` are those of its nodes. */
export async function takesOf(
  standing: Standing,
  drivers: readonly Driver[],
): Promise<Required<Pick<Admission, "claims" | "capacity" | "elastic">>> {
  const { environment } = standing;
  const taken = await Promise.all(
    drivers.map(async (driver) => Object.entries((await driver.takes?.(standing)) ?? {})),
  );
  const shared = taken.flat();
  return {
    claims: [...lastingTakes(environment), ...shared.map(([name, { amount }]) => ({ name, amount }))],
    capacity: { memory: totalmem(), ...Object.fromEntries(shared.map(([name, { capacity }]) => [name, capacity])) },
    elastic: shared.map(([name]) => name),
  };
}

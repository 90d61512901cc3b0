// Decides whose network a container has: its own, or that of the one that it shares it with. Addresses and ports are the owner's.
import type Docker from "dockerode";
import { addressesIn } from "../model/address-text.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import type { Environment } from "../model/environment.ts";
import { ProvisionError } from "../model/errors.ts";
import type { Standing } from "./driver.ts";
import { resourceName } from "./names.ts";

/** The declaration of the container whose network this one has. */
export function netOwner(
  { nodes }: Pick<Environment, "nodes">,
  declaration: ContainerDeclaration,
): ContainerDeclaration {
  const owner = declaration.networkFrom === undefined ? undefined : nodes[declaration.networkFrom];
  return owner?.kind === "container" ? netOwner({ nodes }, owner) : declaration;
}

/** What the engine says of a container; its addresses and ports are those of whoever owns its network. */
export async function inspectNode(docker: Docker, container: string): Promise<Docker.ContainerInspectInfo> {
  const facts = await docker.getContainer(container).inspect();
  const [, owner] = /^container:(.+)$/.exec(facts.HostConfig.NetworkMode ?? "") ?? [];
  if (owner === undefined) return facts;
  const { NetworkSettings } = await inspectNode(docker, owner);
  return { ...facts, NetworkSettings };
}

/** The addresses that a container's variables hold, by node name. The engine gave them when those nodes were created. */
export async function addressesFor(
  docker: Docker,
  standing: Standing,
  declaration: ContainerDeclaration,
): Promise<ReadonlyMap<string, string>> {
  const found = await Promise.all(
    addressesIn(declaration).map(async (node) => {
      const { NetworkSettings } = await inspectNode(docker, resourceName(standing, node));
      const address = Object.values(NetworkSettings.Networks).find(({ IPAddress }) => IPAddress !== "")?.IPAddress;
      if (address === undefined)
        throw new ProvisionError({
          code: "no-address",
          phase: "create",
          node: `${standing.environment.name}/${node}`,
          seen: "it has no address, which another container's variables are to hold",
          hint: "a container that has ended has none",
        });
      return [node, address] as const;
    }),
  );
  return new Map(found);
}

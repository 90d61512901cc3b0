// Decides what is told of a node that stays when its run ends: what it is called, and how it is reached.
import type { PlannedResource } from "../drivers/driver.ts";
import { type Environment, networkNames } from "../model/environment.ts";
import type { KeptNode } from "../model/event.ts";
import type { ContainerNode, Node, VmNode } from "../model/node.ts";

/** How a node is found again once nobody holds a handle on it. `live`: absent for a node that never became ready. */
export function keptNode(
  { node = "", kind, name, carriedBy }: PlannedResource,
  { nodes }: Environment,
  live?: Node,
): KeptNode {
  const declared = nodes[node];
  // What lies in a machine is reached through that.
  const near = declared?.kind !== "image" && carriedBy === undefined ? declared : undefined;
  const addresses = (near === undefined ? [] : networkNames(near)).flatMap((network) =>
    told(() => `${(live as ContainerNode | VmNode).address(network)} on ${network}`),
  );
  const ports = (near?.kind === "container" ? near.ports : []).flatMap((port) => {
    const number = typeof port === "number" ? port : port.container;
    return told(() => {
      const bound = (live as ContainerNode).port(number);
      return `${bound.host}:${bound.port} → ${number}`;
    });
  });
  const reach = live === undefined ? [] : [...addresses, ...ports];
  return {
    node,
    kind: kind === "domain" ? "vm" : "container",
    name,
    ...(carriedBy === undefined ? {} : { on: carriedBy }),
    ...(reach.length === 0 ? {} : { reach }),
  };
}

/** Of one that has ended there is nothing to tell: it has no address and publishes nothing. */
function told(say: () => string): string[] {
  try {
    return [say()];
  } catch {
    return [];
  }
}

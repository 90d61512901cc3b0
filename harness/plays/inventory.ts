// Decides who a playbook is applied to: the inventory that ansible is given, made of nodes. Refuses what no playbook can be applied to
// before anything is touched.
import { DeclarationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Hosts, Playbook } from "../model/playbook.ts";
import { groupName } from "../model/plays.ts";

/** Who is in an inventory, and the text that ansible reads. */
export interface Inventory {
  /** By the node's name, which is the host's. */
  readonly nodes: ReadonlyMap<string, Node>;
  readonly groups: readonly string[];
  readonly text: string;
}

/** A `DeclarationError` for a group without a good name, a node that runs nothing or is this machine, two nodes of one name. */
export function inventoryOf(playbook: Playbook, hosts: Hosts): Inventory {
  const refuse = (code: string, seen: string, hint?: string): never => {
    throw new DeclarationError({
      code,
      at: playbook.at,
      seen: `playbook ${playbook.name}: ${seen}`,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  const nodes = new Map<string, Node>();
  const children: Record<string, { hosts: Record<string, object> }> = {};
  for (const [group, members] of Object.entries(hosts)) {
    const { error } = groupName.safeParse(group);
    if (error !== undefined) refuse("bad-name", `"${group}" is ${error.issues[0]?.message}`);
    children[group] = { hosts: {} };
    for (const node of [members].flat() as readonly Node[]) {
      if (node?.kind === "host") refuse("no-host", "it is not applied to this machine", "name nodes of an environment");
      if (node?.kind !== "container" && node?.kind !== "vm")
        refuse("no-host", `group ${group}: ${node?.title ?? node} runs nothing`, "name containers and machines");
      const other = nodes.get(node.name);
      if (other !== undefined && other.title !== node.title)
        refuse("claimed-twice", `${other.title} and ${node.title} would both be the host "${node.name}"`);
      nodes.set(node.name, node);
      children[group].hosts[node.name] = {};
    }
  }
  if (nodes.size === 0) refuse("no-host", "it has no host", "name a group with its nodes: { servers: [one, two] }");
  const { all, ...others } = children;
  return {
    nodes,
    groups: Object.keys(children),
    text: JSON.stringify({ all: { hosts: all?.hosts ?? {}, children: others } }),
  };
}

/** `environment/node` of a host; the name itself of one that is none of ours. */
export function titleIn({ nodes }: Pick<Inventory, "nodes">, host: string): string {
  return nodes.get(host)?.title ?? host;
}

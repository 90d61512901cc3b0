// Decides what an environment is: named nodes, their networks and volumes. Data, checked whole before anything is created.
import { z } from "zod";
import { callSite } from "./call-site.ts";
import type { ContainerDeclaration } from "./container.ts";
import { DeclarationError } from "./errors.ts";
import type { ContainerNode } from "./node.ts";
import { nearest, readOptions } from "./options.ts";

export type NodeDeclaration = ContainerDeclaration;

/** The live handle that a declaration becomes. */
export type NodeOf<Declaration extends NodeDeclaration> = Declaration extends ContainerDeclaration
  ? ContainerNode
  : never;

const namePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const network = z.strictObject({
  /** CIDR; chosen by the engine when absent. Needed for fixed addresses. */
  subnet: z.cidrv4().optional(),
  /** No way out of it. */
  internal: z.boolean().default(false),
});
const volumeOptions = z.strictObject({ labels: z.record(z.string(), z.string()).default({}) });

const environmentOptions = z.strictObject({
  networks: z.record(z.string(), network).default({}),
  volumes: z.record(z.string(), volumeOptions).default({}),
  /** What the host must be able to do; where it cannot, tests are skipped with the reason. */
  requires: z.array(z.enum(["selinux", "root"])).default([]),
  nodes: z.record(
    z.string(),
    z.custom<NodeDeclaration>(
      (value) => typeof value === "object" && value !== null && "kind" in value,
      "expected container(…)",
    ),
  ),
});

export type NetworkDeclaration = z.output<typeof network>;
export type Capability = z.output<typeof environmentOptions>["requires"][number];

export interface Environment<Nodes extends Record<string, NodeDeclaration> = Record<string, NodeDeclaration>> {
  readonly kind: "environment";
  readonly name: string;
  readonly nodes: Nodes;
  readonly networks: Readonly<Record<string, NetworkDeclaration>>;
  readonly volumes: Readonly<Record<string, z.output<typeof volumeOptions>>>;
  readonly requires: readonly Capability[];
  readonly at: string | undefined;
}

export interface EnvironmentOptions<Nodes extends Record<string, NodeDeclaration>>
  extends Omit<z.input<typeof environmentOptions>, "nodes"> {
  readonly nodes: Nodes;
}

/**
 * Declares an environment. Every name it uses is looked up here: an unknown network, volume or node, a bad or doubled
 * name, a circle in `after` or `volumesFrom` is a `DeclarationError` with file and line.
 *
 * @example
 * export const dockerSoe = defineEnvironment("docker-soe", {
 *   volumes: { data: {} },
 *   nodes: { soe: container({ image: soe, idle: true, mounts: { "/data": volume("data") } }) },
 * });
 */
export function defineEnvironment<const Nodes extends Record<string, NodeDeclaration>>(
  name: string,
  options: EnvironmentOptions<Nodes>,
): Environment<Nodes> {
  const at = callSite();
  const read = readOptions(`environment ${name}`, environmentOptions, options);
  for (const [what, names] of [
    ["environment", [name]],
    ["node", Object.keys(read.nodes)],
    ["network", Object.keys(read.networks)],
    ["volume", Object.keys(read.volumes)],
  ] as const) {
    for (const each of names) {
      if (!namePattern.test(each) || each.length > 40) {
        throw new DeclarationError({
          code: "bad-name",
          at,
          seen: `"${each}" is not a name for ${what === "environment" ? "an" : "a"} ${what}`,
          hint: "use up to 40 lower-case letters, digits and single hyphens",
        });
      }
      if (what === "node" && each === "host")
        throw new DeclarationError({
          code: "bad-name",
          at,
          seen: `a node cannot be called "host": that is this machine`,
        });
    }
  }
  if (Object.keys(read.nodes).length === 0)
    throw new DeclarationError({ code: "empty-environment", at, seen: `environment ${name} has no node` });
  for (const [nodeName, node] of Object.entries(read.nodes)) lookUp(name, nodeName, node, read);
  claimOnce(name, read);
  startOrder(name, read.nodes, at);
  return {
    kind: "environment",
    name,
    nodes: options.nodes,
    networks: read.networks,
    volumes: read.volumes,
    requires: read.requires,
    at,
  };
}

function lookUp(
  environment: string,
  nodeName: string,
  node: NodeDeclaration,
  known: z.output<typeof environmentOptions>,
): void {
  const need = (what: string, wanted: string, names: readonly string[]) => {
    if (names.includes(wanted)) return;
    const guess = nearest(wanted, names);
    throw new DeclarationError({
      code: `unknown-${what}`,
      at: node.at,
      seen: `${environment}/${nodeName}: there is no ${what} "${wanted}"`,
      hint:
        guess === undefined
          ? `the environment has ${names.length === 0 ? "none" : names.join(", ")}`
          : `did you mean "${guess}"?`,
    });
  };
  for (const each of networkNames(node)) need("network", each, Object.keys(known.networks));
  for (const mount of Object.values(node.mounts))
    if (mount.mount === "volume") need("volume", mount.volume, Object.keys(known.volumes));
  for (const each of startsAfter(node)) need("node", each, Object.keys(known.nodes));
}

/** Fixed addresses and fixed host ports: each is one node's alone, and an address lies in its network. */
function claimOnce(environment: string, known: z.output<typeof environmentOptions>): void {
  const claimed = new Map<string, string>();
  for (const [nodeName, node] of Object.entries(known.nodes)) {
    const title = `${environment}/${nodeName}`;
    const refuse = (code: string, seen: string, hint?: string) => {
      throw new DeclarationError({
        code,
        at: node.at,
        seen: `${title}: ${seen}`,
        ...(hint === undefined ? {} : { hint }),
      });
    };
    const claim = (what: string, say: string) => {
      const other = claimed.get(what);
      if (other !== undefined) refuse("claimed-twice", `${say} is ${other}'s already`);
      claimed.set(what, nodeName);
    };
    for (const [network, { address }] of Array.isArray(node.networks) ? [] : Object.entries(node.networks)) {
      if (address === undefined) continue;
      const { subnet } = known.networks[network] ?? {};
      if (subnet === undefined) refuse("bad-option", `a fixed address needs a subnet on network "${network}"`);
      else if (!contains(subnet, address))
        refuse("bad-address", `${address} is no address for a node in ${subnet}`, "the first one is the gateway's");
      claim(`${network} ${address}`, `address ${address}`);
    }
    for (const port of node.ports) {
      if (typeof port === "number" || port.host === undefined) continue;
      claim(`${port.address}:${port.host}/${port.protocol}`, `host port ${port.address}:${port.host}/${port.protocol}`);
    }
  }
}

/** Whether a node may have the address: in the subnet, and neither the network's own, the gateway's nor the broadcast one. */
function contains(subnet: string, address: string): boolean {
  const asNumber = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base = "", bits = ""] = subnet.split("/");
  const size = 2 ** (32 - Number(bits));
  const first = Math.floor(asNumber(base) / size) * size;
  const place = asNumber(address) - first;
  return place > 1 && place < size - 1;
}

/** Networks a node is on, in order of declaration. */
export function networkNames(node: NodeDeclaration): readonly string[] {
  return Array.isArray(node.networks) ? node.networks : Object.keys(node.networks);
}

/** Nodes that must be there before this one: named in `after` or `volumesFrom`. */
export function startsAfter(node: NodeDeclaration): readonly string[] {
  return [...node.after, ...node.volumesFrom.map((from) => (typeof from === "string" ? from : from.node))];
}

/** Node names such that each comes after those it waits for. A circle is a `DeclarationError` (code `circle`). */
export function startOrder(
  environment: string,
  nodes: Readonly<Record<string, NodeDeclaration>>,
  at?: string,
): readonly string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name))
      throw new DeclarationError({
        code: "circle",
        at,
        seen: `${environment}: nodes wait for each other: ${[...path, name].join(" → ")}`,
      });
    const node = nodes[name];
    if (order.includes(name) || node === undefined) return;
    for (const before of startsAfter(node)) visit(before, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(nodes)) visit(name, []);
  return order;
}

// Decides what an environment is: named nodes, their networks and volumes. Data, checked whole before anything is created.
import { z } from "zod";
import { addressesIn } from "./address-text.ts";
import { callSite } from "./call-site.ts";
import type { ContainerDeclaration } from "./container.ts";
import { DeclarationError } from "./errors.ts";
import { type Declared, expanded, type VmGroup, withCount } from "./group.ts";
import { type NetworkDeclaration, networkOptions, overlapping } from "./network.ts";
import type { ContainerNode, StillNode, VmNode } from "./node.ts";
import { nearest, readOptions } from "./options.ts";
import { expandedPlays, type PlayOptions, playOptions } from "./plays.ts";
import { requirePublishable } from "./publication.ts";
import { shareAlike } from "./shared-directory.ts";
import type { StillDeclaration } from "./still.ts";
import { hasRoomFor, readSubnet } from "./subnet.ts";
import type { VmDeclaration } from "./vm.ts";
import { type VolumeDeclaration, volumeOptions } from "./volume.ts";

export type NodeDeclaration = ContainerDeclaration | VmDeclaration | StillDeclaration;

/** The live handle that a declaration becomes. */
export type NodeOf<Declaration extends Declared<NodeDeclaration>> = Declaration extends ContainerDeclaration
  ? ContainerNode
  : Declaration extends VmDeclaration
    ? VmNode
    : Declaration extends StillDeclaration
      ? StillNode
      : Declaration extends VmGroup
        ? readonly VmNode[]
        : never;

const namePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

const environmentOptions = z.strictObject({
  networks: z.record(z.string(), networkOptions).default({}),
  volumes: z.record(z.string(), volumeOptions).default({}),
  /** What the host must be able to do; where it cannot, tests are skipped with the reason. */
  requires: z.array(z.enum(["selinux", "root", "partition"])).default([]),
  /** Playbooks that are applied once all nodes are ready, in this order, before anybody has them. */
  plays: z.array(playOptions).default([]),
  nodes: z.record(
    z.string(),
    z.custom<Declared<NodeDeclaration>>(
      (value) => typeof value === "object" && value !== null && "kind" in value,
      "expected container(…), vm(…) or stillImage(…)",
    ),
  ),
});

/** What was read of an environment, its groups expanded. */
interface Known extends Omit<z.output<typeof environmentOptions>, "nodes"> {
  readonly nodes: Readonly<Record<string, NodeDeclaration>>;
}

export type Capability = z.output<typeof environmentOptions>["requires"][number];

/** The names of a group's machines are not the compiler's to know. */
type NodesIn<Nodes extends DeclaredNodes> = string extends keyof Nodes
  ? Readonly<Record<string, NodeDeclaration>>
  : { readonly [Name in keyof Nodes as Nodes[Name] extends VmGroup ? never : Name]: Nodes[Name] };
type DeclaredNodes = Record<string, Declared<NodeDeclaration>>;

export interface Environment<Nodes extends DeclaredNodes = DeclaredNodes> {
  readonly kind: "environment";
  readonly name: string;
  /** As they were declared; a group is one. */
  readonly declared: Nodes;
  /** Each by its own name, those of groups too. */
  readonly nodes: NodesIn<Nodes>;
  /** The names of each group's machines, in their order. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  readonly networks: Readonly<Record<string, NetworkDeclaration>>;
  readonly volumes: Readonly<Record<string, VolumeDeclaration>>;
  readonly requires: readonly Capability[];
  /** As they were declared: their hosts may be groups. See `expandedPlays`. */
  readonly plays: readonly PlayOptions[];
  readonly at: string | undefined;
}

export interface EnvironmentOptions<Nodes extends DeclaredNodes>
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
export function defineEnvironment<const Nodes extends DeclaredNodes>(
  name: string,
  options: EnvironmentOptions<Nodes>,
): Environment<Nodes> {
  return define(name, options, callSite());
}

/**
 * The same environment with other numbers of machines in its groups. A group that it does not have is a `DeclarationError`.
 * @example withCounts(studio, { dev: 5 })
 */
export function withCounts(environment: Environment, counts: Readonly<Record<string, number>>): Environment {
  const nodes = { ...environment.declared };
  for (const [name, count] of Object.entries(counts)) {
    const group = nodes[name];
    if (group?.kind !== "vms") {
      const groups = Object.keys(environment.groups);
      const guess = nearest(name, groups);
      throw new DeclarationError({
        code: "unknown-group",
        at: environment.at,
        seen: `${environment.name} has no group "${name}"`,
        hint: guess === undefined ? `it has ${groups.join(", ") || "none"}` : `did you mean "${guess}"?`,
      });
    }
    nodes[name] = withCount(group, count);
  }
  const { networks, volumes, requires, plays } = environment;
  const others = { networks, volumes, requires: [...requires], plays: [...plays] };
  return define(environment.name, { ...others, nodes }, environment.at);
}

function define<const Nodes extends DeclaredNodes>(
  name: string,
  options: EnvironmentOptions<Nodes>,
  at: string | undefined,
): Environment<Nodes> {
  const { nodes: declared, ...others } = readOptions(`environment ${name}`, environmentOptions, options);
  const { nodes, groups } = expanded(name, declared);
  const read: Known = { ...others, nodes };
  for (const [what, names] of [
    ["environment", [name]],
    ["node", [...Object.keys(read.nodes), ...Object.keys(groups)]],
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
  shareAlike(name, read.nodes);
  checkNetworks(name, read, at);
  startOrder(name, read.nodes, at);
  expandedPlays({ name, plays: read.plays, nodes: read.nodes, groups });
  return {
    kind: "environment",
    name,
    declared: options.nodes,
    nodes: nodes as Environment<Nodes>["nodes"],
    groups,
    networks: read.networks,
    volumes: read.volumes,
    requires: read.requires,
    plays: read.plays,
    at,
  };
}

function lookUp(environment: string, nodeName: string, node: NodeDeclaration, known: Known): void {
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
  for (const each of startsAfter(node)) need("node", each, Object.keys(known.nodes));
  if (node.kind !== "container") return;
  for (const mount of Object.values(node.mounts))
    if (mount.mount === "volume") need("volume", mount.volume, Object.keys(known.volumes));
  const refuse = (seen: string) => {
    throw new DeclarationError({ code: "bad-carrier", at: node.at, seen: `${environment}/${nodeName}: ${seen}` });
  };
  if (node.on !== undefined && known.nodes[node.on]?.kind !== "vm")
    refuse(`"${node.on}" is no virtual machine, so no container runs on it`);
  const other = (wanted: string) => known.nodes[wanted];
  for (const each of [...(node.networkFrom === undefined ? [] : [node.networkFrom]), ...addressesIn(node)])
    if (other(each)?.kind !== "container" || (other(each) as ContainerDeclaration).on !== node.on)
      refuse(`"${each}", whose network it names, is no container of the same engine`);
  for (const from of node.volumesFrom) {
    const other = known.nodes[typeof from === "string" ? from : from.node];
    if (other?.kind !== "container" || other.on !== node.on)
      refuse(`volumesFrom names a container of another engine, ${typeof from === "string" ? from : from.node}`);
  }
}

/** The engine that a network or a volume belongs to. */
export type Carrier =
  | { readonly kind: "host" }
  /** `shared`: containers of this machine's are on it too. */
  | { readonly kind: "vm"; readonly shared: boolean }
  | { readonly kind: "on"; readonly vm: string };

/**
 * Whose a network is, by who is on it: `host` for containers of this machine's, a machine's name for containers on it, `vm` for the
 * machines themselves, whose network this machine's containers may be on too. Containers on a machine have their networks in it: one
 * that others are on as well is a `DeclarationError` (code `two-engines`).
 */
export function carrierOf(network: string, nodes: Readonly<Record<string, NodeDeclaration>>, at?: string): Carrier {
  const found = new Map<string, string>();
  for (const [name, node] of Object.entries(nodes)) {
    if (!networkNames(node).includes(network)) continue;
    found.set(
      node.kind === "vm" ? "vm" : node.kind === "image" || node.on === undefined ? "host" : `on ${node.on}`,
      name,
    );
  }
  if (found.has("vm") && found.has("host") && found.size === 2) return { kind: "vm", shared: true };
  const [first = ["host", ""], second] = [...found];
  if (second !== undefined)
    throw new DeclarationError({
      code: "two-engines",
      at,
      seen: `network "${network}" has ${first[1]} and ${second[1]} on it, which lie in different machines`,
      hint: "containers on a machine have their networks in it: give them one of their own",
    });
  if (first[0] === "host") return { kind: "host" };
  return first[0] === "vm" ? { kind: "vm", shared: false } : { kind: "on", vm: first[0].slice(3) };
}

/** Who is on a network can be on it, and this machine can tell its networks apart. */
function checkNetworks(environment: string, { networks, nodes }: Known, at: string | undefined): void {
  const refuse = (code: string, seen: string, hint: string) => {
    throw new DeclarationError({ code, at, seen: `${environment}: ${seen}`, hint });
  };
  const here: Record<string, NetworkDeclaration> = {};
  for (const [name, network] of Object.entries(networks)) {
    const carrier = carrierOf(name, nodes, at);
    const machinesOnly = carrier.kind === "vm" && !carrier.shared;
    if (network.bridge !== undefined && !machinesOnly)
      refuse(
        "bad-bridge",
        `network "${name}" is bridge ${network.bridge}, and not machines alone are on it`,
        "put containers on another one",
      );
    if (network.routed && carrier.kind !== "vm")
      refuse(
        "bad-option",
        `network "${name}" is routed, and no machine is on it`,
        "an engine's own networks are hidden behind this machine or internal",
      );
    if (carrier.kind !== "on") here[name] = network;
    const on = Object.entries(nodes).filter(([, node]) => networkNames(node).includes(name));
    if (network.publish !== undefined)
      requirePublishable({ ...network, environment, network: name, publish: network.publish, nodes, on, at });
  }
  const two = overlapping(here);
  if (two !== undefined)
    refuse(
      "overlapping-subnets",
      `networks "${two[0]}" (${here[two[0]]?.subnet}) and "${two[1]}" (${here[two[1]]?.subnet}) have addresses in common`,
      "give each a subnet of its own, or none",
    );
}

/** The engine a volume belongs to: that of the containers that mount it. */
export function volumeCarrier(volume: string, nodes: Readonly<Record<string, NodeDeclaration>>): string | undefined {
  const user = Object.values(nodes).find(
    (node) =>
      node.kind === "container" &&
      Object.values(node.mounts).some((mount) => mount.mount === "volume" && mount.volume === volume),
  );
  return user?.kind === "container" ? user.on : undefined;
}

/** Fixed addresses and fixed host ports: each is one node's alone, and an address lies in its network. */
function claimOnce(environment: string, known: Known): void {
  const claimed = new Map<string, string>();
  const published: { readonly port: string; readonly address: string; readonly by: string }[] = [];
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
    const addresses: [string, { address?: string | undefined }][] = Array.isArray(node.networks)
      ? []
      : Object.entries(node.networks);
    for (const [network, { address }] of addresses) {
      if (address === undefined) continue;
      const { subnet } = known.networks[network] ?? {};
      if (known.networks[network]?.bridge !== undefined)
        refuse(
          "bad-option",
          `addresses on network "${network}" are not ours to give: it is a bridge of this machine's`,
        );
      else if (subnet === undefined) refuse("bad-option", `a fixed address needs a subnet on network "${network}"`);
      else if (!hasRoomFor(readSubnet(subnet), address))
        refuse("bad-address", `${address} is no address for a node in ${subnet}`, "the first one is the gateway's");
      claim(`${network} ${address}`, `address ${address}`);
    }
    if (node.kind === "image") continue;
    if (node.kind === "vm") {
      if (node.transport === "ssh" && networkNames(node).every((each) => known.networks[each]?.bridge !== undefined))
        refuse(
          "bad-option",
          'transport: "ssh" needs a network whose addresses are known beforehand, and a bridge has none',
        );
      // Two networks may be one bridge of this machine's.
      for (const [network, { mac }] of Array.isArray(node.networks) ? [] : Object.entries(node.networks))
        if (mac !== undefined) {
          const { bridge } = known.networks[network] ?? {};
          claim(`${bridge === undefined ? network : `bridge ${bridge}`} ${mac.toLowerCase()}`, `MAC ${mac}`);
        }
      continue;
    }
    for (const port of node.ports) {
      if (typeof port === "number" || port.host === undefined) continue;
      const { address } = port;
      // Of the machine whose engine runs it.
      const own = `${node.on ?? ""} ${port.host}/${port.protocol}`;
      const meets = (other: string) => other === address || other === "0.0.0.0" || address === "0.0.0.0";
      const other = published.find((each) => each.port === own && meets(each.address));
      if (other !== undefined)
        refuse("claimed-twice", `host port ${address}:${port.host}/${port.protocol} is ${other.by}'s already`);
      published.push({ port: own, address, by: nodeName });
    }
  }
}

/** Networks a node is on, in order of declaration. */
export function networkNames(node: NodeDeclaration): readonly string[] {
  return Array.isArray(node.networks) ? node.networks : Object.keys(node.networks);
}

/** Nodes that must be there before this one: named in `after`, `volumesFrom`, `networkFrom`, an address or `on`. */
export function startsAfter(node: NodeDeclaration): readonly string[] {
  if (node.kind !== "container") return node.after;
  const on = node.on === undefined ? [] : [node.on];
  const from = node.networkFrom === undefined ? [] : [node.networkFrom];
  return [
    ...node.after,
    ...on,
    ...from,
    ...addressesIn(node),
    ...node.volumesFrom.map((from) => (typeof from === "string" ? from : from.node)),
  ];
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
        at: nodes[name]?.at ?? at,
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

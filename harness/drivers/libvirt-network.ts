// Decides how an environment's network is made of libvirt: a bridge of its own, addresses that are known beforehand, names that resolve.
// What is taken is found by looking at routes again, not by reading libvirt's words.
import { createHash } from "node:crypto";
import { ProvisionError } from "../model/errors.ts";
import { overlap, readSubnet, type Subnet, saySubnet } from "../model/subnet.ts";
import type { MadeNetwork } from "./driver.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { candidates, type Plan, planAddresses, routes } from "./libvirt-network-subnet.ts";
import { element, writeLabels } from "./libvirt-xml.ts";
import { subnetsIn } from "./libvirt-xml-read.ts";

/** A node's place: which MAC gets which address, and what the name server calls it. */
export interface NetworkSeat {
  /** Absent for a container: its engine gives it the address. */
  readonly mac?: string | undefined;
  /** Declared, in the declared subnet; else the next free one. */
  readonly address?: string | undefined;
  /** The first is the host name that DHCP gives. */
  readonly names: readonly string[];
}

/** How who is on a network gets out of it: not at all, hidden behind its machine, or with the address that it has. */
export type WayOut = "none" | "nat" | "route";

export interface NetworkFacts {
  readonly name: string;
  /** Whose it is: `labelsOf` of names.ts. */
  readonly labels: Readonly<Record<string, string>>;
  /** At most 15 bytes, as the kernel's names of interfaces are no longer. */
  readonly bridge: string;
  readonly out: WayOut;
  /** What names end with; the name server alone knows it. */
  readonly domain: string;
  readonly subnet: Subnet;
  readonly plan: Plan<NetworkSeat>;
}

/** A network for `createNetwork`. */
export function networkXml({ name, labels, bridge, out, domain, subnet, plan }: NetworkFacts): string {
  const root = element("network");
  root.ele("name").txt(name);
  writeLabels(root, labels);
  if (out !== "none") root.ele("forward", { mode: out });
  // With the spanning tree each card would be mute for its first seconds.
  root.ele("bridge", { name: bridge, stp: "off", delay: "0" });
  root.ele("domain", { name: domain, localOnly: "yes" });
  const dns = root.ele("dns", { forwardPlainNames: "no" });
  for (const { seat, address } of plan.seats) {
    if (seat.names.length === 0) continue;
    const host = dns.ele("host", { ip: address });
    for (const each of seat.names) host.ele("hostname").txt(each);
  }
  const dhcp = root.ele("ip", { address: plan.gateway, prefix: String(subnet.bits) }).ele("dhcp");
  if (plan.strangers !== undefined) dhcp.ele("range", { start: plan.strangers[0], end: plan.strangers[1] });
  for (const { seat, address } of plan.seats) {
    if (seat.mac === undefined) continue;
    const [hostName] = seat.names;
    dhcp.ele("host", { mac: seat.mac, ...(hostName === undefined ? {} : { name: hostName }), ip: address });
  }
  return root.end({ headless: true, prettyPrint: true });
}

/** `as` and 12 hex digits that follow from the name; another for each attempt, as an earlier one may have left its bridge. */
export function bridgeName(name: string, attempt = 0): string {
  const digest = createHash("sha256").update(`bridge ${attempt} ${name}`).digest("hex");
  return `as${digest.slice(0, 12)}`;
}

export interface WantedNetwork {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly out: WayOut;
  readonly domain: string;
  /** CIDR; chosen where absent. */
  readonly subnet?: string | undefined;
  readonly seats: readonly NetworkSeat[];
}

export interface StartedNetwork extends MadeNetwork {
  readonly uuid: string;
  /** By MAC address, lower-case. */
  readonly addresses: ReadonlyMap<string, string>;
}

const mostAttempts = 8;

/**
 * Starts a transient network. Without a declared subnet it gets one that nothing here has, and the next when libvirt finds that
 * one taken. Rejects with `name-taken`, `subnet-taken` (a declared one), `subnet-full`, and what libvirt refuses.
 * @example const { addresses } = await startNetwork(client, { name, labels, out: "nat", seats: [{ mac, names: ["web"] }] });
 */
export async function startNetwork(client: LibvirtClient, wanted: WantedNetwork): Promise<StartedNetwork> {
  // libvirt refuses the same subnet only, and lets one within another's through: neither would then be reached for sure.
  const { subnet: declared } = wanted;
  const ours = declared !== undefined && (await client.networks()).some(({ name }) => name === wanted.name);
  if (declared !== undefined && !ours && (await isTaken(client, readSubnet(declared)))) throw subnetTaken(wanted);
  const here = client.uri.remote ? [] : routes();
  const tried: Subnet[] = [];
  for (let attempt = 0; ; attempt++) {
    const subnet = chosen(wanted, [...here, ...tried]);
    const plan = planAddresses(subnet, wanted.seats);
    if (plan === undefined) throw full(wanted, subnet);
    try {
      const bridge = bridgeName(wanted.name, attempt);
      const uuid = await client.createNetwork(networkXml({ ...wanted, bridge, subnet, plan }));
      const addresses = new Map(
        plan.seats.flatMap(({ seat, address }) => (seat.mac === undefined ? [] : [[seat.mac.toLowerCase(), address]])),
      );
      const names = new Map(plan.seats.flatMap(({ seat, address }) => seat.names.map((name) => [name, address])));
      const { domain } = wanted;
      return { uuid, bridge, domain, subnet: saySubnet(subnet), gateway: plan.gateway, addresses, names };
    } catch (error) {
      if (!(error instanceof ProvisionError) || error.code !== "libvirt-refused") throw error;
      // Somebody may have taken it between the look and the call.
      if (!(await isTaken(client, subnet))) throw error;
      if (wanted.subnet !== undefined) throw subnetTaken(wanted, error);
      if (attempt + 1 === mostAttempts) throw error;
      tried.push(subnet);
    }
  }
}

/** Whether a route of this machine, or a network of libvirt's machine, has some of the subnet now. */
async function isTaken(client: LibvirtClient, subnet: Subnet): Promise<boolean> {
  const up = (await client.networks()).filter(({ active }) => active).map(({ uuid }) => uuid);
  const texts = [...(await client.networkXmls(up)).values()];
  const networks = (await Promise.all(texts.map(subnetsIn))).flat().map(readSubnet);
  return [...(client.uri.remote ? [] : routes()), ...networks].some((other) => overlap(other, subnet));
}

function chosen({ name, subnet }: WantedNetwork, taken: readonly Subnet[]): Subnet {
  if (subnet !== undefined) return readSubnet(subnet);
  for (const candidate of candidates(name, taken)) return candidate;
  throw new ProvisionError({
    code: "subnet-taken",
    phase: "create",
    node: name,
    seen: "routes of this machine cover all of 10.0.0.0/8",
    hint: "declare a subnet for the network",
  });
}

function subnetTaken({ name, subnet }: WantedNetwork, cause?: ProvisionError): ProvisionError {
  return new ProvisionError({
    code: "subnet-taken",
    phase: "create",
    node: name,
    seen: `subnet ${subnet} overlaps a route or a network that is there${cause === undefined ? "" : ` (${cause.seen})`}`,
    hint: "choose another subnet for the network, or leave it out",
    cause,
  });
}

function full({ name, seats }: WantedNetwork, subnet: Subnet): ProvisionError {
  return new ProvisionError({
    code: "subnet-full",
    phase: "create",
    node: name,
    seen: `${seats.length} nodes do not fit into ${saySubnet(subnet)}`,
    hint: "declare a larger subnet, or leave it out",
  });
}

// Decides how machines come to a network that is up already, and leave it while others stay: a reservation, names both ways, and what the
// DHCP server remembers. Whoever sits there keeps address and names, whatever order they are declared in now.
import { ProvisionError } from "../model/errors.ts";
import { readSubnet, saySubnet } from "../model/subnet.ts";
import type { MadeNetwork } from "./driver.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { releaseLease } from "./libvirt-dhcp-release.ts";
import type { NetworkSeat } from "./libvirt-network.ts";
import { planAddresses, type Seated } from "./libvirt-network-subnet.ts";
import { element } from "./libvirt-xml.ts";
import { cardsIn, liveNetworkIn, subnetsIn } from "./libvirt-xml-read.ts";

/** A network with everybody on it. */
export interface JoinedNetwork extends MadeNetwork {
  /** By MAC address, lower-case. */
  readonly addresses: ReadonlyMap<string, string>;
}

/**
 * Gives those of `seats` an address and names who have none yet: the declared address, else one that is neither anybody's nor still leased to
 * anybody. Rejects with `network-gone`, `subnet-full`, `address-taken`, and what libvirt refuses. Idempotent.
 */
export async function joinNetwork(
  client: LibvirtClient,
  name: string,
  seats: readonly NetworkSeat[],
): Promise<JoinedNetwork> {
  const xml = await client.networkXml(name);
  if (xml === undefined)
    throw new ProvisionError({
      code: "network-gone",
      phase: "create",
      node: name,
      seen: `there is no network ${name}`,
    });
  const [live, [cidr = ""], leases] = await Promise.all([liveNetworkIn(xml), subnetsIn(xml), client.leases(name)]);
  const subnet = readSubnet(cidr);
  const sits = seats.map((seat) => ({ seat, at: addressOf(seat, live) }));
  const known = new Set(sits.flatMap(({ at }) => at ?? []));
  const others = [...live.names.keys(), ...live.addresses.values(), ...leases.map(({ address }) => address)];
  const taken = [...new Set(others)].filter((address) => !known.has(address));
  const plan = planAddresses(subnet, [
    ...sits.map(({ seat, at }) => ({ address: at ?? seat.address, seat, isNew: at === undefined })),
    ...taken.map((address) => ({ address, seat: undefined, isNew: false })),
  ]);
  if (plan === undefined)
    throw new ProvisionError({
      code: "subnet-full",
      phase: "create",
      node: name,
      seen: `${seats.length} nodes do not fit into ${saySubnet(subnet)} beside what has an address there`,
      hint: "ask for fewer, or stand it up anew: assay up … --replace",
    });
  const all = plan.seats.flatMap(({ seat: { seat, isNew }, address }) =>
    seat === undefined ? [] : [{ seat, address, isNew }],
  );
  for (const { seat, address, isNew } of all) if (isNew) await take(client, name, { seat, address }, taken);
  return {
    bridge: live.bridge,
    domain: live.domain,
    subnet: saySubnet(subnet),
    gateway: plan.gateway,
    names: new Map(all.flatMap(({ seat, address }) => seat.names.map((each) => [each, address]))),
    addresses: new Map(
      all.flatMap(({ seat, address }) => (seat.mac === undefined ? [] : [[seat.mac.toLowerCase(), address]])),
    ),
  };
}

type Live = Awaited<ReturnType<typeof liveNetworkIn>>;

/** Where somebody sits already: by the card's MAC, else, for a container, by the name. */
function addressOf({ mac, names }: NetworkSeat, live: Live): string | undefined {
  if (mac !== undefined) return live.addresses.get(mac.toLowerCase());
  const [first = ""] = names;
  return [...live.names].find(([, called]) => called.includes(first))?.[0];
}

/** The reservation first: by its MAC `leaveNetwork` knows afterwards whose the names are. */
async function take(
  client: LibvirtClient,
  network: string,
  { seat, address }: Seated<NetworkSeat>,
  taken: readonly string[],
): Promise<void> {
  const [hostName] = seat.names;
  if (seat.address !== undefined && taken.includes(address))
    throw new ProvisionError({
      code: "address-taken",
      phase: "create",
      node: network,
      seen: `${address}, declared for ${hostName ?? seat.mac}, is somebody else's on the network`,
      hint: "declare another address, or stand it up anew: assay up … --replace",
    });
  if (seat.mac !== undefined)
    await client.updateNetwork(network, "add", "ip-dhcp-host", reservation(seat.mac, address, hostName));
  if (hostName !== undefined) await client.updateNetwork(network, "add", "dns-host", namesOf(address, seat.names));
}

/**
 * Takes reservation, names and lease from every MAC on the network that no domain has a card of any more. Idempotent. Rejects with what
 * libvirt refuses; a lease that the DHCP server keeps is none of that: it runs out by itself.
 */
export async function leaveNetwork(client: LibvirtClient, name: string): Promise<void> {
  const xml = await client.networkXml(name);
  if (xml === undefined) return;
  const domains = await client.domains();
  const texts = await client.domainXmls(domains.map(({ uuid }) => uuid));
  const cards = (await Promise.all([...texts.values()].map(cardsIn))).flat();
  const here = new Set(cards.filter(({ network }) => network === name).map(({ mac }) => mac));
  const { addresses, names } = await liveNetworkIn(xml);
  const [cidr = ""] = await subnetsIn(xml);
  for (const [mac, address] of addresses) {
    if (here.has(mac)) continue;
    const called = names.get(address);
    if (called !== undefined) await client.updateNetwork(name, "delete", "dns-host", namesOf(address, called));
    await client.updateNetwork(name, "delete", "ip-dhcp-host", reservation(mac, address));
  }
  const leased = (await client.leases(name)).filter(({ mac }) => !here.has(mac));
  for (const { mac, address } of leased) await releaseLease(client, { network: name, cidr, mac, address });
}

function reservation(mac: string, address: string, name?: string): string {
  return element("host", { mac, ...(name === undefined ? {} : { name }), ip: address }).end({ headless: true });
}

function namesOf(address: string, names: readonly string[]): string {
  const host = element("host", { ip: address });
  for (const each of names) host.ele("hostname").txt(each);
  return host.end({ headless: true });
}

// Decides what is read out of libvirt's XML, by XPath. Refuses entities and files from outside, as the parser does by itself.
import type { XmlDocument } from "libxml2-wasm";
import type { QemuUser } from "./libvirt-client.ts";
import { labelsNamespace } from "./libvirt-xml.ts";

/** Name and UUID of a domain or a network. Rejects for what is no XML or has no name. */
export async function identityIn(xml: string): Promise<{ readonly name: string; readonly uuid: string | undefined }> {
  return reading(xml, (document) => {
    const name = text(document, "/*/name");
    if (name === undefined) throw new Error("the XML has no name");
    return { name, uuid: text(document, "/*/uuid") };
  });
}

/** What `writeLabels` wrote; empty where nothing is ours. */
export async function labelsIn(xml: string): Promise<Readonly<Record<string, string>>> {
  return reading(xml, (document) => {
    const labels = document.find("/*/metadata/a:labels/a:label", { a: labelsNamespace });
    const pairs = labels.map((label) => [label.get("@name")?.content ?? "", label.content] as const);
    return Object.fromEntries(pairs.filter(([name]) => name !== ""));
  });
}

/** Whom the DAC driver starts QEMU as, of `virsh capabilities`: `+64055:+64055`. `undefined` where it starts nobody else. */
export async function qemuUserIn(xml: string): Promise<QemuUser | undefined> {
  return reading(xml, (document) => {
    const label = text(document, "/capabilities/host/secmodel[model='dac']/baselabel");
    const match = /^\+?(\d+):\+?(\d+)$/.exec(label ?? "");
    return match === null ? undefined : { uid: Number(match[1]), gid: Number(match[2]) };
  });
}

/** Files of all disks of a live domain, by target name, CDs among them. */
export async function disksIn(xml: string): Promise<ReadonlyMap<string, string>> {
  return reading(xml, (document) => {
    const disks = document.find("/domain/devices/disk[source/@file]");
    return new Map(
      disks.map((disk) => [disk.get("target/@dev")?.content ?? "", disk.get("source/@file")?.content ?? ""] as const),
    );
  });
}

/** Addresses that a network's DHCP server keeps for machines, by MAC address in lower case. */
export async function addressesIn(xml: string): Promise<ReadonlyMap<string, string>> {
  return reading(xml, (document) => {
    const hosts = document.find("/network/ip/dhcp/host[@mac and @ip]");
    return new Map(
      hosts.map((host) => [host.get("@mac")?.content.toLowerCase() ?? "", host.get("@ip")?.content ?? ""] as const),
    );
  });
}

/** A network as it is. */
export interface LiveNetwork {
  readonly bridge: string;
  readonly domain: string;
  /** What its name server calls each address, in order. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** By MAC address, lower-case. */
  readonly addresses: ReadonlyMap<string, string>;
}

export async function liveNetworkIn(xml: string): Promise<LiveNetwork> {
  const addresses = await addressesIn(xml);
  return reading(xml, (document) => ({
    bridge: document.get("/network/bridge/@name")?.content ?? "",
    domain: document.get("/network/domain/@name")?.content ?? "",
    names: new Map(
      document
        .find("/network/dns/host[@ip]")
        .map((host) => [host.get("@ip")?.content ?? "", host.find("hostname").map(({ content }) => content)] as const),
    ),
    addresses,
  }));
}

/** Cards of a domain, by the network that each is on, with its MAC address in lower case. */
export async function cardsIn(xml: string): Promise<readonly { readonly network: string; readonly mac: string }[]> {
  return reading(xml, (document) =>
    document.find("/domain/devices/interface[source/@network and mac/@address]").map((card) => ({
      network: card.get("source/@network")?.content ?? "",
      mac: card.get("mac/@address")?.content.toLowerCase() ?? "",
    })),
  );
}

/** IPv4 subnets of a network as CIDR, by the address of its bridge: `10.3.4.1/24`. */
export async function subnetsIn(xml: string): Promise<readonly string[]> {
  return reading(xml, (document) =>
    document.find("/network/ip[not(@family) or @family='ipv4'][@address]").map((ip) => {
      const mask = ip.get("@netmask")?.content.split(".") ?? [];
      const ones = mask.map((byte) => Number(byte).toString(2).replaceAll("0", "").length);
      const bits = ip.get("@prefix")?.content ?? String(ones.reduce((sum, each) => sum + each, 0));
      return `${ip.get("@address")?.content}/${bits}`;
    }),
  );
}

async function reading<Answer>(xml: string, read: (document: XmlDocument) => Answer): Promise<Answer> {
  const { XmlDocument } = await import("libxml2-wasm");
  const document = XmlDocument.fromString(xml);
  try {
    return read(document);
  } finally {
    document.dispose();
  }
}

function text(document: XmlDocument, path: string): string | undefined {
  return document.get(path)?.content;
}

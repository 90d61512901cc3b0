// Decides which addresses a guest's cards have, by its kernel's own tables, so that no tool is needed in it; and waits until they are those
// that its networks give.
import { shell } from "../model/exec.ts";
import { readSubnet } from "../model/subnet.ts";
import { untilMet } from "../model/until-met.ts";
import type { Transport } from "../transports/transport.ts";
import type { Lease } from "./libvirt-client.ts";
import { routesIn } from "./libvirt-network-subnet.ts";
import type { Doing } from "./libvirt-ready.ts";
import type { InterfaceFacts } from "./libvirt-xml-facts.ts";

/** A machine's place on a network. */
export interface Card extends InterfaceFacts {
  /** As the environment calls the network. */
  readonly declared: string;
  /** What the network's DHCP server reserves for it; nobody knows on a bridge of this machine's. */
  readonly address: string | undefined;
}

export const addressTables = `for card in /sys/class/net/*; do
  IFS= read -r mac <"$card/address" && echo "card \${card##*/} $mac"
done
echo routes
while IFS= read -r line; do echo "$line"; done </proc/net/route
echo addresses
while IFS= read -r line; do echo "$line"; done </proc/net/fib_trie`;

/**
 * IPv4 addresses by MAC, of what `addressTables` printed. A card has an address when the address is the kernel's own, and lies in a subnet
 * that it reaches through that card without a gateway. A bridge has the MAC of a card in it, and is where that card's addresses are.
 * @see https://docs.kernel.org/networking/fib_trie.html
 */
export function readAddresses(text: string): ReadonlyMap<string, readonly string[]> {
  const [cards = "", rest = ""] = text.split("\nroutes\n");
  const [routes = "", tables = ""] = rest.split("\naddresses\n");
  const own = new Set([...tables.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL$/gm)].map(([, address = ""]) => address));
  const reached = routesIn(routes).filter(({ direct }) => direct);
  const found = new Map<string, readonly string[]>();
  for (const [, card = "", mac = ""] of cards.matchAll(/^card (\S+) (\S+)$/gm)) {
    const mine = reached.filter((route) => route.card === card);
    const inside = (address: string) => mine.some(({ base, bits }) => readSubnet(`${address}/${bits}`).base === base);
    const key = mac.toLowerCase();
    found.set(key, [...(found.get(key) ?? []), ...[...own].filter(inside)]);
  }
  return found;
}

export interface Addressed {
  readonly cards: readonly Card[];
  readonly transport: Pick<Transport, "exec">;
  /** What a network of libvirt's has given out. */
  readonly leases: (network: string) => Promise<readonly Lease[]>;
  readonly signal: AbortSignal;
  readonly doing: Doing;
}

/** Resolves with each card's address, by network, once all have one that is theirs. The kernel tells nobody of it: asked again and again. */
export async function untilAddressed(wanted: Addressed): Promise<ReadonlyMap<string, string>> {
  const { cards, transport, leases, signal, doing } = wanted;
  let had = new Map<string, string>();
  const ask = async () => {
    const { stdout } = await transport.exec(shell(addressTables));
    const addresses = readAddresses(stdout);
    const without: string[] = [];
    had = new Map();
    for (const card of cards) {
      const seen = addresses.get(card.mac.toLowerCase()) ?? [];
      const fits = card.address === undefined ? seen[0] : seen.find((each) => each === card.address);
      if (fits === undefined) without.push(await sayWithout(card, addresses.has(card.mac.toLowerCase()), seen, leases));
      else had.set(card.declared, fits);
    }
    return { met: without.length === 0, expected: "", seen: without.join("; ") };
  };
  await untilMet(signal, ask, doing);
  return had;
}

async function sayWithout(
  { declared, mac, address, source }: Card,
  known: boolean,
  seen: readonly string[],
  leases: Addressed["leases"],
): Promise<string> {
  const wanted = address === undefined ? "any" : address;
  const has = known ? seen.join(", ") || "none" : "no such card";
  const on = "bridge" in source ? `bridge ${source.bridge}` : "the network's DHCP server";
  const given =
    "bridge" in source
      ? "its addresses are not ours to know"
      : await leases(source.network).then(
          (all) => all.find((lease) => lease.mac === mac.toLowerCase())?.address ?? "none",
          () => "an unknown one",
        );
  const told = "bridge" in source ? `${on}: ${given}` : `${on} gave it ${given}`;
  return `on "${declared}" (${mac}) it should have ${wanted} and has ${has}; ${told}`;
}

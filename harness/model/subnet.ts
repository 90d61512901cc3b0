// Decides what an IPv4 subnet is, and when two of them have an address in common. Numbers and text; nothing is asked of anybody.

/** An IPv4 network: its first address as a number, and how many bits of it are fixed. */
export interface Subnet {
  readonly base: number;
  readonly bits: number;
}

/** `10.3.0.0/24`, wherever in the subnet the address lies. */
export function readSubnet(text: string): Subnet {
  const [address = "", bits = "32"] = text.split("/");
  const size = 2 ** (32 - Number(bits));
  return { base: Math.floor(addressNumber(address) / size) * size, bits: Number(bits) };
}

export function sayAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export function saySubnet({ base, bits }: Subnet): string {
  return `${sayAddress(base)}/${bits}`;
}

export function overlap(one: Subnet, other: Subnet): boolean {
  const size = 2 ** (32 - Math.min(one.bits, other.bits));
  return Math.floor(one.base / size) === Math.floor(other.base / size);
}

/** Whether a node may have the address: in the subnet, and neither the network's own, the gateway's nor the broadcast one. */
export function hasRoomFor({ base, bits }: Subnet, address: string): boolean {
  const place = addressNumber(address) - base;
  return place > 1 && place < 2 ** (32 - bits) - 1;
}

/** @example addressNumber("0.0.1.2") // 258 */
export function addressNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

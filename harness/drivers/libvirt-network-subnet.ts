// Decides which IPv4 subnet a network without a declared one gets, and who sits where in it. Pure, but for reading this machine's routes.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { addressNumber, overlap, type Subnet, sayAddress } from "../model/subnet.ts";

export interface Route extends Subnet {
  readonly card: string;
  /** Who is there is reached through nobody else. */
  readonly direct: boolean;
}

/** Subnets that a machine has a way to, of the text of /proc/net/route; the default route covers everything and is none. */
export function routesIn(text: string): readonly Route[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(({ length }) => length > 7)
    .map((fields) => ({
      card: fields[0] ?? "",
      direct: fields[2] === "00000000",
      base: swapped(fields[1] ?? ""),
      bits: ones(swapped(fields[7] ?? "")),
    }))
    .filter(({ bits }) => bits > 0);
}

/** This machine's, now. */
export function routes(): readonly Subnet[] {
  return routesIn(readFileSync("/proc/net/route", "utf8"));
}

/**
 * Subnets that a network of this name may have, best first: /24s of 10.0.0.0/8 in an order that follows from the name, so that runs side
 * by side seldom want the same. What overlaps a `taken` one is left out.
 */
export function* candidates(name: string, taken: readonly Subnet[]): Generator<Subnet> {
  const start = createHash("sha256").update(`subnet ${name}`).digest().readUInt16BE();
  // An odd step goes through all 65536 before it comes back.
  const step = 2 * createHash("sha256").update(`step ${name}`).digest().readUInt16BE() + 1;
  for (let index = 0; index < 65536; index++) {
    const subnet = { base: addressNumber("10.0.0.0") + ((start + index * step) % 65536) * 256, bits: 24 };
    if (!taken.some((other) => overlap(other, subnet))) yield subnet;
  }
}

export interface Seated<Seat> {
  readonly seat: Seat;
  readonly address: string;
}

export interface Plan<Seat> {
  readonly gateway: string;
  readonly seats: readonly Seated<Seat>[];
  /** For guests that are nobody's: the upper half, where it has room and nobody sits there. */
  readonly strangers: readonly [string, string] | undefined;
}

/** Gives everybody an address: the declared one, else the next free one after the gateway's. `undefined` where they do not fit. */
export function planAddresses<Seat extends { readonly address?: string | undefined }>(
  { base, bits }: Subnet,
  seats: readonly Seat[],
): Plan<Seat> | undefined {
  const last = base + 2 ** (32 - bits) - 2;
  const used = new Set(seats.flatMap(({ address }) => (address === undefined ? [] : [addressNumber(address)])));
  let next = base + 2;
  const free = () => {
    while (used.has(next)) next++;
    used.add(next);
    return next;
  };
  const seated = seats.map((seat) => ({
    seat,
    number: seat.address === undefined ? free() : addressNumber(seat.address),
  }));
  if (last < base + 1 || seated.some(({ number }) => number <= base + 1 || number > last)) return undefined;
  const half = Math.max(base + 2 ** (31 - bits), ...used) + (used.size === 0 ? 0 : 1);
  return {
    gateway: sayAddress(base + 1),
    seats: seated.map(({ seat, number }) => ({ seat, address: sayAddress(number) })),
    strangers: half < last ? [sayAddress(half), sayAddress(last)] : undefined,
  };
}

/** Eight hex digits of a number that the kernel wrote in the other order of bytes. */
function swapped(hex: string): number {
  const bytes = Buffer.from(hex.padStart(8, "0"), "hex");
  return bytes.readUInt32LE();
}

function ones(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}

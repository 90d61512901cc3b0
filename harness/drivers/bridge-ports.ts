// Decides which port of this machine's bridges leads to a node's card, as the kernel shows it. Only looks.
import { readdirSync, readFileSync } from "node:fs";

const interfaces = "/sys/class/net";

/** A card as its own side sees it. */
export interface Peer {
  readonly mac: string;
  /** Its number there. */
  readonly index: number;
  /** The number, here, of the interface at its other end. */
  readonly peer: number;
}

/** What `/proc/<pid>/net` cannot tell and the container's own /sys does: cards of the network that a process is in. */
export function cardsOf(pid: number): readonly Peer[] {
  const inside = `/proc/${pid}/root${interfaces}`;
  return list(inside).flatMap((name) => {
    const mac = textOf(`${inside}/${name}/address`);
    const [index, peer] = ["ifindex", "iflink"].map((each) => Number(textOf(`${inside}/${name}/${each}`)));
    return mac === undefined || !index || !peer ? [] : [{ mac: mac.toLowerCase(), index, peer }];
  });
}

/** The bridge's port at the other end; `undefined` where this machine has none, as for a container of another network namespace. */
export function portOf({ index, peer }: Peer): string | undefined {
  const number = (name: string, of: string) => Number(textOf(`${interfaces}/${name}/${of}`));
  return ports().find((name) => number(name, "ifindex") === peer && number(name, "iflink") === index);
}

/**
 * The port of a machine's card, on any bridge or on this one: libvirt gives it the card's address but for the first byte, which is the
 * highest there is.
 */
export function portOfMachine(mac: string, bridge?: string): string | undefined {
  const tap = `fe${mac.slice(2).toLowerCase()}`;
  const among = bridge === undefined ? ports() : list(`${interfaces}/${bridge}/brif`);
  return among.find((name) => textOf(`${interfaces}/${name}/address`) === tap);
}

function ports(): readonly string[] {
  return list(interfaces).filter((name) => list(`${interfaces}/${name}/brport`).length > 0);
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

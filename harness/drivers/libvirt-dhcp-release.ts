// Decides how a DHCP server forgets the lease of a machine that is gone and cannot say so: by the machine's own words (DHCPRELEASE, RFC 2131),
// said by its host. libvirt has no verb for it, and a name that was leased would resolve for another hour.
import { createSocket } from "node:dgram";
import { setTimeout as pause } from "node:timers/promises";
import { readSubnet, sayAddress } from "../model/subnet.ts";
import type { LibvirtClient } from "./libvirt-client.ts";

export interface Leased {
  readonly network: string;
  /** Its bridge's address: `10.3.4.1/24`. */
  readonly cidr: string;
  readonly mac: string;
  readonly address: string;
}

const serverPort = 67;
/** A datagram may be lost, and the server tells libvirt of what it did by a program of its own. */
const patience = [50, 100, 200, 400, 800];

/** Resolves when the lease is gone, or the server does not let it go: it runs out by itself then. Never rejects. */
export async function releaseLease(client: LibvirtClient, leased: Leased): Promise<void> {
  // The server of another machine is not on a bridge of this one.
  if (client.uri.remote) return;
  for (const waitMs of patience) {
    await said(leased).catch(() => undefined);
    await pause(waitMs);
    const leases = await client.leases(leased.network).catch(() => []);
    if (!leases.some(({ mac, address }) => mac === leased.mac && address === leased.address)) return;
  }
}

/** To everybody on the bridge: only so does it come in by the bridge, where the server listens, and not by this machine's loopback. */
async function said({ cidr, mac, address }: Leased): Promise<void> {
  const [server = ""] = cidr.split("/");
  const { base, bits } = readSubnet(cidr);
  const everybody = sayAddress(base + 2 ** (32 - bits) - 1);
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.bind(0, server, () => {
        socket.setBroadcast(true);
        socket.send(releaseMessage({ server, mac, address }), serverPort, everybody, (error) =>
          error === null ? resolve() : reject(error),
        );
      });
    });
  } finally {
    socket.close();
  }
}

/** Without a client's identifier, which nobody here knows: the server then goes by the MAC address. */
export function releaseMessage({ server, mac, address }: { server: string; mac: string; address: string }): Buffer {
  const message = Buffer.alloc(300);
  message.set([1, 1, 6]); // a request, by ethernet, whose addresses have 6 bytes
  message.writeUInt32BE(Date.now() % 2 ** 32, 4);
  message.set(bytesOf(address), 12);
  message.set(
    mac.split(":").map((byte) => Number.parseInt(byte, 16)),
    28,
  );
  message.set([0x63, 0x82, 0x53, 0x63], 236);
  // 53: the kind of message, 7 is a release; 54: which server is meant.
  message.set([53, 1, 7, 54, 4, ...bytesOf(server), 255], 240);
  return message;
}

function bytesOf(address: string): number[] {
  return address.split(".").map(Number);
}

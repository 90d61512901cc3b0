// Decides what libvirt itself leaves of a network that was taken away (seen with 9.0): its name server's pid file and the directory of its
// ports. Removes those of one network by name, and nothing else of libvirt's.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { LibvirtUri } from "./libvirt-client-uri.ts";

/** Of this machine's daemon; elsewhere its files are not ours to reach. */
const networks = "/run/libvirt/network";

/** Removes them after the network is gone. Whoever may not, as a member of the group libvirt, leaves them: they go with the next boot. */
export async function sweepNetwork({ text }: LibvirtUri, name: string): Promise<void> {
  if (text !== "qemu:///system" || name.includes("/")) return;
  const left = [join(networks, `${name}.pid`), join(networks, name)];
  await Promise.allSettled(left.map((path) => rm(path, { recursive: true, force: true })));
}

// Decides what an environment needs of libvirt, and what its machines' domains, files, ports and addresses are called.
// Everything follows from the stand-up's names, so that it is known before it is made and is the same each time.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { carrierOf, networkNames, startOrder, startsAfter } from "../model/environment.ts";
import { ProvisionError } from "../model/errors.ts";
import { shortNamesOn } from "../model/publication.ts";
import type { VmDeclaration } from "../model/vm.ts";
import type { PlannedResource, Standing } from "./driver.ts";
import type { NetworkSeat } from "./libvirt-network.ts";
import { resourceName } from "./names.ts";

/** The kernel's `sun_path` without its final NUL. */
export const longestSocketPath = 107;

/** A label beside those of names.ts: libvirt keeps no date of what is transient. */
export const createdLabel = "dev.assay.created";

/** The declarations of the environment's machines, by node name, in the order in which they may start. */
export function machinesOf(standing: Standing): ReadonlyMap<string, VmDeclaration> {
  const { name, nodes } = standing.environment;
  const found = new Map<string, VmDeclaration>();
  for (const node of startOrder(name, nodes)) {
    const declaration = nodes[node];
    if (declaration?.kind === "vm") found.set(node, declaration);
  }
  return found;
}

/** Networks first, then for each machine its directory and its domain, in the order in which they may start. */
export function planOf(standing: Standing): readonly PlannedResource[] {
  const { environment } = standing;
  const machines = machinesOf(standing);
  const networks = Object.keys(environment.networks)
    .filter((name) => made(standing, name) && carrierOf(name, environment.nodes).kind === "vm")
    .map((name) => ({
      driver: "libvirt",
      kind: "network" as const,
      name: resourceName(standing, `net_${name}`),
      needs: [],
    }));
  const domains = [...machines].flatMap(([node, declaration]): PlannedResource[] => {
    const directory = directoryOf(standing, node);
    const needs = [
      directory,
      ...networkNames(declaration)
        .filter((name) => made(standing, name))
        .map((name) => resourceName(standing, `net_${name}`)),
      ...startsAfter(declaration).map((name) => resourceName(standing, name)),
    ];
    return [
      { driver: "libvirt", kind: "directory", name: directory, node, needs: [] },
      { driver: "libvirt", kind: "domain", name: resourceName(standing, node), node, needs },
    ];
  });
  return [...networks, ...domains];
}

/** Whether a network is ours to make: else it is a bridge that is there. */
function made({ environment }: Standing, network: string): boolean {
  return environment.networks[network]?.bridge === undefined;
}

/** The one directory in which all files of a machine lie: overlay, disks, seed, console log, sockets. */
export function directoryOf(standing: Standing, node: string): string {
  return join(standing.directory, node);
}

/** What lies in a machine's directory. Names of sockets are short: the kernel allows 107 bytes for the whole path. */
export function filesIn(directory: string) {
  return {
    directory,
    overlay: join(directory, "disk.qcow2"),
    disk: (name: string) => join(directory, `disk-${name}.qcow2`),
    seed: join(directory, "seed.iso"),
    initrd: join(directory, "initrd"),
    nvram: join(directory, "nvram.fd"),
    console: join(directory, "console.log"),
    consoleSocket: join(directory, "tty"),
    qmp: join(directory, "qmp"),
    tpm: join(directory, "tpm"),
    tpmSocket: join(directory, "tpm-sock"),
    tpmLock: join(directory, "tpm-lock"),
    xml: join(directory, "domain.xml"),
  };
}
export type MachineFiles = ReturnType<typeof filesIn>;

/** Rejects, before anything is made, a directory whose sockets could not be bound. */
export function socketsFit(node: string, sockets: readonly string[]): void {
  const longest = [...sockets].sort((a, b) => Buffer.byteLength(b) - Buffer.byteLength(a))[0] ?? "";
  const bytes = Buffer.byteLength(longest);
  if (bytes <= longestSocketPath) return;
  throw new ProvisionError({
    code: "path-too-long",
    phase: "declare",
    node,
    seen: `the machine's socket ${longest} has ${bytes} bytes, and a unix socket's path has at most ${longestSocketPath}`,
    hint: "choose a shorter state directory with ASSAY_STATE, or a shorter node name",
  });
}

/** The domain's UUID: of the name, so that a repeated create is refused by libvirt, and no two machines share one. */
export function uuidOf(name: string): string {
  const bytes = createHash("sha256").update(`domain ${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80; // version 8: of the maker's own making
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The MAC address of a machine on a network: the declared one, else one in QEMU's range that follows from the names. */
export function macOf(standing: Standing, node: string, network: string): string {
  const { networks } = machinesOf(standing).get(node) ?? { networks: [] };
  const declared = Array.isArray(networks)
    ? undefined
    : (networks as Readonly<Record<string, { mac?: string | undefined }>>)[network]?.mac;
  if (declared !== undefined) return declared.toLowerCase();
  const digest = createHash("sha256")
    .update(`mac ${resourceName(standing, node)} ${network}`)
    .digest();
  return `52:54:00:${[...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

/** Who is on a network, in the order of declaration: machines, and this machine's containers where they share it. */
export function seatsOn(standing: Standing, network: string): readonly NetworkSeat[] {
  return Object.entries(standing.environment.nodes).flatMap(([node, declaration]): NetworkSeat[] => {
    if (declaration.kind === "image" || !networkNames(declaration).includes(network)) return [];
    const { networks } = declaration;
    const { address }: { address?: string | undefined } =
      (Array.isArray(networks) ? undefined : networks[network]) ?? {};
    const mac = declaration.kind === "vm" ? macOf(standing, node, network) : undefined;
    return [{ mac, address, names: shortNamesOn(network, node, declaration) }];
  });
}

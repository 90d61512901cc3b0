// Decides how the harness gets a shell in a guest, by what its declaration allows: which bytes are put beside it, which ports it
// is given, and who greets. Writes nothing on the disk under test.
import { join } from "node:path";
import type { VmFacts } from "../model/node.ts";
import type { VmDeclaration } from "../model/vm.ts";
import { initrdAddition } from "../transports/guest-access.ts";
import { GuestPorts } from "../transports/guest-ports.ts";
import { guestSlots, portPrefix } from "../transports/guest-shell.ts";
import { ShellTransport } from "../transports/shell-transport.ts";
import type { Standing } from "./driver.ts";
import type { ConsoleLog } from "./libvirt-console.ts";
import type { Injected } from "./libvirt-files.ts";
import type { MachineFiles } from "./libvirt-names.ts";
import type { ChannelFacts } from "./libvirt-xml-facts.ts";

/** The connection to one guest's shell. */
export class GuestTransport extends ShellTransport {
  readonly ports: GuestPorts;

  constructor(ports: GuestPorts) {
    super(ports);
    this.ports = ports;
  }

  /** The ports first: a guest that hangs would never say that what ran in it has ended. */
  override async close(): Promise<void> {
    this.ports.close();
    await super.close();
  }
}

/** How one machine is reached. */
export interface GuestAccess {
  readonly way: VmFacts["access"];
  readonly injected: Injected;
  /** Words for the kernel's command line. */
  readonly kernelArguments: readonly string[];
  readonly channels: readonly ChannelFacts[];
  /** A connection to the guest of the QEMU that runs now. */
  connect(): GuestTransport;
  /** Resolves with the boot's id when the guest's shell greets; types at the console first where that is the way in. */
  greeted(transport: GuestTransport, console: ConsoleLog, signal: AbortSignal): Promise<string>;
}

/** The way in that a declaration asks for, or that is the least intrusive one it allows. */
export function wayIn(declaration: VmDeclaration): VmFacts["access"] {
  const { access, boot, seed } = declaration;
  if (typeof access === "object") return "console";
  if (access !== undefined) return access;
  return boot === "kernel" && seed === undefined ? "initrd" : "seed";
}

/**
 * Slots of a machine. Every container that it carries has shells of its own, each a connection to the engine there, and so a
 * program that holds a slot for as long as the container is up: one for commands, one for observations.
 */
export function slotsOf({ environment }: Pick<Standing, "environment">, machine: string): number {
  const carried = Object.values(environment.nodes).filter((node) => node.kind === "container" && node.on === machine);
  return guestSlots + 2 * carried.length;
}

/** Sockets of a machine's ports: the control port's first. */
export function portsIn(
  directory: string,
  count: number,
): { control: string; slots: { in: string; out: string; err: string }[] } {
  const slot = (_: unknown, index: number) => ({
    in: join(directory, `${index + 1}i`),
    out: join(directory, `${index + 1}o`),
    err: join(directory, `${index + 1}e`),
  });
  return { control: join(directory, "c"), slots: Array.from({ length: count }, slot) };
}

export function accessOf(title: string, declaration: VmDeclaration, files: MachineFiles, count: number): GuestAccess {
  const way = wayIn(declaration);
  const { control, slots } = portsIn(files.directory, count);
  return {
    way,
    injected: way === "initrd" ? { cpio: initrdAddition() } : {},
    kernelArguments: [],
    channels: [
      { name: `${portPrefix}control`, path: control },
      ...slots.flatMap((slot, index) =>
        (["in", "out", "err"] as const).map((stream) => ({
          name: `${portPrefix}${index + 1}.${stream}`,
          path: slot[stream],
        })),
      ),
    ],
    connect: () => new GuestTransport(new GuestPorts({ node: title, control, slots })),
    async greeted(transport, _console, _signal) {
      return (await transport.ports.greeted()).bootId;
    },
  };
}

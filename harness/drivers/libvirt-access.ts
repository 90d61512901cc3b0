// Decides how the harness gets a shell in a guest, by what its declaration allows: which bytes are put beside it, which ports it
// is given, and who greets. Writes nothing on the disk under test.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { VmFacts } from "../model/node.ts";
import type { VmDeclaration } from "../model/vm.ts";
import { consoleLogin } from "../transports/console-login.ts";
import { bootstrapText, initrdAddition, noCloudSeed } from "../transports/guest-access.ts";
import { authorizedKeysPath, guestFiles, guestSshPort, type SshAccess } from "../transports/guest-files.ts";
import { GuestPorts } from "../transports/guest-ports.ts";
import { guestSlots, portPrefix } from "../transports/guest-shell.ts";
import { ShellTransport } from "../transports/shell-transport.ts";
import type { SshGuest } from "../transports/ssh.ts";
import { keepLogin } from "../transports/ssh-kept.ts";
import type { Standing } from "./driver.ts";
import type { Injected } from "./libvirt-files.ts";
import type { MachineFiles } from "./libvirt-names.ts";
import type { ChannelFacts } from "./libvirt-xml-facts.ts";

/** The connection to one guest's shell. */
export class GuestTransport extends ShellTransport {
  readonly #guest: GuestPorts | SshGuest;

  constructor(guest: GuestPorts | SshGuest) {
    super(guest);
    this.#guest = guest;
  }

  /** Resolves with the boot's id when the guest answers. */
  async greeted(signal: AbortSignal): Promise<string> {
    return (await this.#guest.greeted(signal)).bootId;
  }

  /** The guest starts again: what was under way is rejected, and the next greeting waited for. */
  lost(): void {
    this.#guest.lost();
  }

  /** The connection first: a guest that hangs would never say that what ran in it has ended. */
  override async close(): Promise<void> {
    this.#guest.close();
    await super.close();
  }
}

/** How one machine is reached. */
export interface GuestAccess {
  readonly way: VmFacts["access"];
  readonly injected: Injected;
  /** Hex digits: the same for guests that are given the same, keys left out. */
  readonly shape: string;
  /** The keys by which it is reached, where that is by ssh. */
  readonly keys: SshAccess | undefined;
  readonly channels: readonly ChannelFacts[];
  /** A connection to the guest of the QEMU that runs now. */
  connect(): GuestTransport;
  /** One over its ports, however it is reached otherwise: they are always there, and need no keys. */
  byPorts(): GuestTransport;
  /** Resolves with the boot's id when the guest's shell greets; types at the console first where that is the way in. */
  greeted(transport: GuestTransport, signal: AbortSignal): Promise<string>;
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
 * program that holds a slot for as long as the container is up: one for commands, one for observations; and what it serves is asked
 * over a third.
 */
export function slotsOf({ environment }: Pick<Standing, "environment">, machine: string): number {
  const carried = Object.values(environment.nodes).filter((node) => node.kind === "container" && node.on === machine);
  return guestSlots + 3 * carried.length;
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

export interface AccessFacts {
  /** `environment/node` */
  readonly title: string;
  readonly declaration: VmDeclaration;
  readonly files: MachineFiles;
  readonly slots: number;
  /** The guest's own: cloud-init does its work once for each. */
  readonly uuid: string;
  /** On its first network. */
  readonly address: string | undefined;
}

/** How a machine is to be reached. For ssh new keys are made: the daemon's, which is then expected, and the one that is let in. */
export async function accessOf(facts: AccessFacts): Promise<GuestAccess> {
  const { title, declaration, files, uuid } = facts;
  const way = wayIn(declaration);
  const ports = portsIn(files.directory, facts.slots);
  const plain = byPorts(title, ports);
  const { ssh, connect } = declaration.transport === "ssh" ? await bySsh(facts) : plain;
  const { hostname, seed } = declaration;
  return {
    way,
    shape: shapeOf(ssh, declaration.carrier),
    keys: ssh,
    byPorts: () => plain.connect(),
    injected: {
      ...(way === "initrd" ? { cpio: initrdAddition({ ssh, early: declaration.carrier }) } : {}),
      ...(way === "seed" || seed !== undefined
        ? { seed: Object.fromEntries(noCloudSeed({ instanceId: uuid, hostname, userData: seed?.userData, ssh })) }
        : {}),
    },
    channels: [
      { name: `${portPrefix}control`, path: ports.control },
      ...ports.slots.flatMap((slot, index) =>
        (["in", "out", "err"] as const).map((stream) => ({
          name: `${portPrefix}${index + 1}.${stream}`,
          path: slot[stream],
        })),
      ),
    ],
    connect,
    async greeted(transport, signal) {
      if (typeof declaration.access !== "object") return transport.greeted(signal);
      // A snapshot has the shell in it; after a boot somebody must log in.
      const there = await Promise.race([transport.greeted(signal), pause(1_000, undefined, { signal, ref: false })]);
      if (there !== undefined) return there;
      const { user, password } = declaration.access.console;
      const script = bootstrapText({ ssh });
      await consoleLogin({ node: title, socket: files.consoleSocket, user, password, script, signal });
      return transport.greeted(signal);
    },
  };
}

function shapeOf(ssh: SshAccess | undefined, early: boolean): string {
  const { files, wanted } = guestFiles(ssh);
  const keyless = files.filter(({ path, secret }) => secret !== true && path !== authorizedKeysPath);
  const shape = [initrdAddition({ early }).toString("base64"), keyless, [...wanted]];
  return createHash("sha256").update(JSON.stringify(shape)).digest("hex");
}

interface Connection {
  readonly ssh: SshAccess | undefined;
  connect(): GuestTransport;
}

function byPorts(node: string, ports: ReturnType<typeof portsIn>): Connection {
  return { ssh: undefined, connect: () => new GuestTransport(new GuestPorts({ node, ...ports })) };
}

async function bySsh({ title, address, files }: AccessFacts): Promise<Connection> {
  if (address === undefined) throw new Error(`${title} has no address to connect to`);
  const [{ SshGuest }, { makeKeyPair }] = await Promise.all([
    import("../transports/ssh.ts"),
    import("../transports/ssh-keys.ts"),
  ]);
  const [host, login] = await Promise.all([makeKeyPair(`host key of ${title}`), makeKeyPair(`login key of ${title}`)]);
  const server = { host: address, port: guestSshPort, hostKey: host.publicKey };
  // For whoever works in a machine that is kept, once this process is gone.
  await keepLogin(files.directory, { ...server, privateKey: login.privateKey });
  return {
    ssh: { hostKey: host.privateKey, authorizedKey: login.publicKey, port: guestSshPort },
    connect: () =>
      new GuestTransport(new SshGuest({ node: title, user: "root", privateKey: login.privateKey, ...server })),
  };
}

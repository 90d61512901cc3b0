// Decides what a virtual machine can do as a node: the common vocabulary, and the verbs of a machine's panel.
import { readFile, rm } from "node:fs/promises";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Probe } from "../model/check.ts";
import { sayMs, sizeBytes } from "../model/duration.ts";
import { networkNames } from "../model/environment.ts";
import { DeclarationError, ProvisionError, TransportError } from "../model/errors.ts";
import type { Command, ExecOptions, ExecResult } from "../model/exec.ts";
import type {
  Card,
  ConnectOptions,
  Death,
  HotDisk,
  LoginAnswer,
  LoginTrial,
  Node,
  VmFacts,
  VmNode,
} from "../model/node.ts";
import { portOfMachine } from "./bridge-ports.ts";
import { readConsole } from "./libvirt-console.ts";
import { giveTo, makeDisk } from "./libvirt-files.ts";
import { codeOf, sayEnd } from "./libvirt-life.ts";
import type { Machine } from "./libvirt-machine.ts";
import { loadAll, readySnapshot, saveAll } from "./libvirt-snapshot.ts";
import { hotDiskXml } from "./libvirt-xml.ts";
import { ShellNode } from "./shell-node.ts";

/** A name for a snapshot; ours begin with a dash, which no name does. */
const snapshotName = /^[A-Za-z0-9][\w.-]{0,39}$/;

/** A virtual machine of libvirt. */
export class LibvirtNode extends ShellNode implements VmNode {
  readonly kind = "vm";
  readonly id: string;
  readonly carrier: Node;
  readonly #machine: Machine;

  constructor(facts: { machine: Machine; id: string; carrier: Node; user?: string | undefined }) {
    const { title, name } = facts.machine.facts;
    super({ title, name, transport: facts.machine.transport, user: facts.user });
    this.id = facts.id;
    this.carrier = facts.carrier;
    this.#machine = facts.machine;
  }

  get facts(): VmFacts {
    const { acceleration, access, declaration } = this.#machine.facts;
    const { start, whyBooted, bootId } = this.#machine;
    return {
      accelerator: acceleration.type,
      ...(acceleration.type === "kvm" ? {} : { whyEmulated: acceleration.reason }),
      access: access.way,
      transport: declaration.transport,
      start,
      ...(whyBooted === undefined ? {} : { whyBooted }),
      bootId,
    };
  }

  get died(): Promise<Death> {
    return this.#machine.life.died;
  }

  get imageDigest(): string {
    return this.#machine.facts.imageDigest;
  }

  as(user: string): this {
    return new LibvirtNode({ machine: this.#machine, id: this.id, carrier: this.carrier, user }) as this;
  }

  override exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    return this.#whileAlive(() => super.exec(command, options));
  }

  override observe<Subject, Answer>(probe: Probe<Subject, Answer>, subject: Subject): Promise<Answer> {
    return this.#whileAlive(() => super.observe(probe, subject));
  }

  override connect(port: number, options: ConnectOptions = {}): Promise<Duplex> {
    return this.#whileAlive(() => super.connect(port, options));
  }

  async reboot(): Promise<{ tookMs: number }> {
    const began = performance.now();
    const machine = this.#machine;
    const before = machine.bootId;
    const { stopTimeout } = machine.facts.declaration;
    const over = new AbortController();
    const restarted = machine.qmp.nextEvent(
      ({ event, data }) => event === "RESET" && data["guest"] === true,
      over.signal,
    );
    machine.life.expectRestart(true);
    try {
      // What asks for it is killed by it: its answer is worth nothing.
      void machine.transport
        .exec(["systemctl", "reboot"])
        .then(
          ({ status }) => (status === 127 ? machine.transport.exec(["reboot"]) : undefined),
          () => undefined,
        )
        .catch(() => undefined);
      await this.#within(restarted, stopTimeout, "the guest has not started again");
      await machine.untilReady(this);
    } finally {
      over.abort();
      machine.life.expectRestart(false);
    }
    if (machine.bootId === before)
      throw new ProvisionError({
        code: "same-boot",
        phase: "ready",
        node: this.title,
        seen: `the boot id is ${before} as before: the guest did not start again`,
      });
    return { tookMs: performance.now() - began };
  }

  async shutdown({ by }: { readonly by?: "agent" } = {}): Promise<{ tookMs: number }> {
    const began = performance.now();
    const machine = this.#machine;
    if (machine.life.over) return { tookMs: 0 };
    const { qmp, life } = machine;
    const { client, domain } = machine.facts;
    if (by === "agent") {
      // One that is silent has been asked nothing: the guest goes on, and may still die.
      await client.shutdownDomain(domain, "agent");
      life.expectEnd();
    } else {
      life.expectEnd();
      // The power button needs somebody in the guest who listens to it: logind or acpid. The shell needs neither.
      await client.shutdownDomain(domain);
      void machine.transport.exec(["systemctl", "poweroff"]).catch(() => undefined);
    }
    await this.#within(qmp.closed, machine.facts.declaration.stopTimeout, "the guest has not powered off");
    // libvirt hears of QEMU's end when we do, and forgets the domain a little later.
    await machine.powerOff();
    return { tookMs: performance.now() - began };
  }

  async start(): Promise<void> {
    if (!this.#machine.life.over) return;
    await this.#machine.powerOn();
    await this.#machine.untilReady(this);
  }

  crash(): Promise<void> {
    return this.#machine.powerOff();
  }

  reset(): Promise<void> {
    return loadAll([this.#machine], readySnapshot);
  }

  async snapshot(name: string): Promise<void> {
    if (!snapshotName.test(name))
      throw new DeclarationError({
        code: "bad-name",
        node: this.title,
        seen: `"${name}" is not a name for a snapshot`,
        hint: "use up to 40 letters, digits, dots, hyphens and underscores",
      });
    return saveAll([this.#machine], name);
  }

  async revert(name: string): Promise<void> {
    if (!this.#machine.snapshots.has(name)) {
      const names = [...this.#machine.snapshots.keys()].filter((each) => snapshotName.test(each));
      throw new DeclarationError({
        code: "no-snapshot",
        node: this.title,
        seen: `${this.title} has no snapshot "${name}"`,
        hint: names.length === 0 ? "it has none" : `it has ${names.join(", ")}`,
      });
    }
    return loadAll([this.#machine], name);
  }

  async screenshot(): Promise<Uint8Array> {
    const path = `${this.#machine.facts.files.directory}/screen.png`;
    try {
      await this.#machine.facts.client.screenshot(this.#machine.facts.domain, path);
      return await readFile(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  console(): Promise<string> {
    return readConsole(this.#machine.facts.files.console);
  }

  async attachDisk(name: string, { size, serial = name }: HotDisk): Promise<void> {
    const machine = this.#machine;
    if (machine.plugged.has(name) || name in machine.facts.declaration.disks)
      throw new DeclarationError({ code: "claimed-twice", node: this.title, seen: `it has a disk "${name}" already` });
    const file = machine.facts.files.disk(`hot-${name}`);
    await makeDisk(file, sizeBytes(size));
    await giveTo(await machine.facts.client.qemuUser(), [file]);
    const taken = [...machine.plugged.values()].map((disk) => disk.index);
    let index = 0;
    while (taken.includes(index)) index += 1;
    const xml = hotDiskXml({ file, serial, index });
    await machine.facts.client.attachDevice(machine.facts.domain, xml);
    machine.plugged.set(name, { index, xml });
    // The guest's udev makes the link a little after the device is there.
    await this.#settled();
  }

  async detachDisk(name: string): Promise<void> {
    const machine = this.#machine;
    const disk = machine.plugged.get(name);
    if (disk === undefined)
      throw new DeclarationError({ code: "no-disk", node: this.title, seen: `no disk "${name}" was plugged in` });
    const over = new AbortController();
    const out = machine.qmp.nextEvent(({ event }) => event === "DEVICE_DELETED", over.signal);
    // It is waited for below; where libvirt refuses, nobody does.
    out.catch(() => undefined);
    try {
      await machine.facts.client.detachDevice(machine.facts.domain, disk.xml);
      await this.#within(out, 30_000, `the guest has not let disk "${name}" go`);
    } finally {
      over.abort();
    }
    machine.plugged.delete(name);
    await rm(machine.facts.files.disk(`hot-${name}`), { force: true });
    await this.#settled();
  }

  agent(execute: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const { client, domain } = this.#machine.facts;
    return client.agent(domain, { execute, arguments: parameters });
  }

  unplug(network?: string): Promise<void> {
    return this.#link(network, false);
  }

  plug(network?: string): Promise<void> {
    return this.#link(network, true);
  }

  /** QEMU knows cards by their place in the declaration. */
  async #link(network: string | undefined, up: boolean): Promise<void> {
    const names = networkNames(this.#machine.facts.declaration);
    const at = network === undefined ? 0 : names.indexOf(network);
    if (at === -1 || names.length === 0 || (network === undefined && names.length > 1))
      throw new DeclarationError({
        code: "no-network",
        node: this.title,
        seen: network === undefined ? "it is not clear which network is meant" : `it is not on a network "${network}"`,
        hint: names.length === 0 ? "it is on none" : `it is on ${names.join(", ")}`,
      });
    await this.#machine.qmp.execute("set_link", { name: `net${at}`, up });
  }

  dumpMemory(path: string): Promise<void> {
    return this.#machine.facts.client.dumpMemory(this.#machine.facts.domain, path);
  }

  address(network?: string): string {
    const { addresses } = this.#machine;
    const found = network === undefined ? [...addresses.values()][0] : addresses.get(network);
    if (found !== undefined) return found;
    throw new DeclarationError({
      code: "no-address",
      node: this.title,
      seen: `${this.title} has no address${network === undefined ? "" : ` on network "${network}"`}`,
    });
  }

  async cards(): Promise<readonly Card[]> {
    const { client, cards: declared } = this.#machine.facts;
    const cards = client.uri.remote
      ? []
      : declared.map(
          ({ declared: network, mac }): Card => ({ network, mac: mac.toLowerCase(), port: portOfMachine(mac) }),
        );
    if (cards.some(({ port }) => port !== undefined) || (cards.length > 0 && this.#machine.life.over)) return cards;
    throw new DeclarationError({
      code: "not-on-a-bridge",
      node: this.title,
      seen: `${this.title} has no card on a bridge of this machine`,
      hint: "declare a network for it, on this machine's own libvirt",
    });
  }

  async login(trial: LoginTrial, options: { port?: number; network?: string } = {}): Promise<LoginAnswer> {
    const { tryLogin } = await import("../transports/ssh-login.ts");
    return tryLogin({ host: this.address(options.network), port: options.port ?? 22, ...trial });
  }

  /** Waits for the guest's udev, where there is one, so that links below /dev/disk are there. */
  async #settled(): Promise<void> {
    await this.#machine.transport.exec(["udevadm", "settle", "--timeout=10"]);
  }

  async #within(event: Promise<unknown>, withinMs: number, late: string): Promise<void> {
    const over = new AbortController();
    const timer = pause(withinMs, "late", { signal: over.signal, ref: false }).catch(() => "over");
    try {
      if ((await Promise.race([event, timer])) !== "late") return;
      throw new ProvisionError({
        code: "deadline",
        phase: "exec",
        node: this.title,
        seen: `${late} within ${sayMs(withinMs)}; ${this.#machine.life.lastWords()}`,
        hint: "the whole console is in the run's evidence; a longer stopTimeout, or crash()",
      });
    } finally {
      over.abort();
    }
  }

  /** A machine that has ended answers nothing more: what was asked is rejected at once, and says how it ended. */
  async #whileAlive<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const { life } = this.#machine;
    const ended = life.ended.then((end) => {
      throw new TransportError({
        code: codeOf(end),
        phase: "exec",
        node: this.title,
        seen: sayEnd(end),
        hint: "the whole console is in the run's evidence",
      });
    });
    ended.catch(() => undefined);
    const answer = ask();
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, ended]);
    } catch (error) {
      if (!(error instanceof TransportError) || error.code === "deadline") throw error;
      // The connection's loss may be heard of before QEMU's end.
      await Promise.race([ended, pause(life.over ? 1_000 : 50, undefined, { ref: false })]);
      throw error;
    }
  }
}

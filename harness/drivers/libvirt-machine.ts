// Decides how one machine is powered on, greeted and ended, whatever drives it: libvirt starts QEMU, QMP tells of it, the guest's
// shell answers. Keeps what the machine's handle, its snapshots and its evidence share.
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { VmFacts, VmNode } from "../model/node.ts";
import type { VmDeclaration } from "../model/vm.ts";
import type { Moment } from "../transports/transport.ts";
import type { GuestAccess, GuestTransport } from "./libvirt-access.ts";
import { type Card, untilAddressed } from "./libvirt-addresses.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { MachineLife, sayEnd } from "./libvirt-life.ts";
import type { MachineFiles } from "./libvirt-names.ts";
import { loadPayload, type Payload } from "./libvirt-payload.ts";
import { connectQmp, type Qmp } from "./libvirt-qmp.ts";
import { type Doing, untilReady } from "./libvirt-ready.ts";
import { RelayTransport } from "./libvirt-relay.ts";
import { startTpm } from "./libvirt-tpm.ts";
import type { KeptWords, WarmFacts } from "./libvirt-warm.ts";

/** How guests are run on this host. */
export interface Acceleration {
  readonly type: "kvm" | "qemu";
  /** Why, as a report tells it. */
  readonly reason: string;
}

export interface MachineFacts {
  /** The domain's name. */
  readonly domain: string;
  /** `environment/node` */
  readonly title: string;
  readonly name: string;
  readonly declaration: VmDeclaration;
  readonly files: MachineFiles;
  readonly xml: string;
  readonly client: LibvirtClient;
  readonly access: GuestAccess;
  readonly acceleration: Acceleration;
  readonly imageDigest: string;
  readonly cards: readonly Card[];
  /** Images for the engine inside. */
  readonly payload: Payload | undefined;
  /** What it takes to start from a kept memory, and to be kept; absent where that cannot be. */
  readonly warm?: WarmFacts;
  /** Why that cannot be. */
  readonly whyBooted?: string;
}

/** What a snapshot was taken of, as seen from outside the guest. */
export interface KeptMoment {
  readonly transport: GuestTransport;
  readonly moment: Moment;
  readonly bootId: string;
  /** How often the guest had started again until then. */
  readonly resets: number;
}

/** One machine, through all its lives. */
export class Machine {
  readonly facts: MachineFacts;
  readonly life: MachineLife;
  readonly transport: RelayTransport<GuestTransport>;
  /** Disks that were plugged in since the machine was powered on, by name. */
  readonly plugged = new Map<string, { readonly index: number; readonly xml: string }>();
  /** The snapshots that the overlay holds, by name, with what the guest's shell was at each. */
  readonly snapshots = new Map<string, KeptMoment>();
  /** By network: as its DHCP server reserves it, or as the machine told it when it was ready. */
  readonly addresses: Map<string, string>;
  start: VmFacts["start"] = "booted";
  whyBooted: string | undefined;
  /** What its disks were copied from: not yet alive, until it is woken. */
  kept: KeptWords | undefined;
  #bootId = "";
  #resets = 0;

  constructor(facts: MachineFacts) {
    this.facts = facts;
    this.whyBooted = facts.whyBooted;
    this.addresses = new Map(
      facts.cards.flatMap(({ declared, address }) => (address === undefined ? [] : [[declared, address] as const])),
    );
    this.transport = new RelayTransport(facts.title);
    this.life = new MachineLife(facts.files.console, () => {
      this.#resets += 1;
      // Nothing that ran before will answer, and the greeting is that of a boot which is over.
      if (this.transport.connected) this.transport.present.lost();
    });
  }

  get bootId(): string {
    return this.#bootId;
  }

  /** QEMU's socket; a `ProvisionError` (code `powered-off`) when there is none. */
  get qmp(): Qmp {
    const { qmp } = this.life;
    if (qmp !== undefined) return qmp;
    throw new ProvisionError({
      code: "powered-off",
      phase: "exec",
      node: this.facts.title,
      seen: "the machine is off",
      hint: "start() it first",
    });
  }

  /** Starts QEMU and listens to it; `paused`: before the guest's first instruction. Resolves with the domain's UUID. */
  async powerOn(options: { paused?: boolean; created?: (id: string) => void } = {}): Promise<string> {
    const { client, declaration, xml, files, title } = this.facts;
    if (declaration.devices.tpm) await startTpm({ title, files, owner: await client.qemuUser() });
    // Paused until somebody listens: a guest that ends in its first instant is seen to end.
    const id = await client.createDomain(xml, { paused: true });
    options.created?.(id);
    const qmp = await connectQmp(files.qmp).catch((error: unknown) =>
      Promise.reject(
        new ProvisionError({
          code: "guest-gone",
          phase: "start",
          node: title,
          seen: `QEMU was started and does not answer at its socket: ${messageOf(error)}`,
          hint: "QEMU's log is in the run's evidence",
          cause: error,
        }),
      ),
    );
    this.life.begin(qmp);
    this.plugged.clear();
    await this.transport.become(this.facts.access.connect());
    if (options.paused !== true) await qmp.cont();
    return id;
  }

  /** Resolves when the machine is ready as declared. See `untilReady` for what it rejects with. */
  async untilReady(node: VmNode): Promise<void> {
    const { access, declaration, payload, title } = this.facts;
    await untilReady({
      node,
      transport: this.transport,
      life: this.life,
      ready: declaration.ready,
      greeted: async (signal) => {
        this.#bootId = await access.greeted(this.transport.present, signal);
      },
      addressed: (signal, doing) => this.#untilAddressed(signal, doing),
      bring: async () => {
        if (payload !== undefined) await loadPayload(title, this.transport, payload, declaration.ready.within);
      },
    });
  }

  async #untilAddressed(signal: AbortSignal, doing: Doing): Promise<void> {
    const { cards, declaration, client } = this.facts;
    const bridged = cards.some(({ source }) => "bridge" in source);
    if (!(declaration.ready.addresses ?? bridged)) return;
    const had = await untilAddressed({
      cards,
      transport: this.transport,
      leases: (name) => client.leases(name),
      signal,
      doing,
    });
    for (const [network, address] of had) this.addresses.set(network, address);
  }

  /** Connects to the guest's shell anew: what was under way is rejected. */
  reconnect(): Promise<void> {
    return this.transport.become(this.facts.access.connect());
  }

  /** Brings the guest's shell to rest, for a snapshot to be taken. Give the answer to `resume` when it runs on. */
  async quiesce(): Promise<KeptMoment> {
    const transport = this.transport.present;
    return { transport, moment: await transport.quiesce(), bootId: this.#bootId, resets: this.#resets };
  }

  /** Whether the shells of that moment are still connected: the same QEMU, in which the guest never started again. */
  stillConnected({ transport, resets }: KeptMoment): boolean {
    return this.transport.connected && this.transport.present === transport && this.#resets === resets;
  }

  /** Asks who greets now, after the guest may have started again. */
  async greetAgain(signal: AbortSignal): Promise<string> {
    this.#bootId = await this.facts.access.greeted(this.transport.present, signal);
    return this.#bootId;
  }

  /** Takes the power away. Resolves when QEMU is gone. */
  async powerOff(): Promise<void> {
    const { qmp } = this.life;
    this.life.expectEnd();
    await this.facts.client.destroyDomain(this.facts.domain);
    await qmp?.closed;
    await this.transport.become(undefined);
  }

  /** `undefined` while it lives; else how it ended, for messages. */
  async sayEnd(): Promise<string | undefined> {
    const end = await Promise.race([this.life.ended, Promise.resolve(undefined)]);
    return end === undefined ? undefined : sayEnd(end);
  }

  async close(): Promise<void> {
    this.life.close();
    await this.transport.close();
  }
}

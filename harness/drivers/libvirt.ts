// Decides how virtual machines, their networks and their files are made, found and removed through libvirt.
import { availableParallelism } from "node:os";
import type { Readable } from "node:stream";
import { HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { BuiltDisk, BuiltImage } from "../model/image.ts";
import type { NetworkDeclaration } from "../model/network.ts";
import type { VmNode } from "../model/node.ts";
import type { FromQcow2, VmDeclaration } from "../model/vm.ts";
import { hostDirectories } from "./docker-scratch.ts";
import type { Driver, EvidenceFile, FoundResource, PlannedResource, ResourceRef, Standing } from "./driver.ts";
import { portsIn, slotsOf } from "./libvirt-access.ts";
import { buildMachine } from "./libvirt-build.ts";
import { checkBridges, checkMachine } from "./libvirt-check.ts";
import { type LibvirtClient, openLibvirt } from "./libvirt-client.ts";
import { libvirtError, noImages } from "./libvirt-errors.ts";
import { evidenceOf } from "./libvirt-evidence.ts";
import { sweepNetwork } from "./libvirt-leftovers.ts";
import type { Acceleration, Machine } from "./libvirt-machine.ts";
import {
  createdLabel,
  directoryOf,
  filesIn,
  machinesOf,
  planOf,
  seatsOn,
  socketsFit,
  uuidOf,
} from "./libvirt-names.ts";
import { startNetwork } from "./libvirt-network.ts";
import { joinNetwork, leaveNetwork } from "./libvirt-network-seats.ts";
import { LibvirtNode } from "./libvirt-node.ts";
import type { ArchiveRoom } from "./libvirt-payload.ts";
import { loadAll, markSnapshot, readySnapshot, saveAll } from "./libvirt-snapshot.ts";
import { endTpm } from "./libvirt-tpm.ts";
import { type KeptMachines, readyByWhatIsKept, standAndKeep, takeKept } from "./libvirt-warm.ts";
import { labelsIn } from "./libvirt-xml-read.ts";
import { label, labelsOf, ownerOf, resourceName } from "./names.ts";
import { type HostNode, hostNode } from "./shell-node.ts";

/** What the store knows of disks. */
export interface DiskRoom {
  /** Rejects when the file is no longer what it was when it was built or inspected. */
  verify(disk: BuiltDisk): Promise<void>;
  /** A disk image that somebody else made, inspected before anything opens it. Rejects with a `DeclarationError`. */
  inspect(image: FromQcow2): Promise<BuiltDisk>;
}

export interface LibvirtDriverOptions {
  /** `qemu:///system`, `qemu:///session`; default: the system's for root. */
  readonly libvirtUri?: string | undefined;
  /** Machines' directories are made and removed below this one and nowhere else. */
  readonly scratch: string;
  /** Whether a guest really runs with hardware virtualisation here: found out by booting one. Asked once. */
  readonly accelerator: () => Promise<Acceleration>;
  readonly disks: DiskRoom;
  readonly archives: ArchiveRoom;
  /** Where machines that were ready are kept for the next run; without it each machine boots. */
  readonly kept?: (() => Promise<KeptMachines>) | undefined;
}

/** Virtual machines of one libvirt. */
export class LibvirtDriver implements Driver {
  readonly kind = "libvirt";
  readonly #client: LibvirtClient;
  readonly #options: LibvirtDriverOptions;
  readonly #host: HostNode = hostNode();
  readonly #machines = new Map<string, Machine>();
  readonly #bases = new Map<string, BuiltDisk>();
  /** Copies of machines that are being written to the disk. */
  readonly #publishing = new Set<Promise<void>>();
  /** Addresses by MAC, of the networks that this process started. */
  readonly #addresses = new Map<string, ReadonlyMap<string, string>>();
  #acceleration: Promise<Acceleration> | undefined;

  private constructor(client: LibvirtClient, options: LibvirtDriverOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Starts and asks nothing yet. Rejects with a `DeclarationError` for a URI that cannot be meant. */
  static async open(options: LibvirtDriverOptions): Promise<LibvirtDriver> {
    return new LibvirtDriver(await openLibvirt({ uri: options.libvirtUri }), options);
  }

  async probe(): Promise<Readonly<Record<string, string>>> {
    const { libvirt, qemu, uri } = await this.#client.version();
    return { libvirt: `${libvirt} (${uri})`, qemu };
  }

  plan(standing: Standing): readonly PlannedResource[] {
    return planOf(standing);
  }

  /** A guest that is emulated keeps a CPU of the host busy for each of its own; with hardware virtualisation they share well. */
  async takes(standing: Standing): ReturnType<NonNullable<Driver["takes"]>> {
    if ((await this.#accelerates()).type === "kvm") return {};
    const capacity = availableParallelism();
    const wanted = [...machinesOf(standing).values()].reduce((sum, { vcpus }) => sum + vcpus, 0);
    return { "emulated CPUs": { amount: Math.min(wanted, capacity), capacity } };
  }

  async check(standing: Standing): Promise<void> {
    const machines = [...machinesOf(standing)];
    if (!this.#client.uri.remote) checkBridges(standing.environment);
    for (const [node] of machines) {
      const { directory, consoleSocket, qmp, tpmSocket } = filesIn(directoryOf(standing, node));
      const { control, slots } = portsIn(directory, slotsOf(standing, node));
      const sockets = [
        consoleSocket,
        qmp,
        tpmSocket,
        control,
        ...slots.flatMap((slot) => [slot.in, slot.out, slot.err]),
      ];
      socketsFit(`${standing.environment.name}/${node}`, sockets);
    }
    const [user, { type: accelerator }] = await Promise.all([this.#client.qemuUser(), this.#accelerates()]);
    await Promise.all(
      machines.map(async ([node, declaration]) => {
        const title = `${standing.environment.name}/${node}`;
        const disk = await this.#diskOf(standing, declaration);
        const { session } = this.#client.uri;
        await checkMachine({ title, declaration, disk, accelerator, user, session, directory: standing.directory });
        await this.#options.disks.verify(disk);
      }),
    );
  }

  /** Container images are an engine's. */
  readonly images = {
    resolve: (reference: string) => Promise.reject<never>(noImages(reference)),
    export: (reference: string): Promise<Readable> => Promise.reject(noImages(reference)),
  };

  /** A disk is used where the store has it. */
  async load(image: BuiltImage): Promise<void> {
    if (image.disk !== undefined) await this.#options.disks.verify(image.disk);
  }

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const title = resource.node === undefined ? resource.name : `${standing.environment.name}/${resource.node}`;
    try {
      if (resource.kind === "directory")
        await hostDirectories(this.#options.scratch).make(
          resource.name,
          {
            owner: (await this.#owner()) ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
            mode: 0o700,
          },
          () => created(resource.name),
        );
      else if (resource.kind === "network") await this.#createNetwork(resource, standing, created);
      else await this.#createDomain(resource, standing, created);
    } catch (error) {
      throw libvirtError(error, title);
    }
  }

  async join(resource: PlannedResource, standing: Standing): Promise<void> {
    if (resource.kind !== "network") return;
    const [declared] = this.#networkOf(resource, standing);
    const { addresses, ...made } = await joinNetwork(this.#client, resource.name, seatsOn(standing, declared));
    this.#addresses.set(resource.name, addresses);
    standing.networks?.set(declared, made);
  }

  async unseat(run: string): Promise<void> {
    const networks = (await this.find(run)).filter(({ kind }) => kind === "network");
    for (const { name } of networks) await leaveNetwork(this.#client, name);
  }

  async connect(resource: PlannedResource, standing: Standing): Promise<VmNode> {
    const machine = this.#machines.get(resource.name);
    const title = `${standing.environment.name}/${resource.node}`;
    // Its own socket tells whether it lives: a daemon that restarts just now is no matter.
    const end = await machine?.sayEnd();
    if (machine === undefined || end !== undefined)
      throw new ProvisionError({
        code: machine === undefined ? "not-there" : "guest-gone",
        phase: "connect",
        node: title,
        seen: end ?? `there is no domain ${resource.name}`,
      });
    const node = new LibvirtNode({ machine, id: uuidOf(resource.name), carrier: this.#host });
    await readyByWhatIsKept(machine, () => machine.untilReady(node));
    const publish = await standAndKeep(machine);
    // The machine is not kept waiting for the disk; who closes this driver is.
    const published = publish?.().catch(() => undefined);
    if (published !== undefined) {
      this.#publishing.add(published);
      void published.then(() => this.#publishing.delete(published));
    }
    return node;
  }

  async mark(resources: readonly PlannedResource[], standing: Standing): Promise<void> {
    const machines = this.#known(resources);
    if (!isAlone(machines, standing)) await saveAll(machines, markSnapshot);
  }

  rewind(resources: readonly PlannedResource[], standing: Standing): Promise<void> {
    const machines = this.#known(resources);
    return loadAll(machines, isAlone(machines, standing) ? readySnapshot : markSnapshot);
  }

  listen({ name }: ResourceRef, heard: HeardSign): void {
    this.#machines.get(name)?.life.onSign(heard);
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    if (resource.kind !== "domain") return [];
    return evidenceOf(resource.name, this.#client, this.#machines.get(resource.name));
  }

  async destroy(resource: ResourceRef): Promise<void> {
    try {
      if (resource.kind === "directory") {
        await endTpm(filesIn(resource.name));
        return await hostDirectories(this.#options.scratch).remove(resource.name);
      }
      if (resource.kind === "network") {
        await this.#client.destroyNetwork(resource.name);
        return await sweepNetwork(this.#client.uri, resource.name);
      }
      await this.#destroyDomain(resource.name);
    } catch (error) {
      throw error instanceof HarnessError ? error : libvirtError(error, resource.name, "destroy");
    }
  }

  async find(run?: string): Promise<readonly FoundResource[]> {
    const [domains, networks] = await Promise.all([this.#client.domains(), this.#client.networks()]);
    const [domainTexts, networkTexts] = await Promise.all([
      this.#client.domainXmls(domains.map(({ uuid }) => uuid)),
      this.#client.networkXmls(networks.map(({ uuid }) => uuid)),
    ]);
    const found = async (
      kind: "domain" | "network",
      entry: { name: string; uuid: string; state?: string },
      xml?: string,
    ) => {
      const labels = xml === undefined ? {} : await labelsIn(xml);
      if (labels[label.run] === undefined || (run !== undefined && labels[label.run] !== run)) return [];
      return [foundOf(kind, entry, labels)];
    };
    const all = await Promise.all([
      ...domains.map((entry) => found("domain", entry, domainTexts.get(entry.uuid))),
      ...networks.map(({ name, uuid }) => found("network", { name, uuid }, networkTexts.get(uuid))),
    ]);
    return all.flat();
  }

  async close(): Promise<void> {
    await Promise.all(this.#publishing);
    await Promise.all([...this.#machines.values()].map((machine) => machine.close()));
    this.#machines.clear();
    await this.#client.close();
    await this.#host.close();
  }

  async #createNetwork(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const [declared, settings] = this.#networkOf(resource, standing);
    const { uuid, addresses, ...made } = await startNetwork(this.#client, {
      name: resource.name,
      labels: { ...labelsOf(standing), [createdLabel]: new Date().toISOString() },
      out: settings.internal ? "none" : settings.routed ? "route" : "nat",
      domain: settings.domain ?? `${standing.environment.name}.internal`,
      subnet: settings.subnet,
      seats: seatsOn(standing, declared),
    });
    this.#addresses.set(resource.name, addresses);
    standing.networks?.set(declared, made);
    created(uuid);
  }

  #networkOf({ name }: PlannedResource, standing: Standing): [string, NetworkDeclaration] {
    const networks = Object.entries(standing.environment.networks);
    const found = networks.find(([each]) => resourceName(standing, `net_${each}`) === name);
    if (found === undefined) throw new Error(`no network is called ${name}`);
    return found;
  }

  async #createDomain(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const node = resource.node ?? "";
    const declaration = machinesOf(standing).get(node);
    if (declaration === undefined) throw new Error(`${standing.environment.name} declares no machine "${node}"`);
    // Its files are those of the machine that runs: they must not be made anew under it.
    if ((await this.#client.domains()).some(({ name }) => name === resource.name))
      throw new ProvisionError({
        code: "name-taken",
        phase: "create",
        node: `${standing.environment.name}/${node}`,
        seen: `there is a domain ${resource.name} already`,
        hint: "run assay gc",
      });
    const disk = await this.#diskOf(standing, declaration);
    const machine = await buildMachine({
      standing,
      node,
      domain: resource.name,
      declaration,
      disk,
      client: this.#client,
      acceleration: await this.#accelerates(),
      addresses: this.#addresses,
      kept: await this.#options.kept?.(),
      archives: this.#options.archives,
    });
    this.#bases.set(resource.name, disk);
    this.#machines.set(resource.name, machine);
    // One like it may just be on its way to where it is kept.
    await Promise.all(this.#publishing);
    const warm = await takeKept(machine);
    await machine.powerOn({ created, paused: warm });
  }

  async #destroyDomain(name: string): Promise<void> {
    const machine = this.#machines.get(name);
    const base = this.#bases.get(name);
    machine?.life.expectEnd();
    await this.#client.destroyDomain(name);
    this.#machines.delete(name);
    this.#bases.delete(name);
    await machine?.close();
    if (base === undefined) return;
    await this.#options.disks.verify(base).catch((cause: unknown) => {
      throw new ProvisionError({
        code: cause instanceof HarnessError ? cause.code : "base-changed",
        phase: "destroy",
        node: machine?.facts.title ?? name,
        seen: `the image under the machine is not what it was when it started: ${messageOf(cause)}`,
        hint: "what was seen on the machine may not be of the image: find who wrote to it, and run again",
        cause,
      });
    });
  }

  async #diskOf(standing: Standing, { image, at }: VmDeclaration): Promise<BuiltDisk> {
    if (!("kind" in image)) return this.#options.disks.inspect(image);
    const disk = standing.images.get(`${image.name}:${image.version}`)?.disk;
    if (disk !== undefined) return disk;
    throw new ProvisionError({
      code: "no-disk",
      phase: "create",
      seen: `${at === undefined ? "" : `${at}: `}recipe ${image.name} was built to no disk`,
    });
  }

  #known(resources: readonly PlannedResource[]): Machine[] {
    return resources
      .filter(({ kind }) => kind === "domain")
      .map(({ name }) => {
        const machine = this.#machines.get(name);
        if (machine !== undefined) return machine;
        throw new ProvisionError({ code: "not-there", phase: "ready", seen: `this process did not start ${name}` });
      });
  }

  #owner() {
    return this.#client.qemuUser();
  }

  #accelerates(): Promise<Acceleration> {
    this.#acceleration ??= this.#options.accelerator();
    return this.#acceleration;
  }
}

/** One machine that carries nothing: it was kept when it was ready, and nothing has happened since. */
function isAlone(machines: readonly Machine[], { environment }: Standing): boolean {
  const carries = Object.values(environment.nodes).some((node) => node.kind === "container" && node.on !== undefined);
  return machines.length === 1 && !carries;
}

function foundOf(
  kind: "domain" | "network",
  { name, uuid, state }: { name: string; uuid: string; state?: string },
  labels: Readonly<Record<string, string>>,
): FoundResource {
  const node = labels[label.node];
  return {
    driver: "libvirt",
    kind,
    name,
    id: uuid,
    owner: ownerOf(labels),
    environment: labels[label.environment] ?? "",
    createdAt: labels[createdLabel] ?? "",
    ...(node === undefined ? {} : { node }),
    ...(state === undefined ? {} : { state }),
  };
}

// Decides how containers, networks, volumes and scratch directories are made, found and removed on a docker engine.
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import type { Busybox } from "../model/capabilities.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import { networkNames } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { BuiltImage, ImageFacts } from "../model/image.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { dockerExecTransport } from "../transports/docker-exec.ts";
import type { Transport } from "../transports/transport.ts";
import { type EngineAddress, engineKind } from "./docker-address.ts";
import { checkStanding } from "./docker-check.ts";
import { type Dialect, spokenBy, translated } from "./docker-dialect.ts";
import { engineError, engineVersion, isGone, statusOf } from "./docker-engine.ts";
import { EngineEvents } from "./docker-events.ts";
import { engineImages, ensureImage, imageFacts, loadImage, type PushTarget, pushImage } from "./docker-image.ts";
import { canJoin } from "./docker-join.ts";
import { ContainerLife, untilReady } from "./docker-life.ts";
import { readLog } from "./docker-logs.ts";
import { containersOn, networkResource, planOf, scratchPath } from "./docker-names.ts";
import { addressesFor, inspectNode, netOwner } from "./docker-namespace.ts";
import { DockerNode } from "./docker-node.ts";
import { type Offer, offered } from "./docker-offer.ts";
import { createOptions, imageReference, laterNetworks, networkOptions, onPlatform } from "./docker-options.ts";
import { asOthers, goingFirst, isWaitedFor } from "./docker-priority.ts";
import { reachEngine } from "./docker-reach.ts";
import { removeContainer } from "./docker-remove.ts";
import type { Directories } from "./docker-scratch.ts";
import { ContainerTools } from "./docker-tools.ts";
import { volumeResource, volumeSettings } from "./docker-volume.ts";
import type { Driver, EvidenceFile, FoundResource, Owner, PlannedResource, ResourceRef, Standing } from "./driver.ts";
import { hungMountsOf, seesNfs } from "./hung-mounts.ts";
import { label, ownerOf } from "./names.ts";

export interface DockerDriverOptions extends EngineAddress {
  /** Scratch directories are made and removed below this one and nowhere else. */
  readonly scratch: string;
  /** A static busybox of this machine, for images without tools. Asked at most once. */
  readonly busybox?: () => Promise<Busybox>;
}

export type EngineKind = "docker" | "podman";

/** An engine, and the machine it runs on. */
export interface EnginePlace {
  readonly docker: Docker;
  /** What its resources are written down under in the ledger, see `engineKind`. Default `docker`. */
  readonly kind?: string;
  /** The name of the environment's machine that carries it; `undefined` for this host. */
  readonly on: string | undefined;
  /** That machine as a node. */
  readonly carrier: Node;
  /** That machine is this one. Default `true`. */
  readonly here?: boolean;
  /** How directories for scratch mounts are made there. */
  readonly directories: Directories;
  /** What its containers are looked into with where their images have no tools; absent where nothing can be brought there. */
  readonly busybox?: () => Promise<Busybox>;
  /** Releases the connection to the engine. */
  close(): Promise<void>;
}

/** Containers on a docker engine of API 1.41 or newer, on this host or in a virtual machine. */
export class DockerDriver implements Driver {
  readonly kind: string;
  readonly #docker: Docker;
  readonly #place: EnginePlace;
  readonly #events = new Map<string, EngineEvents>();
  readonly #open = new Map<string, { transport: Transport; life: ContainerLife; first?: boolean }>();
  readonly #tools: ContainerTools;

  constructor(place: EnginePlace) {
    this.kind = place.kind ?? "docker";
    this.#docker = place.docker;
    this.#place = place;
    this.#tools = new ContainerTools(place.busybox);
  }

  /** Finds the host's engine; sends nothing yet. Rejects with `engine-down`. */
  static async open(options: DockerDriverOptions): Promise<DockerDriver> {
    const { docker, host: carrier, directories, here, close } = await reachEngine(options, options.scratch);
    // A mount's source is a path of the engine's machine.
    const busybox = here && options.busybox !== undefined ? { busybox: options.busybox } : {};
    const kind = engineKind(options);
    return new DockerDriver({ docker, kind, on: undefined, carrier, directories, here, ...busybox, close });
  }

  /** The machine that the engine runs on. */
  get host(): Node {
    return this.#place.carrier;
  }

  probe(): Promise<Readonly<Record<string, string>>> {
    return engineVersion(this.#docker);
  }

  plan(standing: Standing): readonly PlannedResource[] {
    return planOf(standing, this.#place.on, this.kind);
  }

  async check(standing: Standing): Promise<void> {
    if (this.#place.on === undefined) canJoin(standing, { kind: this.kind, here: this.#place.here !== false });
    return checkStanding(this.#docker, this.#place.directories, standing, this.#place.on);
  }

  /** A disk is none of its images. */
  async load(image: BuiltImage): Promise<void> {
    if (image.archive !== undefined) await loadImage(this.#docker, image);
  }

  /** Where recipes' `fromImage` bases come from. */
  get images(): ReturnType<typeof engineImages> {
    return engineImages(this.#docker);
  }

  /** What the engine has under a tag or id; `undefined` when it has nothing. Pulls nothing. */
  imageOf(reference: string): Promise<ImageFacts | undefined> {
    return imageFacts(this.#docker, reference);
  }

  /** Whether an image can be had; a registry has so long to answer. */
  offered(reference: string, withinMs: number): Promise<Offer> {
    return offered(this.#docker, reference, withinMs);
  }

  /** Pushes an image the engine has to a registry. */
  push(reference: string, target: PushTarget): Promise<{ digest: string }> {
    return pushImage(this.#docker, reference, target);
  }

  /** An image as it lies there, fetched where only a registry has it: what it declares, and its file system as one tar, anew at each call. */
  async still(reference: string): Promise<{ facts: ImageFacts; flat: () => Promise<Readable> }> {
    const facts = await ensureImage(this.#docker, reference, reference);
    return { facts, flat: () => engineImages(this.#docker).export(facts.id) };
  }

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const title = resource.node === undefined ? resource.name : `${standing.environment.name}/${resource.node}`;
    try {
      if (resource.kind === "network") await this.#createNetwork(resource, standing, created);
      else if (resource.kind === "volume") await this.#createVolume(resource, standing, created);
      else if (resource.kind === "directory") await this.#createDirectory(resource, standing, created);
      else await this.#createContainer(resource, standing, created);
    } catch (error) {
      throw engineError(error, "create", title);
    }
  }

  async start(resource: PlannedResource, standing: Standing): Promise<void> {
    const failed = (error: unknown) => engineError(error, "create", `${standing.environment.name}/${resource.node}`);
    await this.#docker
      .getContainer(resource.name)
      .start()
      .catch((error: unknown) => Promise.reject(failed(error)));
  }

  async connect(resource: PlannedResource, standing: Standing, since?: "marked"): Promise<ContainerNode> {
    const node = resource.node ?? "";
    const declaration = this.#declaration(standing, node);
    const title = `${standing.environment.name}/${node}`;
    const failed = (error: unknown) => Promise.reject(engineError(error, "connect", title));
    const facts = await inspectNode(this.#docker, resource.name).catch(failed);
    const known = this.#docker.getContainer(facts.Id);
    const open = this.#open.get(resource.name);
    const life =
      open?.life ?? new ContainerLife(known, await this.#eventsOf(standing.owner).catch(failed), declaration);
    const { name: engine, cut, health } = await this.#dialect().catch(failed);
    const transport = dockerExecTransport(known, title, cut, await this.#tools.shellOf(facts));
    this.#open.set(resource.name, { transport, life });
    const ready = (each: ContainerNode, meant = declaration.ready) => untilReady(each, known, life, meant, health);
    const live = new DockerNode({
      title,
      name: node,
      transport,
      docker: this.#docker,
      container: known,
      life,
      carrier: this.#place.carrier,
      here: this.#place.on === undefined && this.#place.here !== false,
      inspected: { facts },
      engine,
      stopTimeoutMs: declaration.stopTimeout,
      networks: new Map(
        networkNames(netOwner(standing.environment, declaration)).map((name) => [
          name,
          networkResource(standing, name),
        ]),
      ),
      ready,
    });
    if (since === undefined) {
      await ready(live);
      if (open?.first === true) await asOthers(known);
    } else if (!facts.State.Running) life.over();
    return live;
  }

  listen({ name }: ResourceRef, heard: HeardSign): void {
    this.#open.get(name)?.life.onSign(heard);
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    if (resource.kind !== "container") return [];
    const container = this.#docker.getContainer(resource.name);
    const told = (what: Promise<string>) => what.catch((error: unknown) => `could not be had: ${messageOf(error)}\n`);
    const inspected = container.inspect();
    const [log, inspect, hung] = await Promise.all([
      told(readLog(container, undefined, true)),
      told(inspected.then((facts) => `${JSON.stringify(facts, null, 2)}\n`)),
      inspected.then(({ State }) => this.#hungIn(resource.name, State.Pid)).catch(() => []),
    ]);
    return [
      { title: "log", name: "log.txt", content: log },
      { title: "inspect", name: "inspect.json", content: inspect },
      ...hung,
    ];
  }

  /** Of a container that this machine's kernel shows with something of NFS in it; on a machine of the environment that one tells. */
  async #hungIn(name: string, pid: number): Promise<readonly EvidenceFile[]> {
    const open = this.#open.get(name);
    if (open === undefined || pid === 0 || this.#place.on !== undefined || this.#place.here === false) return [];
    return (await seesNfs(pid)) ? hungMountsOf(open.transport) : [];
  }

  async destroy(resource: ResourceRef): Promise<void> {
    this.#open.get(resource.name)?.life.expectEnd();
    try {
      if (resource.kind === "container") await removeContainer(this.#docker, resource.name);
      else if (resource.kind === "volume") await this.#docker.getVolume(resource.name).remove({ force: true });
      else if (resource.kind === "network") await this.#docker.getNetwork(resource.name).remove();
      else if (resource.kind === "directory") await this.#place.directories.remove(resource.name);
    } catch (error) {
      // 409 "removal already in progress": somebody else is at it; the inventory has the last word.
      if (!isGone(error) && !(statusOf(error) === 409 && /already in progress/.test(messageOf(error))))
        throw engineError(error, "destroy", resource.name);
    } finally {
      await this.letGo(resource);
    }
  }

  async letGo({ name }: Pick<ResourceRef, "name">): Promise<void> {
    const open = this.#open.get(name);
    this.#open.delete(name);
    open?.life.expectEnd();
    open?.life.close();
    await open?.transport.close().catch(() => undefined);
  }

  async find(run?: string): Promise<readonly FoundResource[]> {
    const filters = { label: [run === undefined ? label.run : `${label.run}=${run}`] };
    const [containers, volumes, networks] = await Promise.all([
      this.#docker.listContainers({ all: true, filters }),
      this.#docker.listVolumes({ filters }),
      this.#docker.listNetworks({ filters }),
    ]).catch((error: unknown) => Promise.reject(engineError(error, "destroy", "inventory")));
    return [
      ...containers.map((each) =>
        found(
          this.kind,
          "container",
          (each.Names[0] ?? "").replace(/^\//, ""),
          each.Id,
          each.Labels,
          new Date(each.Created * 1000).toISOString(),
          each.State,
        ),
      ),
      ...(volumes.Volumes ?? []).map((each) =>
        found(
          this.kind,
          "volume",
          each.Name,
          each.Name,
          each.Labels,
          String((each as { CreatedAt?: string }).CreatedAt ?? ""),
        ),
      ),
      ...networks.map((each) => found(this.kind, "network", each.Name, each.Id, each.Labels ?? {}, each.Created)),
    ];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ transport }) => transport.close().catch(() => undefined)));
    this.#open.clear();
    await Promise.all([...this.#events.values()].map((events) => events.close()));
    await this.#place.close();
  }

  /** Opened before the first container of a run starts, so that no death is missed. */
  async #eventsOf(owner: Owner): Promise<EngineEvents> {
    const events = this.#events.get(owner.run) ?? new EngineEvents(this.#docker, `${label.run}=${owner.run}`);
    this.#events.set(owner.run, events);
    await events.open();
    return events;
  }

  async #createNetwork(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    created((await this.#docker.createNetwork(networkOptions(standing, resource.name))).id);
  }

  async #createVolume(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const declared = Object.keys(standing.environment.volumes).find(
      (name) => volumeResource(standing, name) === resource.name,
    );
    const settings = volumeSettings(standing, declared ?? "");
    created((await this.#docker.createVolume({ Name: resource.name, ...settings })).name);
  }

  async #createDirectory(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const node = resource.node ?? "";
    const declaration = this.#declaration(standing, node);
    const [, mount] =
      Object.entries(declaration.mounts).find(
        ([target, mount]) => mount.mount === "scratch" && scratchPath(standing, node, target, mount) === resource.name,
      ) ?? [];
    if (mount?.mount !== "scratch") throw new Error(`${resource.name} is no scratch mount of ${node}`);
    await this.#place.directories.make(resource.name, mount, () => created(resource.name));
  }

  async #createContainer(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const node = resource.node ?? "";
    const declaration = this.#declaration(standing, node);
    const title = `${standing.environment.name}/${node}`;
    const reference = imageReference(declaration);
    const tree = standing.images.get(reference)?.tree;
    const addresses = await addressesFor(this.#docker, standing, declaration);
    const { cut, weighs } = await this.#dialect();
    // The engine of an emulated machine takes longer to be told than it would gain.
    const first = weighs === "anew" && this.#place.on === undefined && isWaitedFor(standing, node);
    const [events, container] = await Promise.all([
      this.#eventsOf(standing.owner),
      this.#tools.made({ probedBy: declaration.probedBy, reference, tree, title }, async (busybox) => {
        const body = await translated(this.#docker, createOptions(standing, node, declaration, busybox, addresses));
        const made = await this.#docker.createContainer(onPlatform(first ? goingFirst(body) : body, declaration));
        created(made.id);
        return made;
      }),
    ]);
    for (const later of laterNetworks(standing, node, declaration)) {
      await this.#docker.getNetwork(later.name).connect({ Container: container.id, EndpointConfig: later.endpoint });
    }
    const life = new ContainerLife(container, events, declaration);
    this.#open.set(resource.name, {
      // Until it is ready nobody looks into it.
      transport: dockerExecTransport(container, title, cut),
      life,
      first,
    });
  }

  #dialect(): Promise<Dialect> {
    return spokenBy(this.#docker);
  }

  #declaration(standing: Standing, node: string): ContainerDeclaration {
    const declaration = containersOn(standing, this.#place.on).get(node);
    if (declaration === undefined) throw new Error(`${standing.environment.name} declares no container "${node}" here`);
    return declaration;
  }
}

function found(
  driver: string,
  kind: "container" | "volume" | "network",
  name: string,
  id: string,
  labels: Readonly<Record<string, string>>,
  createdAt: string,
  state?: string,
): FoundResource {
  const node = labels[label.node];
  return {
    driver,
    kind,
    name,
    id,
    owner: ownerOf(labels),
    environment: labels[label.environment] ?? "",
    createdAt,
    ...(node === undefined ? {} : { node }),
    ...(state === undefined ? {} : { state }),
  };
}

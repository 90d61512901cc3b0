// Decides how containers are run in virtual machines of the environment: by the same docker driver, on the engine there, whose
// socket comes here through the machine's transport. Nothing of it is in the ledger: it lies in the machine and goes with it.
import type { Duplex } from "node:stream";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { Node } from "../model/node.ts";
import { streamOf } from "../transports/tunnel.ts";
import { DockerDriver } from "./docker.ts";
import { dockerClient } from "./docker-client.ts";
import { DialAgent } from "./docker-dial.ts";
import { planOf } from "./docker-names.ts";
import { carriedDirectories } from "./docker-scratch.ts";
import type { Driver, EvidenceFile, FoundResource, PlannedResource, ResourceRef, Standing } from "./driver.ts";
import { ShellNode } from "./shell-node.ts";

/** What connects a program's streams with the engine's socket; it comes with the engine's command line. Docker's where both are there. */
const dialEngine = [
  "sh",
  "-c",
  'engine=$(command -v docker || command -v podman) && exec "$engine" system dial-stdio',
] as const;

/** Containers declared with `on`. One driver serves all machines; an engine is connected when its machine is ready. */
export class CarriedDriver implements Driver {
  readonly kind = "carried";
  readonly #engines = new Map<Node, DockerDriver>();
  readonly #makers = new Map<string, DockerDriver>();

  /** Asks nobody: engines are those of machines, which there are none of yet. */
  async probe(): Promise<Readonly<Record<string, string>>> {
    return {};
  }

  plan(standing: Standing): readonly PlannedResource[] {
    return carriersOf(standing).flatMap((vm) => planOf(standing, vm));
  }

  /** What is wrong is found by the engine: before its machine runs nobody can ask. */
  async check(): Promise<void> {}

  /** The machine's own driver brings the images into it, before it is ready. */
  async load(): Promise<void> {}

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const engine = await this.#engineFor(resource, standing);
    this.#makers.set(resource.name, engine);
    await engine.create(resource, standing, created);
  }

  async connect(resource: PlannedResource, standing: Standing): Promise<Node> {
    const engine = await this.#engineFor(resource, standing);
    this.#makers.set(resource.name, engine);
    return engine.connect(resource, standing);
  }

  listen(resource: ResourceRef, heard: HeardSign): void {
    this.#makers.get(resource.name)?.listen(resource, heard);
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    return (await this.#makers.get(resource.name)?.evidence(resource)) ?? [];
  }

  /** Unknown here means that its machine was never reached from this process: it goes with that. */
  async destroy(resource: ResourceRef): Promise<void> {
    await this.#makers.get(resource.name)?.destroy(resource);
    this.#makers.delete(resource.name);
  }

  async letGo(resource: ResourceRef): Promise<void> {
    await this.#makers.get(resource.name)?.letGo(resource);
    this.#makers.delete(resource.name);
  }

  async find(): Promise<readonly FoundResource[]> {
    return [];
  }

  /** Lets go of the engines of machines that were brought back to an earlier state: their connections are of the other life. */
  async forget(nodes: Iterable<Node>): Promise<void> {
    for (const node of nodes) {
      const engine = this.#engines.get(node);
      this.#engines.delete(node);
      await engine?.close();
    }
  }

  async close(): Promise<void> {
    await this.forget([...this.#engines.keys()]);
    this.#makers.clear();
  }

  async #engineFor(resource: PlannedResource, standing: Standing): Promise<DockerDriver> {
    const on = resource.carriedBy ?? "";
    const carrier = standing.nodes?.get(on);
    const title = `${standing.environment.name}/${resource.node ?? on}`;
    if (!(carrier instanceof ShellNode)) {
      throw new ProvisionError({ code: "no-carrier", phase: "create", node: title, seen: `machine "${on}" is not up` });
    }
    const known = this.#engines.get(carrier);
    if (known !== undefined) return known;
    const agent = new DialAgent(() => dialled(carrier));
    const docker = dockerClient({ protocol: "http", host: "engine", port: 80, agent } as object);
    const directories = carriedDirectories(carrier);
    const engine = new DockerDriver({ docker, on, carrier, directories, close: async () => agent.destroy() });
    this.#engines.set(carrier, engine);
    await engine.probe().catch((cause: unknown) => {
      this.#engines.delete(carrier);
      throw new ProvisionError({
        code: "no-carried-engine",
        phase: "create",
        node: title,
        seen: `no engine answers on ${carrier.title}: ${messageOf(cause)}`,
        hint: "its image needs docker.io, or podman with its podman.socket enabled; see its journal in the evidence",
        cause,
      });
    });
    return engine;
  }
}

/** Names of machines that carry containers, in order of declaration. */
function carriersOf({ environment }: Pick<Standing, "environment">): readonly string[] {
  const on = Object.values(environment.nodes).flatMap((node) =>
    node.kind === "container" && node.on !== undefined ? [node.on] : [],
  );
  return [...new Set(on)];
}

/** The engine's socket through a program in the machine, which is started for each connection. */
async function dialled(carrier: ShellNode): Promise<Duplex> {
  return streamOf(await carrier.dial(dialEngine));
}

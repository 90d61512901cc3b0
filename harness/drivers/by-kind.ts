// Decides which drivers serve an environment. The only file that names concrete drivers; each is loaded when asked for.

import type { Readable } from "node:stream";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { ImageFacts } from "../model/image.ts";
import type { Node } from "../model/node.ts";
import type { StillContents } from "../model/still.ts";
import type { Attached, Attaching } from "./attach.ts";
import type { DockerDriver, DockerDriverOptions } from "./docker.ts";
import { isHere } from "./docker-address.ts";
import type { Driver } from "./driver.ts";
import type { LibvirtDriverOptions } from "./libvirt.ts";
import type { StillOpeners } from "./still.ts";

/** Opens the docker driver. Rejects with `engine-down` when no engine can be found. */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const { DockerDriver } = await import("./docker.ts");
  return DockerDriver.open(options);
}

export interface EngineOptions extends DockerDriverOptions, LibvirtDriverOptions {
  /** How images at rest are opened. */
  readonly still: Omit<StillOpeners, "engine"> & {
    exported(reference: string, image: ImageFacts, flat: () => Promise<Readable>): Promise<StillContents>;
  };
}

/** A process's drivers, each opened at its first use. */
export class Engines {
  readonly #options: EngineOptions;
  #docker: Promise<DockerDriver> | undefined;
  #answered: Promise<DockerDriver> | undefined;
  #libvirt: Promise<Driver> | undefined;
  #carried: Promise<Driver> | undefined;
  #still: Promise<Driver> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Rejects with `engine-down` when no engine can be found; the next call looks again. */
  docker(): Promise<DockerDriver> {
    this.#docker ??= openDockerDriver(this.#options).catch((error: unknown) => {
      this.#docker = undefined;
      throw error;
    });
    return this.#docker;
  }

  libvirt(): Promise<Driver> {
    this.#libvirt ??= import("./libvirt.ts").then(({ LibvirtDriver }) => LibvirtDriver.open(this.#options));
    return this.#libvirt;
  }

  /**
   * Drivers of every kind that the environment's nodes need; no engine is asked but theirs. Rejects when one cannot be opened, with
   * `engine-down` or `engine-too-old` where containers are declared and no engine that will do answers.
   */
  async of({ nodes }: Environment): Promise<readonly Driver[]> {
    const all = Object.values<NodeDeclaration>(nodes);
    const vm = all.some(({ kind }) => kind === "vm");
    const onHost = all.some(onEngine);
    const still = all.some(({ kind }) => kind === "image");
    const carried = all.some((node) => node.kind === "container" && node.on !== undefined);
    // A recipe may start from an image, and only a docker engine knows where that is.
    const imported = all.some(({ image }) => typeof image === "object" && "kind" in image && fromImage(image));
    return Promise.all([
      ...(onHost || imported ? [this.#answeringDocker()] : []),
      ...(vm ? [this.libvirt()] : []),
      ...(carried ? [this.#carriedDriver()] : []),
      ...(still ? [this.#stillDriver()] : []),
    ]);
  }

  /**
   * What `host` means in an environment: the machine whose engine runs its containers, where those are all there is; else this one.
   * Close it when it is this one.
   */
  async host({ nodes }: Environment): Promise<{ readonly node: Node; close(): Promise<void> }> {
    const all = Object.values<NodeDeclaration>(nodes);
    const elsewhere = !isHere(this.#options.dockerHost) && all.some(onEngine) && !all.some(({ kind }) => kind === "vm");
    if (elsewhere) return { node: (await this.docker()).host, close: async () => undefined };
    const here = (await import("./shell-node.ts")).hostNode();
    return { node: here, close: () => here.close() };
  }

  /** A program in a container of the host's engine, by the container's name; see `docker-attach.ts`. */
  async attachContainer(name: string, attaching: Attaching): Promise<Attached> {
    const { attachContainer } = await import("./docker-attach.ts");
    const { dockerHost, engine, dockerTls, ssh } = this.#options;
    return attachContainer(
      {
        dockerHost,
        dockerTls,
        ssh,
        ...(engine === undefined ? {} : { engine }),
        cut: engine === "podman" ? "stays" : "ends",
      },
      name,
      attaching,
    );
  }

  /** A program in a machine, by the directory of its files; see `libvirt-attach.ts`. */
  async attachMachine(directory: string, attaching: Attaching): Promise<Attached> {
    return (await import("./libvirt-attach.ts")).attachMachine(directory, attaching);
  }

  /** Releases what was opened. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled([this.#docker, this.#libvirt, this.#carried, this.#still]);
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value?.close() : undefined)));
  }

  /** Asked once: before anything is built for an engine that is not there. One that did not answer is asked again. */
  #answeringDocker(): Promise<DockerDriver> {
    this.#answered ??= this.docker()
      .then(async (docker) => {
        await docker.probe();
        return docker;
      })
      .catch((error: unknown) => {
        this.#answered = undefined;
        throw error;
      });
    return this.#answered;
  }

  #carriedDriver(): Promise<Driver> {
    this.#carried ??= import("./docker-carried.ts").then(({ CarriedDriver }) => new CarriedDriver());
    return this.#carried;
  }

  #stillDriver(): Promise<Driver> {
    const { exported, ...files } = this.#options.still;
    const engine = async (reference: string) => {
      const docker = await this.docker();
      const { facts, flat } = await docker.still(reference);
      return exported(reference, facts, flat);
    };
    this.#still ??= import("./still.ts").then(({ StillDriver }) => new StillDriver({ ...files, engine }));
    return this.#still;
  }
}

function onEngine(node: NodeDeclaration): boolean {
  return node.kind === "container" && node.on === undefined;
}

function fromImage({ from }: { readonly from: import("../model/recipe.ts").Base }): boolean {
  if (from.base === "recipe") return fromImage(from.recipe);
  if (from.base === "dockerfile") return from.builder === "engine" || Object.values(from.bases).some(fromImage);
  return from.base === "image";
}

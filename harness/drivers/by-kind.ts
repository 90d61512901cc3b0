// Decides which drivers serve an environment. The only file that names concrete drivers; each is loaded when asked for.
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { DockerDriver, DockerDriverOptions } from "./docker.ts";
import type { Driver } from "./driver.ts";
import type { LibvirtDriverOptions } from "./libvirt.ts";

/** Opens the docker driver. Rejects with `engine-down` when no engine can be found. */
export async function openDockerDriver(options: DockerDriverOptions): Promise<DockerDriver> {
  const { DockerDriver } = await import("./docker.ts");
  return DockerDriver.open(options);
}

export interface EngineOptions extends DockerDriverOptions, LibvirtDriverOptions {}

/** A process's drivers, each opened at its first use. */
export class Engines {
  readonly #options: EngineOptions;
  #docker: Promise<DockerDriver> | undefined;
  #libvirt: Promise<Driver> | undefined;
  #carried: Promise<Driver> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Rejects with `engine-down` when no engine can be found. */
  docker(): Promise<DockerDriver> {
    this.#docker ??= openDockerDriver(this.#options);
    return this.#docker;
  }

  libvirt(): Promise<Driver> {
    this.#libvirt ??= import("./libvirt.ts").then(({ LibvirtDriver }) => LibvirtDriver.open(this.#options));
    return this.#libvirt;
  }

  /** Drivers of every kind that the environment's nodes need. Rejects when one cannot be opened. */
  async of({ nodes }: Environment): Promise<readonly Driver[]> {
    const all = Object.values<NodeDeclaration>(nodes);
    const vm = all.some(({ kind }) => kind === "vm");
    const onHost = all.some((node) => node.kind === "container" && node.on === undefined);
    const carried = all.some((node) => node.kind === "container" && node.on !== undefined);
    // A recipe may start from an image, and only a docker engine knows where that is.
    const imported = all.some(({ image }) => typeof image === "object" && "kind" in image && fromImage(image));
    return Promise.all([
      ...(onHost || imported ? [this.docker()] : []),
      ...(vm ? [this.libvirt()] : []),
      ...(carried ? [this.#carriedDriver()] : []),
    ]);
  }

  /** Releases what was opened. */
  async close(): Promise<void> {
    const opened = await Promise.allSettled([this.#docker, this.#libvirt, this.#carried]);
    await Promise.all(opened.map((each) => (each.status === "fulfilled" ? each.value?.close() : undefined)));
  }

  #carriedDriver(): Promise<Driver> {
    this.#carried ??= import("./docker-carried.ts").then(({ CarriedDriver }) => new CarriedDriver());
    return this.#carried;
  }
}

function fromImage({ from }: { readonly from: import("../model/recipe.ts").Base }): boolean {
  if (from.base === "recipe") return fromImage(from.recipe);
  if (from.base === "dockerfile") return from.builder === "engine" || Object.values(from.bases).some(fromImage);
  return from.base === "image";
}

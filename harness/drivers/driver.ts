// Decides what a driver is: how nodes of one kind are made, found again and removed. Knows no engine.

import type { Readable } from "node:stream";
import type { Environment } from "../model/environment.ts";
import type { ResourceKind } from "../model/event.ts";
import type { HeardSign } from "../model/health.ts";
import type { BuiltImage, ImageConfig } from "../model/image.ts";
import type { ImageBuilds } from "../model/image-build.ts";
import type { Node } from "../model/node.ts";

/** Everything that says whose a resource is. Written on each resource as labels, so that it is found without a ledger. */
export interface Owner {
  /** The run's id, lower-case letters and digits. */
  readonly run: string;
  /** Which machine, boot and process owns the run: `host boot-id pid start-time pid-namespace`, see `lifecycle/owner.ts`. */
  readonly identity: string;
  /** Path of the ledger that knows for how long it stays once that process is dead; absent where it never does. */
  readonly ledger?: string | undefined;
}

/** A resource by name: what the ledger keeps. The name is deterministic, so that it is known before the resource is. */
export interface ResourceRef {
  /** The driver's `kind`, e.g. `docker`. */
  readonly driver: string;
  readonly kind: ResourceKind;
  /** Unique on the engine: `assay-<run>-<environment>-<node>`. For a directory: its absolute path. */
  readonly name: string;
  /** The engine's own id, once known. */
  readonly id?: string | undefined;
}

/** One step of standing an environment up, from `plan`. */
export interface PlannedResource extends ResourceRef {
  /** The node it is for; absent for what nodes share. */
  readonly node?: string;
  /** The machine of the environment that it lies in: it goes when that goes, and needs no ledger of its own. */
  readonly carriedBy?: string;
  /** Names of planned resources that must exist (for a node: be ready) before this one is created. */
  readonly needs: readonly string[];
}

/** A resource found on the engine by its labels. */
export interface FoundResource extends ResourceRef {
  readonly owner: Owner;
  readonly environment: string;
  readonly node?: string;
  /** ISO time. */
  readonly createdAt: string;
  /** `running`, `exited`, … where the kind has states. */
  readonly state?: string;
}

export interface Standing {
  readonly owner: Owner;
  readonly environment: Environment;
  /** Distinguishes several stand-ups of one environment in one run: file, or test. Lower-case letters and digits. */
  readonly scope: string;
  /** Directory for the environment's own files (scratch mounts), below the state directory. */
  readonly directory: string;
  /** Images that recipes of the environment were built to, by `name:version`. */
  readonly images: ReadonlyMap<string, BuiltImage>;
  /** The live nodes so far, by name; absent where nothing was created yet. */
  readonly nodes?: ReadonlyMap<string, Node>;
  /** Networks of machines as they were made, by their declared names: who makes one writes it here, for containers that are on it too. */
  readonly networks?: Map<string, MadeNetwork>;
}

/** A network of machines, as it is on its host. */
export interface MadeNetwork {
  /** The bridge's interface. */
  readonly bridge: string;
  /** CIDR */
  readonly subnet: string;
  /** The host's own address on it, where its name server listens. */
  readonly gateway: string;
  /** What names end with. */
  readonly domain: string;
  /** By the names of those who sit on it. */
  readonly names: ReadonlyMap<string, string>;
}

export interface EvidenceFile {
  /** `log`, `inspect` */
  readonly title: string;
  /** File name without directory: `soe.log`. */
  readonly name: string;
  readonly content: string | Uint8Array;
  /** What of it nobody should have to look for: told in the run's output, and at the teardown in its report. One line. */
  readonly remark?: string;
}

/** What an image reference stands for, and its flattened root file system as a tar. */
export interface ImageOrigin {
  resolve(
    reference: string,
  ): Promise<{ readonly digest: `sha256:${string}`; readonly config: ImageConfig; readonly created?: string }>;
  export(reference: string): Promise<Readable>;
  /** Its builder of Dockerfiles, where it has one. */
  readonly builds?: ImageBuilds;
}

/**
 * How nodes of one kind are made. One instance serves a process; all methods may be called concurrently.
 * Rejections are `ProvisionError`s, except where said otherwise.
 */
export interface Driver {
  readonly kind: string;
  /** What the engine is: name → version. Rejects with the cause and the remedy when the engine cannot be used. Idempotent. */
  probe(): Promise<Readonly<Record<string, string>>>;
  /** What `environment` needs, in an order of creation. Pure. */
  plan(standing: Standing): readonly PlannedResource[];
  /**
   * Looks at what the environment names and cannot make: images, sources of bind mounts. Fetches images that a registry
   * has. Rejects before anything is created.
   */
  check(standing: Standing): Promise<void>;
  /** Where recipes' `fromImage` bases come from; absent where the engine has none to give. */
  readonly images?: ImageOrigin;
  /** Makes the engine know a built image that nodes of its kind are made from. Idempotent: quick when it is there already. */
  load(image: BuiltImage): Promise<void>;
  /**
   * Creates one planned resource; a node is started as well by a driver without `start`. `created` is told the id as soon as the engine says
   * it. Rejects when the name exists.
   */
  create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void>;
  /** Starts a node that was created: of drivers that make one while what it waits for is not yet true. */
  start?(resource: PlannedResource, standing: Standing): Promise<void>;
  /**
   * Takes part in what stands already and was made by another process, a network say: those of the environment who are new get their
   * places in it. `unseat` undoes it. Only drivers need it whose nodes' places are known beforehand. Idempotent.
   */
  join?(resource: PlannedResource, standing: Standing): Promise<void>;
  /**
   * The live handle of a created node, ready as its declaration means it. Rejects at once when the node dies first. `marked`: its machine
   * was brought back to a moment at which it was ready, so that nothing is waited for.
   */
  connect(resource: PlannedResource, standing: Standing, since?: "marked"): Promise<Node>;
  /**
   * What the environment's nodes take of something that is shared for speed, by name: where more is in use at a time, everything
   * gets slow. A run waits until there is room. An amount is at most the capacity.
   */
  takes?(standing: Standing): Promise<Readonly<Record<string, { readonly amount: number; readonly capacity: number }>>>;
  /**
   * Keeps the state of these nodes, all at one moment, so that `rewind` brings it back. A driver without it cannot.
   * `create` and `connect` of them are over.
   */
  mark?(resources: readonly PlannedResource[], standing: Standing): Promise<void>;
  /**
   * Brings these nodes back to the state that `mark` kept, all before any of them runs on. The live handles stay valid;
   * what was under way on them is rejected. Clean afterwards: disks, memory, processes, and the clock is right.
   */
  rewind?(resources: readonly PlannedResource[], standing: Standing): Promise<void>;
  /**
   * Calls `heard` for what becomes known of a connected node without asking, until it is destroyed or let go of. A driver without it
   * hears nothing.
   */
  listen?(resource: ResourceRef, heard: HeardSign): void;
  /** What can still be told about a node, alive or broken. Never rejects: what could not be had is said in the file. */
  evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]>;
  /** Removes a resource. Gone is success. Idempotent; concurrent calls on one resource are fine. */
  destroy(resource: ResourceRef): Promise<void>;
  /**
   * Ends what this process has with a node whose carrier goes next, or goes back to an earlier life, and the node with that: connections,
   * the waiting for its death. Asks the engine nothing. Only drivers of what is carried need it. Never rejects.
   */
  letGo?(resource: ResourceRef): Promise<void>;
  /** Clears what a run's networks that stay know of this engine's nodes that are gone: places, names, leases. Idempotent. */
  unseat?(run: string): Promise<void>;
  /** Everything on the engine with our labels, of one run or of all. Images are a cache and not listed. */
  find(run?: string): Promise<readonly FoundResource[]>;
  /** Releases connections to nodes. The driver cannot be used after it. */
  close(): Promise<void>;
}

/** What of a driver those need who make nothing: they find, and remove. */
export type Remover = Pick<Driver, "kind" | "probe" | "find" | "destroy" | "unseat" | "close">;

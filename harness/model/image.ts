// Decides what is known of an image: its configuration as OCI calls it, and its digests.

/** The part of an OCI image configuration that a recipe may set and a check may read. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly workdir?: string;
  /** `80/tcp` */
  readonly expose?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stopSignal?: string;
}

/** An image as the engine has it. */
export interface ImageFacts {
  /** `sha256:…` of the image configuration. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly architecture: string;
  /** ISO time. */
  readonly created: string;
  readonly config: Required<Omit<ImageConfig, "stopSignal">> & Pick<ImageConfig, "stopSignal">;
}

/** A recipe's result: a root file system tree and a docker image, both by digest. */
export interface BuiltImage {
  readonly recipe: string;
  /** `name:tag` that the engine knows it by. */
  readonly tag: string;
  /** `sha256:…` over the recipe's canonical JSON: what went in. */
  readonly recipeDigest: string;
  /** `sha256:…` over the tree's manifest: what came out. */
  readonly treeDigest: string;
  /** `sha256:…` of the image configuration, which is the engine's image id. */
  readonly imageId: string;
  /** Absolute path of the root file system tree. Never written to after the build. */
  readonly tree: string;
  /** Absolute path of the image as a `docker load` archive. */
  readonly archive: string;
  readonly config: ImageConfig;
}

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
  /** What each step of its making was, the first first; absent where nobody tells. */
  readonly history?: readonly string[];
  readonly config: Required<Omit<ImageConfig, "stopSignal">> & Pick<ImageConfig, "stopSignal">;
}

/** What the file system says of a file. While it says the same, the contents are the same. */
export interface FileStamp {
  readonly bytes: number;
  /** When contents, owner or mode changed last: nanoseconds since the epoch, in decimal digits. Nobody can set it. */
  readonly changedNs: string;
  readonly inode: string;
}

/** A bootable disk, by digest, and what boots it from outside. */
export interface BuiltDisk {
  /** Absolute path of a qcow2 without a backing file, readable by all. Never written to after the build. */
  readonly path: string;
  /** `sha256:…` of the whole file. */
  readonly digest: string;
  /** Bytes the guest sees. */
  readonly virtualSize: number;
  /** What the file system said of the file when its digest was taken; see `verifyDisk`. */
  readonly stamp?: FileStamp;
  /** Absolute paths of the tree's kernel and initrd, readable by all; absent for a disk that brings its own alone. */
  readonly kernel?: string;
  readonly initrd?: string;
  /** Quick way for carriers: an initrd of busybox and the modules that are needed to mount the root file system. */
  readonly carrierInitrd?: string;
  /** What the kernel is told beside what the driver adds: `root=UUID=… ro`. */
  readonly kernelArguments: readonly string[];
  /** UUID of the root file system. */
  readonly rootUuid?: string;
}

/** A recipe's result: a root file system tree, and a docker image or a disk, all by digest. */
export interface BuiltImage {
  readonly recipe: string;
  /** `name:tag` that the engine knows it by. */
  readonly tag: string;
  /** `sha256:…` over the recipe's canonical JSON: what went in. */
  readonly recipeDigest: string;
  /** `sha256:…` over the tree's manifest: what came out. */
  readonly treeDigest: string;
  /** `sha256:…` of the image configuration, which is the engine's image id; of a disk: its digest. */
  readonly imageId: string;
  /** Absolute path of the root file system tree. Never written to after the build. */
  readonly tree: string;
  /** Absolute path of the image as a `docker load` archive; absent where the recipe gives a disk. */
  readonly archive?: string;
  readonly disk?: BuiltDisk;
  readonly config: ImageConfig;
}

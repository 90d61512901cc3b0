// Decides what a recipe is: a base, steps, image metadata. Data only; `store/` makes images of it.
import { isAbsolute, join, resolve } from "node:path";
import { z } from "zod";
import { callSite } from "./call-site.ts";
import { DeclarationError } from "./errors.ts";
import { size } from "./option-words.ts";
import { readOptions } from "./options.ts";
import { isSecret, type Secret } from "./secret.ts";

/** A Debian root file system by mmdebstrap: the smallest set of packages plus `include`. */
export interface DebianRootfs {
  readonly base: "debian-rootfs";
  /** `bookworm`, `trixie` */
  readonly suite: string;
  /** Packages beside the essential ones. */
  readonly include: readonly string[];
  /** mmdebstrap's variant; default `minbase`. */
  readonly variant: "minbase" | "essential" | "apt";
  /** Archive areas; default `["main"]`. */
  readonly components: readonly string[];
}

/** An image that a registry or the engine has. The digest it resolves to is what the recipe's digest covers. */
export interface FromImage {
  readonly base: "image";
  readonly reference: string;
}

/** Another recipe's result. */
export interface FromRecipe {
  readonly base: "recipe";
  readonly recipe: Recipe;
}

/** What a Dockerfile gives. */
export interface FromDockerfile {
  readonly base: "dockerfile";
  /** Directory of the build context, relative to the recipe's. */
  readonly directory: string;
  /** Path of the Dockerfile in it. */
  readonly file: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** By the id that `RUN --mount=type=secret,id=…` names. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** Image name in the Dockerfile → the recipe that stands for it. */
  readonly bases: Readonly<Record<string, Recipe>>;
  readonly builder: "engine" | "buildah";
}

/** An image in a file, as `docker save` writes it or as an OCI layout in a tar. */
export interface FromArchive {
  readonly base: "archive";
  /** Relative to the recipe's context, or absolute. */
  readonly path: string;
  /** 64 hexadecimal digits of the file; without it, whatever it is now is taken and its digest computed. */
  readonly sha256: string | undefined;
  /** Which of several images: `name:tag` or its id. */
  readonly image: string | undefined;
}

export interface AnsibleStep {
  readonly step: "ansible";
  /** Path of the playbook, relative to the recipe's context. Its hosts are `all`. */
  readonly playbook: string;
  /** Directory of roles, relative to the context. */
  readonly roles: string | undefined;
  /** Extra variables; a secret's value is passed by file and never shown. */
  readonly vars: Readonly<Record<string, unknown>>;
  /** Password for ansible-vault. */
  readonly vault: Secret | undefined;
}

export interface RunStep {
  readonly step: "run";
  /** An argument array, run as root in the tree with the host's network. */
  readonly command: readonly [string, ...string[]];
}

export interface CopyStep {
  readonly step: "copy";
  /** A file or directory, relative to the context. */
  readonly source: string;
  /** Absolute path in the image. */
  readonly target: string;
  /** Numbers; default 0:0. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Of files; default: as in the context. */
  readonly mode: number | undefined;
}

export type Step = AnsibleStep | RunStep | CopyStep;
export type Base = DebianRootfs | FromImage | FromRecipe | FromDockerfile | FromArchive;

export interface Recipe {
  readonly kind: "recipe";
  /** The image's name: `vfx-studio-soe`. */
  readonly name: string;
  readonly version: string;
  /** What this host must reach while it is built. No part of the digest: it changes nothing of the image. */
  readonly requires: readonly RecipeCapability[];
  readonly from: Base;
  readonly steps: readonly Step[];
  readonly image: RecipeImage;
  /** The image that is taken in its place where a registry gives it, see `prefer`. */
  readonly prefers?: string;
  /** The recipe gives a bootable disk for virtual machines, and no image for containers. */
  readonly disk: RecipeDisk | undefined;
  /** Absolute directory that the steps' paths are relative to. */
  readonly context: string;
  /** `file:line:column` of the declaration. */
  readonly at: string | undefined;
}

/** Whose files count by what its steps name: a recipe, a playbook. */
export type ContextOwner = Pick<Recipe, "name" | "steps" | "context" | "at"> & { readonly kind: "recipe" | "playbook" };

const recipeCapability = z.enum(["python-index"]);
export type RecipeCapability = z.output<typeof recipeCapability>;

const word = z.string().min(1);
const recipeImage = z.strictObject({
  entrypoint: z.array(z.string()).optional(),
  cmd: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()).optional(),
  user: z.string().optional(),
  workdir: z.string().startsWith("/").optional(),
  expose: z.array(z.string().regex(/^\d+\/(tcp|udp)$/, "write a port and its protocol, as in 80/tcp")).optional(),
  volumes: z.array(z.string().startsWith("/")).optional(),
  stopSignal: z.string().startsWith("SIG").optional(),
});
export type RecipeImage = z.infer<typeof recipeImage>;

const recipeDisk = z.strictObject({
  /** What the guest sees; the file holds only what is used. */
  size: size.default(4 * 1024 ** 3),
  /** Appended to the kernel's command line, by the boot loader and by direct kernel boot alike. */
  kernelArguments: z.array(word).default([]),
  /** A boot loader for BIOS and UEFI on the disk. Without it the disk boots with a kernel from outside only. */
  loader: z.boolean().default(true),
  /** Label every file by this policy of the tree: `default` for Debian's targeted one. */
  selinux: z
    .string()
    .regex(/^[\w-]+$/)
    .optional(),
});
/** `size` in bytes. */
export type RecipeDisk = z.output<typeof recipeDisk>;

const debianOptions = z.strictObject({
  suite: z.string().regex(/^[a-z][a-z0-9-]*$/),
  include: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.:~=-]*$/)).default([]),
  variant: z.enum(["minbase", "essential", "apt"]).default("minbase"),
  components: z.array(word).default(["main"]),
});

/**
 * A Debian base made with mmdebstrap; no image registry is asked.
 * @example debianRootfs({ suite: "bookworm", include: ["python3", "iproute2"] })
 */
export function debianRootfs(options: z.input<typeof debianOptions>): DebianRootfs {
  return { base: "debian-rootfs", ...readOptions("debianRootfs", debianOptions, options) };
}

/**
 * An image from a registry, or one the engine has. Nothing is asked until a recipe or a container that names it is built.
 * @example fromImage("debian:bookworm-slim")
 */
export function fromImage(reference: string): FromImage {
  if (!/^[\w][\w.\-/:@]*$/.test(reference)) {
    throw new DeclarationError({
      code: "bad-image",
      at: callSite(),
      seen: `"${reference}" is not an image reference`,
      hint: "write name:tag or name@sha256:…",
    });
  }
  return { base: "image", reference };
}

/** Another recipe's tree and metadata as the base. @example fromRecipe(soe) */
export function fromRecipe(recipe: Recipe): FromRecipe {
  return { base: "recipe", recipe };
}

const dockerfileOptions = z.strictObject({
  file: word.default("Dockerfile"),
  target: word.optional(),
  args: z
    .record(z.string(), z.string("not a text; a secret goes into `secrets`, as arguments stay in the image"))
    .default({}),
  secrets: z.record(z.string(), z.custom<Secret>(isSecret, "expected secret(name, value)")).default({}),
  bases: z
    .record(
      z.string(),
      z.custom<Recipe>((value) => isRecipe(value), "expected a recipe"),
    )
    .default({}),
  builder: z.enum(["engine", "buildah"]).default("engine"),
  /** Of the image; this machine's own alone can be built. */
  platform: z
    .string()
    .refine(
      (said) => said === `linux/${{ x64: "amd64" }[process.arch as string] ?? process.arch}`,
      "another platform than this machine's",
    )
    .optional(),
});

/**
 * A Dockerfile as a base: built from nothing by the docker engine, or by buildah without any (`apt-get install buildah`). `directory`
 * is the build context, relative to the recipe's; what its `.dockerignore` names is left out. Files arrive as root's, with the modes
 * git keeps and one time. Images that it starts from are recipes named in `bases`, else what the engine or a registry has: their
 * digests count. Secrets reach `RUN --mount=type=secret`, for which `builder: "buildah"` is needed, and never a layer.
 * What a step fetches from a network is no part of the digest.
 *
 * @example
 * recipe("tool", { version: "1", from: dockerfile("tool", { target: "run", args: { LEVEL: "3" }, bases: { base: debianBase } }), context })
 */
export function dockerfile(directory: string, options: z.input<typeof dockerfileOptions> = {}): FromDockerfile {
  const { platform: _, ...read } = readOptions("dockerfile", dockerfileOptions, options);
  if (read.builder === "engine" && Object.keys(read.secrets).length > 0) {
    throw new DeclarationError({
      code: "secrets-need-buildah",
      at: callSite(),
      seen: `dockerfile ${directory}: the engine's builder has no way for secrets that leaves none in a layer`,
      hint: 'add builder: "buildah"',
    });
  }
  return { base: "dockerfile", directory, ...read, target: read.target };
}

const archiveOptions = z.strictObject({
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  image: word.optional(),
});

/**
 * An image in a file as a base: of `docker save`, or an OCI layout in a tar. No engine is asked. Each layer is checked by its digest.
 * @example fromArchive("vendor-1.2.tar", { sha256: "…" })
 */
export function fromArchive(path: string, options: z.input<typeof archiveOptions> = {}): FromArchive {
  const { sha256, image } = readOptions("fromArchive", archiveOptions, options);
  return { base: "archive", path, sha256, image };
}

function isRecipe(value: unknown): value is Recipe {
  return typeof value === "object" && value !== null && (value as Partial<Recipe>).kind === "recipe";
}

const ansibleOptions = z.strictObject({
  playbook: word,
  roles: word.optional(),
  vars: z.record(z.string(), z.unknown()).default({}),
  vault: z.custom<Secret>(isSecret, "expected secret(name, value)").optional(),
});

/**
 * Applies a playbook to the tree, without an engine. The same playbook provisions virtual machines.
 * The base needs `python3` for ansible's modules.
 * @example ansible({ playbook: "playbook.yml", roles: "roles", vars: { image_version: "0.1.0" } })
 */
export function ansible(options: z.input<typeof ansibleOptions>): AnsibleStep {
  const read = readOptions("ansible", ansibleOptions, options);
  return { step: "ansible", playbook: read.playbook, roles: read.roles, vars: read.vars, vault: read.vault };
}

/** Runs a command as root in the tree. @example run(["apt-get", "clean"]) */
export function run(command: readonly [string, ...string[]]): RunStep {
  return { step: "run", command };
}

const copyOptions = z.strictObject({
  owner: z.strictObject({ uid: z.int().min(0), gid: z.int().min(0) }).default({ uid: 0, gid: 0 }),
  mode: z.int().min(0).max(0o7777).optional(),
});

/** Copies a file or a directory of the context into the tree. @example copy("entry.sh", "/usr/local/bin/entry", { mode: 0o755 }) */
export function copy(source: string, target: string, options: z.input<typeof copyOptions> = {}): CopyStep {
  const read = readOptions("copy", copyOptions, options);
  if (!isAbsolute(target))
    throw new DeclarationError({ code: "bad-path", at: callSite(), seen: `copy target "${target}" is not absolute` });
  return { step: "copy", source, target, owner: read.owner, mode: read.mode };
}

export interface RecipeOptions {
  readonly version: string;
  /**
   * What this host must reach while the image is built. `python-index`: the index that pip asks in a `run` step. Where it does not answer,
   * tests on the image are skipped with that reason. Not asked while the image is in the store.
   */
  readonly requires?: readonly RecipeCapability[];
  readonly from: Base;
  readonly steps?: readonly Step[];
  readonly image?: RecipeImage;
  /** Makes it a recipe for virtual machines. The tree then needs a kernel, an initrd and systemd. */
  readonly disk?: z.input<typeof recipeDisk>;
  /** Directory that paths in steps are relative to: `import.meta.dirname`. */
  readonly context: string;
}

const recipeOptions = z.strictObject({
  version: z.string().regex(/^[\w][\w.-]*$/),
  requires: z.array(recipeCapability).default([]),
  from: z.custom<Base>(
    (value) => typeof value === "object" && value !== null && "base" in value,
    "expected debianRootfs, dockerfile, fromArchive, fromImage or fromRecipe",
  ),
  steps: z
    .array(
      z.custom<Step>(
        (value) => typeof value === "object" && value !== null && "step" in value,
        "expected ansible, run or copy",
      ),
    )
    .default([]),
  image: recipeImage.default({}),
  disk: recipeDisk.optional(),
  // As a directory of a URL ends in a slash.
  context: z
    .string()
    .refine(isAbsolute, "not an absolute path; write import.meta.dirname")
    .transform((path) => resolve(path)),
});

/**
 * Declares an image: a base, steps, metadata. Plain data: nothing is read or built until the recipe is.
 *
 * @example
 * export const soe = recipe("vfx-studio-soe", {
 *   version: "0.1.0",
 *   from: debianRootfs({ suite: "bookworm", include: ["python3"] }),
 *   steps: [ansible({ playbook: "playbook.yml", vars: { image_version: "0.1.0" } })],
 *   image: { cmd: ["bash"] },
 *   context: import.meta.dirname,
 * });
 */
export function recipe(name: string, options: RecipeOptions): Recipe {
  const at = callSite();
  if (!/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/.test(name)) {
    throw new DeclarationError({
      code: "bad-name",
      at,
      seen: `"${name}" is not an image name`,
      hint: "use lower-case letters, digits and single - . _ between them",
    });
  }
  const read = readOptions(`recipe ${name}`, recipeOptions, options);
  return { kind: "recipe", name, ...read, disk: read.disk, at };
}

/**
 * A recipe as it is, for a container that another image is preferred for: the product's own, where the engine has it or a registry answers
 * within 5 s, asked once a run. Else the recipe's is built. The report says which it was, by digest, and why (`preferences`); so it does
 * under `assay run --no-prefer`, which asks nobody. Not for containers `on` a machine, whose engine reaches no registry.
 *
 * @example container({ image: prefer("mongo:7", mongodb) })
 */
export function prefer(reference: string, recipe: Recipe): Recipe {
  return { ...recipe, prefers: fromImage(reference).reference };
}

/** Absolute path of something in a context; a path that leaves the context is refused. */
export function inContext(recipe: ContextOwner, path: string): string {
  const full = join(recipe.context, path);
  if (full !== recipe.context && !full.startsWith(`${recipe.context}/`)) {
    throw new DeclarationError({
      code: "outside-context",
      at: recipe.at,
      seen: `"${path}" leaves the ${recipe.kind}'s context ${recipe.context}`,
    });
  }
  return full;
}

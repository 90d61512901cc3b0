// Decides what goes into a recipe's digest: everything that changes the result and nothing else. File contents, not times;
// digests, not tags; secrets by keyed hash, so that the manifest can lie open beside the image.
import { createHmac } from "node:crypto";
import { DeclarationError } from "../model/errors.ts";
import type { Recipe, RecipeDisk, RecipeImage, Step } from "../model/recipe.ts";
import { isSecret } from "../model/secret.ts";
import { archiveFile } from "./archive-file.ts";
import { canonicalJson, type Digest, digestOf } from "./canonical.ts";
import { type ContextFiles, contextFiles } from "./context-files.ts";
import { type DockerfileManifest, describeDockerfile } from "./dockerfile.ts";
import type { ImageSource, ResolvedImage } from "./image-source.ts";

/** Raised when the same recipe would give another result: every image is then built anew. */
export const builderVersion = 2;
/** Raised when the same base would give another tree. Apart, because making a base takes longest. */
export const baseVersion = 1;

/** Raised when the same tree would give another disk. */
export const diskVersion = 2;

export type BaseManifest =
  | {
      readonly kind: "debian-rootfs";
      readonly architecture: string;
      readonly suite: string;
      readonly variant: string;
      readonly components: readonly string[];
      readonly include: readonly string[];
    }
  | { readonly kind: "image"; readonly digest: Digest }
  | DockerfileManifest
  | { readonly kind: "archive"; readonly sha256: string; readonly image?: string }
  | { readonly kind: "recipe"; readonly recipe: string; readonly digest: Digest };

/** What a recipe's digest is taken over. Kept as `manifest.json` beside the image. */
export interface Manifest {
  readonly builder: number;
  readonly name: string;
  readonly version: string;
  readonly base: BaseManifest;
  readonly steps: readonly unknown[];
  readonly files: ContextFiles;
  readonly image: RecipeImage;
  /** Absent where the recipe gives no disk. */
  readonly disk?: RecipeDisk & { readonly builder: number };
}

/** A recipe read together with its files, at one moment. */
export interface Described {
  readonly recipe: Recipe;
  readonly manifest: Manifest;
  readonly digest: Digest;
  /** Of the base alone: what base trees are kept by. For a recipe as base, that recipe's digest. */
  readonly baseDigest: Digest;
  /** The recipe it starts from, where it does. */
  readonly parent: Described | undefined;
  /** The image it starts from, where it does. */
  readonly image: ResolvedImage | undefined;
  /** Recipes that its Dockerfile starts from, by the name there. */
  readonly bases: ReadonlyMap<string, Described>;
}

/** The architecture as OCI and Debian call it. */
export const architecture = { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch;

export interface Describing {
  /** Keys the hash of secrets, asked for when there is one; the store's own, so that digests of recipes with secrets hold on one machine only. */
  readonly salt: () => string;
  readonly source?: ImageSource | undefined;
}

/**
 * Reads what a recipe and its files say now. Touches no engine, except to resolve `fromImage`. A missing file or a path out
 * of the context is a `DeclarationError`.
 */
export async function describeRecipe(recipe: Recipe, describing: Describing): Promise<Described> {
  if (recipe.from.base === "recipe" && recipe.from.recipe.disk !== undefined && recipe.disk === undefined) {
    throw new DeclarationError({
      code: "disk-as-base",
      at: recipe.at,
      seen: `recipe ${recipe.name} gives an image for containers, and starts from ${recipe.from.recipe.name}, which gives a disk`,
      hint: "add disk: {} to it, or start both from a recipe without a disk",
    });
  }
  const files = await contextFiles(recipe);
  const { from } = recipe;
  const parent = from.base === "recipe" ? await describeRecipe(from.recipe, describing) : undefined;
  const image = from.base === "image" ? await resolveImage(recipe, from.reference, describing) : undefined;
  const bases = new Map<string, Described>();
  if (from.base === "dockerfile")
    for (const [name, each] of Object.entries(from.bases)) bases.set(name, await describeRecipe(each, describing));
  const base = await baseManifest(recipe, { parent, image, bases, describing });
  const manifest: Manifest = {
    builder: builderVersion,
    name: recipe.name,
    version: recipe.version,
    base,
    steps: recipe.steps.map((step) => withoutSecrets(stepFacts(step), describing.salt)),
    files,
    image: recipe.image,
    ...(recipe.disk === undefined ? {} : { disk: { builder: diskVersion, ...recipe.disk } }),
  };
  return {
    recipe,
    manifest,
    digest: digestOf(canonicalJson(manifest)),
    baseDigest: parent?.digest ?? digestOf(canonicalJson({ builder: baseVersion, base })),
    parent,
    image,
    bases,
  };
}

interface Below extends Pick<Described, "parent" | "image" | "bases"> {
  readonly describing: Describing;
}

async function baseManifest(recipe: Recipe, { parent, image, bases, describing }: Below): Promise<BaseManifest> {
  const { from } = recipe;
  if (from.base === "dockerfile") {
    const digests = new Map([...bases.values()].map((each) => [each.recipe, each.digest]));
    return describeDockerfile(recipe, from, {
      architecture,
      source: describing.source,
      withoutSecrets: (value) => withoutSecrets(value, describing.salt),
      digestOf: (of) => digests.get(of) as Digest,
    });
  }
  if (from.base === "archive") {
    const { sha256 } = await archiveFile(recipe, from);
    return { kind: "archive", sha256, ...(from.image === undefined ? {} : { image: from.image }) };
  }
  if (parent !== undefined)
    return { kind: "recipe", recipe: `${parent.recipe.name}:${parent.recipe.version}`, digest: parent.digest };
  if (image !== undefined) return { kind: "image", digest: image.digest };
  if (from.base !== "debian-rootfs") throw new TypeError(`base ${from.base} was not resolved`);
  return {
    kind: "debian-rootfs",
    architecture,
    suite: from.suite,
    variant: from.variant,
    components: from.components,
    // The order in which packages are named changes nothing.
    include: [...new Set(from.include)].sort(),
  };
}

async function resolveImage(recipe: Recipe, reference: string, { source }: Describing): Promise<ResolvedImage> {
  if (source !== undefined) return source.resolve(reference);
  throw new DeclarationError({
    code: "no-image-source",
    at: recipe.at,
    seen: `recipe ${recipe.name} starts from image ${reference}, and no engine can be asked for it`,
    hint: 'start one ("assay setup"), or start from debianRootfs',
  });
}

function stepFacts(step: Step): unknown {
  if (step.step === "copy" && step.mode !== undefined) return { ...step, mode: `0${step.mode.toString(8)}` };
  return step;
}

/** The same data with a keyed hash in the place of each secret. */
export function withoutSecrets(value: unknown, salt: () => string): unknown {
  if (isSecret(value))
    return { secret: value.name, hmac: createHmac("sha256", salt()).update(value.reveal()).digest("hex") };
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, salt));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, salt)]));
}

// Decides how a recipe's metadata becomes an OCI image configuration: what it inherits, what it replaces, what is added.
// The same input gives the same bytes, so that an image's id is known without an engine.
import type { ImageConfig } from "../model/image.ts";
import type { RecipeImage } from "../model/recipe.ts";
import { canonicalJson, type Digest, digestOf } from "./canonical.ts";
import { architecture } from "./manifest.ts";

/** Labels that say where an image comes from. */
export const labels = {
  recipe: "dev.assay.recipe",
  recipeDigest: "dev.assay.recipe-digest",
  treeDigest: "dev.assay.tree-digest",
} as const;

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The base's configuration with the recipe's on top. As in a Dockerfile: an entrypoint of one's own drops the base's
 * command; environment, labels, ports and volumes add up.
 */
export function mergeConfig(base: ImageConfig, own: RecipeImage): ImageConfig {
  const cmd = own.cmd ?? (own.entrypoint === undefined ? base.cmd : undefined);
  const simple = {
    entrypoint: own.entrypoint ?? base.entrypoint,
    cmd,
    user: own.user ?? base.user,
    workdir: own.workdir ?? base.workdir,
    stopSignal: own.stopSignal ?? base.stopSignal,
    expose: union(base.expose, own.expose),
    volumes: union(base.volumes, own.volumes),
  };
  return {
    ...Object.fromEntries(Object.entries(simple).filter(([, value]) => value !== undefined)),
    env: { PATH: path, ...base.env, ...own.env },
    labels: { ...base.labels, ...own.labels },
  };
}

function union(base: readonly string[] | undefined, own: readonly string[] | undefined): string[] | undefined {
  return base === undefined && own === undefined ? undefined : [...new Set([...(base ?? []), ...(own ?? [])])].sort();
}

export interface ImageFile {
  /** What the engine will call the image: the digest of `json`. */
  readonly id: Digest;
  readonly json: string;
}

/** The image configuration as the engine reads it. `epochSeconds` is all the time there is in it. */
export function imageFile(config: ImageConfig, diffIds: readonly Digest[], epochSeconds: number): ImageFile {
  const created = new Date(epochSeconds * 1000).toISOString();
  const json = canonicalJson({
    architecture,
    os: "linux",
    created,
    config: {
      Entrypoint: config.entrypoint,
      Cmd: config.cmd,
      Env: Object.entries(config.env ?? {})
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
      Labels: config.labels,
      User: config.user,
      WorkingDir: config.workdir,
      StopSignal: config.stopSignal,
      ExposedPorts: asSet(config.expose),
      Volumes: asSet(config.volumes),
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created, created_by: "assay" })),
  });
  return { id: digestOf(json), json };
}

function asSet(names: readonly string[] | undefined): Record<string, object> | undefined {
  return names === undefined ? undefined : Object.fromEntries(names.map((name) => [name, {}]));
}

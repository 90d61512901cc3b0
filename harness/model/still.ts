// Decides what an image at rest is: one that is judged by its files and its configuration alone, while nothing of it runs. Data only.
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { callSite } from "./call-site.ts";
import { DeclarationError } from "./errors.ts";
import type { ImageFacts } from "./image.ts";
import { readOptions } from "./options.ts";
import { type FromImage, fromImage, type Recipe } from "./recipe.ts";
import type { FileTree } from "./tree.ts";

/** An image that lies on this machine's disk. */
export interface FromFiles {
  readonly still: "docker-archive" | "oci-layout" | "rootfs";
  /** Absolute. */
  readonly path: string;
  /** Which of several: `name:tag`; of a layout also the tag alone. */
  readonly image: string | undefined;
  /** Which of several: `linux/arm64`; absent: this machine's. */
  readonly platform?: string | undefined;
  readonly at: string | undefined;
}

export type StillSource = FromFiles | FromImage | Recipe;

/** An image at rest, opened. */
export interface StillContents {
  readonly tree: FileTree;
  /** Absent where nothing says it: a bare directory has no configuration. */
  readonly image: ImageFacts | undefined;
  /** Said of the node in the report: where the answers come from. */
  readonly facts: Readonly<Record<string, string>>;
  /** Of a disk: its other partitions, by name, as their sizes and digests. */
  readonly parts?: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

const place = z.strictObject({
  /** Directory that a relative path is relative to: `import.meta.dirname`. */
  in: z.string().refine(isAbsolute, "not an absolute path; write import.meta.dirname").optional(),
});
const chosen = place.extend({
  image: z.string().min(1).optional(),
  platform: z
    .string()
    .regex(/^linux\/[a-z0-9]+(\/v\d+)?$/, "write linux/arm64, or linux/arm/v7")
    .optional(),
});

/**
 * An image in a file, as `docker save` and `podman save` write it, or an OCI layout in a tar. Layers may be gzip or zstd; the file itself
 * is no compressed one. One of another platform than `platform` names is refused.
 * No engine is asked. @example fromDockerArchive("soe.tar", { in: import.meta.dirname, image: "soe:0.1.0" })
 */
export function fromDockerArchive(path: string, options: z.input<typeof chosen> = {}): FromFiles {
  return located("docker-archive", path, readOptions("fromDockerArchive", chosen, options));
}

/**
 * An image in a directory with `oci-layout` and `index.json`, as skopeo and buildah write it. Of several platforms, this machine's, or
 * the one that `platform` names: nothing runs, so that any will do.
 * No engine is asked. @example fromOciLayout("layout", { in: import.meta.dirname, image: "0.1.0" })
 */
export function fromOciLayout(path: string, options: z.input<typeof chosen> = {}): FromFiles {
  return located("oci-layout", path, readOptions("fromOciLayout", chosen, options));
}

/**
 * A directory that holds a root file system. Owners are those that the directory's files have here. Links are followed inside it
 * alone. @example fromRootfs("/srv/rootfs")
 */
export function fromRootfs(path: string, options: z.input<typeof place> = {}): FromFiles {
  return located("rootfs", path, { ...readOptions("fromRootfs", place, options), image: undefined });
}

function located(
  still: FromFiles["still"],
  path: string,
  options: Pick<FromFiles, "platform"> & { readonly in?: string | undefined; readonly image?: string | undefined },
): FromFiles {
  const at = callSite();
  if (!isAbsolute(path) && options.in === undefined)
    throw new DeclarationError({
      code: "bad-path",
      at,
      seen: `"${path}" is relative to nothing`,
      hint: "write an absolute path, or { in: import.meta.dirname }",
    });
  return {
    still,
    path: isAbsolute(path) ? path : join(options.in ?? "/", path),
    image: options.image,
    platform: options.platform,
    at,
  };
}

const stillOptions = z.strictObject({
  /** Where the image is: files of this machine, a recipe, or `name:tag` that the engine has. */
  image: z.union([
    z.string().transform((reference) => fromImage(reference)),
    z.custom<StillSource>(
      (value) =>
        typeof value === "object" &&
        value !== null &&
        ("still" in value ||
          ("kind" in value && value.kind === "recipe") ||
          ("base" in value && value.base === "image")),
      "expected fromDockerArchive(…), fromOciLayout(…), fromRootfs(…), a recipe, fromImage(…) or name:tag",
    ),
  ]),
});

export interface StillDeclaration {
  readonly kind: "image";
  readonly image: StillSource;
  readonly networks: readonly string[];
  readonly after: readonly string[];
  readonly awaits: readonly [];
  readonly memory: undefined;
  readonly at: string | undefined;
}

/**
 * Declares an image that is judged at rest: nothing is started, nothing is written, and but for `name:tag` no engine is asked. Checks
 * of files, contents, users, groups, packages of dpkg, apk and rpm, repositories, cron, licences and the image's metadata are answered; every
 * other is errored, as it needs a running container. Whiteouts of layers are applied. An image of an engine is read by its export, in which the engine has added
 * `/.dockerenv`, `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.
 *
 * Programs of the image have no part in the answers: where an image's own `stat` lies, this tells.
 *
 * @example
 * export const released = defineEnvironment("released", {
 *   nodes: { soe: stillImage({ image: fromDockerArchive("/srv/soe-0.1.0.tar") }) },
 * });
 */
export function stillImage(options: z.input<typeof stillOptions>): StillDeclaration {
  const at = callSite();
  const { image } = readOptions("stillImage", stillOptions, options);
  return { kind: "image", image, networks: [], after: [], awaits: [], memory: undefined, at };
}

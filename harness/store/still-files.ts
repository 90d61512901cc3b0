// Decides which files make an image: by the manifest of `docker save`, or by the index of an OCI layout. Reads JSON, opens layers;
// names nothing outside of the archive or layout, whatever its JSON says.
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { FromFiles } from "../model/still.ts";
import { badArchive, sayName } from "./bad-archive.ts";
import { type ImageParts, partsOfDirectory, partsOfTar, textOf } from "./image-parts.ts";
import { layerInFile, type StillLayer } from "./still-layer.ts";

/** An image as its archive has it, before its tree is read. */
export interface StillFiles {
  /** The lowest first. */
  readonly layers: readonly StillLayer[];
  /** The OCI image configuration, as JSON. */
  readonly config: Buffer;
  readonly tags: readonly string[];
  close(): Promise<void>;
}

type Wanted = Pick<FromFiles, "path" | "image" | "platform" | "at">;

/** Of a tar, in either format. */
export function imageArchive(wanted: Wanted): Promise<StillFiles> {
  return read(partsOfTar(wanted.path, wanted.at), wanted);
}

/** Of a directory. */
export function ociLayout(wanted: Wanted): Promise<StillFiles> {
  return read(partsOfDirectory(wanted.path, wanted.at), wanted, ociImage);
}

async function read(opening: ImageParts | Promise<ImageParts>, wanted: Wanted, how?: typeof ociImage) {
  const parts = await opening;
  try {
    // Newer dockers write both.
    const image = how ?? (parts.has("index.json") && !parts.has("manifest.json") ? ociImage : dockerImage);
    const { platform, ...found } = await image(parts, wanted);
    checkPlatform(platform ?? platformOf(parse(found.config, parts.where)), wanted);
    return { ...found, close: () => parts.close() };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

interface Image extends Omit<StillFiles, "close"> {
  /** As an index has it. */
  readonly platform?: string | undefined;
}

/** `manifest.json`, in which each image has a configuration, tags and layers by their names in the archive. */
async function dockerImage(parts: ImageParts, { path, image, at }: Wanted): Promise<Image> {
  const { where } = parts;
  const images = readManifest(await textOf(parts, "manifest.json"), where);
  const names = ({ tags, config }: (typeof images)[number]) => [
    ...tags,
    `sha256:${basename(config).replace(/\.json$/, "")}`,
  ];
  const chosen = images.filter((each) => image === undefined || names(each).includes(image));
  const [only] = chosen;
  if (only === undefined || chosen.length > 1) throw choose(path, image, images.flatMap(names), at);
  const layers = only.layers.map(async (name, index) => {
    const { file, start, bytes } = await parts.open(name);
    return layerInFile(`layer ${index + 1} of ${where}`, file, start, bytes);
  });
  return { layers: await Promise.all(layers), config: await textOf(parts, only.config), tags: only.tags };
}

/** `index.json`, whose manifests name blobs by their digests. Each that is read whole is held against its digest. */
async function ociImage(parts: ImageParts, { path, image, platform, at }: Wanted): Promise<Image> {
  const { where } = parts;
  const blob = async (digest: string) => {
    const bytes = await textOf(parts, blobPath(digest, where));
    if (createHash("sha256").update(bytes).digest("hex") !== digest.slice(7))
      throw badArchive(where, `blob ${digest} is not what its name says`);
    return bytes;
  };
  const all = readIndex(await textOf(parts, "index.json"), where);
  const wanted = platform ?? `linux/${{ x64: "amd64" }[process.arch as string] ?? process.arch}`;
  const tagged = all.filter(
    ({ digest, tag }) =>
      image === undefined || digest === image || (tag !== undefined && (tag === image || tag.endsWith(`:${image}`))),
  );
  // Several platforms of one image may lie side by side under its name.
  const named = tagged.length > 1 && tagged.every((each) => each.platform) ? ofPlatform(tagged, wanted) : tagged;
  const [only] = named;
  if (only === undefined || new Set(named.map(({ digest }) => digest)).size > 1)
    throw choose(
      path,
      image,
      all.map(({ tag, digest }) => tag ?? digest),
      at,
    );
  let { platform: said } = only;
  let manifest = parse(await blob(only.digest), where);
  if (Array.isArray(manifest["manifests"])) {
    const platforms = readIndex(Buffer.from(JSON.stringify(manifest)), where);
    const [mine] = ofPlatform(platforms, wanted);
    if (mine === undefined)
      throw choose(
        path,
        wanted,
        platforms.flatMap((each) => (each.platform === undefined ? [] : [each.platform])),
        at,
      );
    said = mine.platform;
    manifest = parse(await blob(mine.digest), where);
  }
  const { config, layers } = readOciManifest(manifest, where);
  const opening = layers.map(async (digest, index) => {
    const { file, start, bytes } = await parts.open(blobPath(digest, where));
    return layerInFile(`layer ${index + 1} of ${where}`, file, start, bytes, digest.slice(7));
  });
  return {
    layers: await Promise.all(opening),
    config: await blob(config),
    tags: only.tag === undefined ? [] : [only.tag],
    platform: said,
  };
}

function choose(
  path: string,
  image: string | undefined,
  there: readonly string[],
  at: string | undefined,
): DeclarationError {
  const list = there.slice(0, 20).map(sayName).join(", ");
  return new DeclarationError({
    code: "image-missing",
    at,
    seen: `${path} ${image === undefined ? "has several images, or none" : `has no one image ${JSON.stringify(image)}`}; it has ${list || "none with a name"}`,
    hint: 'name one: { image: "name:tag" }',
  });
}

function blobPath(digest: string, where: string): string {
  // It becomes a path: nothing but this form may.
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw badArchive(where, `${sayName(digest)} is no digest`, "archive-escapes");
  return join("blobs", "sha256", digest.slice(7));
}

type Json = Readonly<Record<string, unknown>>;

/** The object that JSON of an image is. */
export function parse(bytes: Buffer, where: string): Json {
  try {
    const read: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof read === "object" && read !== null) return read as Json;
  } catch (error) {
    throw badArchive(where, `its JSON cannot be read: ${messageOf(error)}`);
  }
  throw badArchive(where, "its JSON is no object");
}

const texts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");

/** The images of a `manifest.json`. */
export function readManifest(
  bytes: Buffer,
  where: string,
): readonly { readonly config: string; readonly tags: readonly string[]; readonly layers: readonly string[] }[] {
  const list = Object.values(parse(bytes, where)) as readonly Json[];
  return list.map((each) => {
    const [config, tags, layers] = [each?.["Config"], each?.["RepoTags"] ?? [], each?.["Layers"]];
    if (typeof config !== "string" || !texts(tags) || !texts(layers))
      throw badArchive(where, "manifest.json does not name configuration and layers");
    return { config, tags, layers };
  });
}

function readIndex(
  bytes: Buffer,
  where: string,
): readonly { readonly digest: string; readonly tag: string | undefined; readonly platform: string | undefined }[] {
  const { manifests } = parse(bytes, where);
  if (!Array.isArray(manifests)) throw badArchive(where, "its index has no manifests");
  return (manifests as readonly Json[]).map((each) => {
    const tag = (each?.["annotations"] as Json | undefined)?.["org.opencontainers.image.ref.name"];
    return {
      digest: String(each?.["digest"]),
      tag: typeof tag === "string" ? tag : undefined,
      platform: platformOf((each?.["platform"] ?? {}) as Json),
    };
  });
}

/** `linux/arm/v7`, of an index or of an image's configuration; `undefined` where that does not say it. */
function platformOf({ os, architecture, variant }: Json): string | undefined {
  return architecture === undefined ? undefined : [os ?? "linux", architecture, variant].filter(Boolean).join("/");
}

/** Where nobody had to choose among several, the one that there is may still be another than the one that was named. */
function checkPlatform(there: string | undefined, { path, platform, at }: Wanted): void {
  if (platform === undefined) return;
  if (
    there !== undefined &&
    (ofPlatform([{ platform: there }], platform).length > 0 || platform.startsWith(`${there}/`))
  )
    return;
  throw new DeclarationError({
    code: "image-missing",
    at,
    seen: `${path} is for ${there ?? "a platform that it does not say"}, and ${platform} was declared`,
  });
}

/** `linux/arm` is any of its variants. */
function ofPlatform<Each extends { readonly platform: string | undefined }>(
  all: readonly Each[],
  wanted: string,
): Each[] {
  return all.filter(({ platform }) => platform === wanted || platform?.startsWith(`${wanted}/`) === true);
}

function readOciManifest(
  manifest: Json,
  where: string,
): { readonly config: string; readonly layers: readonly string[] } {
  const { config, layers } = manifest as { config?: Json; layers?: readonly Json[] };
  if (typeof config?.["digest"] !== "string" || !Array.isArray(layers))
    throw badArchive(where, "its manifest names no configuration or no layers");
  return { config: config["digest"], layers: layers.map((each) => String(each?.["digest"])) };
}

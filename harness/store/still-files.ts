// Decides how the files of an image are found: in a `docker save` archive, in an OCI layout. Reads JSON, opens layers; names nothing
// outside of the archive or layout, whatever its JSON says.
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, join } from "node:path";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { FromFiles } from "../model/still.ts";
import { archiveLimits, badArchive, sayName } from "./bad-archive.ts";
import { FileSource } from "./byte-source.ts";
import { layerInFile, type StillLayer } from "./still-layer.ts";
import { readTar } from "./tar-entries.ts";

/** An image as its archive has it, before its tree is read. */
export interface StillFiles {
  /** The lowest first. */
  readonly layers: readonly StillLayer[];
  /** The OCI image configuration, as JSON. */
  readonly config: Buffer;
  readonly tags: readonly string[];
  close(): Promise<void>;
}

/** A file that is read, and not a pipe that is waited for. Rejects with a `DeclarationError` (code `image-missing`). */
async function regular(path: string, at: string | undefined): Promise<FileHandle & { readonly bytes: number }> {
  const refused = (seen: string, cause?: unknown) =>
    new DeclarationError({ code: "image-missing", at, seen: `image ${path} ${seen}`, cause });
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: unknown) => {
      throw refused(`cannot be read: ${messageOf(error)}`, error);
    },
  );
  const stat = await file.stat();
  if (stat.isFile()) return Object.assign(file, { bytes: stat.size });
  await file.close();
  throw refused("is not a file");
}

/** `manifest.json`, in which each image has a configuration, tags and layers by their names in the archive. */
export async function dockerArchive({ path, image, at }: FromFiles): Promise<StillFiles> {
  const file = await regular(path, at);
  const where = basename(path);
  try {
    const head = Buffer.alloc(6);
    await file.read(head, 0, 6, 0);
    if (
      head.readUInt16BE(0) === 0x1f8b ||
      head.readUInt32BE(0) === 0x28b52ffd ||
      head.toString("latin1") === "\xfd7zXZ\0"
    )
      throw badArchive(where, "it is compressed as a whole; decompress it first, its layers may stay compressed");
    const members = new Map<string, { readonly at: number; readonly size: number } | { readonly link: string }>();
    await readTar(new FileSource(file, 0, file.bytes), where, ({ name, mode, size, at: place, link, hardLink }) => {
      if (members.size >= 20_000) throw badArchive(where, "it has too many members for an image", "archive-too-big");
      // Old dockers link to a layer that an image of the archive shares with another.
      if (mode >> 12 === 0o12) members.set(name, { link: join(name, "..", link) });
      else if (hardLink) members.set(name, { link });
      else if (mode >> 12 === 0o10 && place !== undefined) members.set(name, { at: place, size });
      return undefined;
    });
    const member = (name: string) => {
      let found = members.get(name);
      for (let links = 0; found !== undefined && "link" in found && links < 8; links += 1)
        found = members.get(found.link);
      if (found === undefined || "link" in found) throw badArchive(where, `there is no file ${sayName(name)} in it`);
      return found;
    };
    const text = async (name: string) => {
      const { at: place, size } = member(name);
      if (size > archiveLimits.jsonBytes)
        throw badArchive(where, `${sayName(name)} has ${size} bytes`, "archive-too-big");
      const bytes = Buffer.alloc(size);
      await file.read(bytes, 0, size, place);
      return bytes;
    };
    const images = readManifest(await text("manifest.json"), where);
    const tags = images.flatMap((each) => each.tags);
    const chosen = images.filter((each) => image === undefined || each.tags.includes(image));
    const [only] = chosen;
    if (only === undefined || chosen.length > 1) throw choose(path, image, tags, at);
    const layers = only.layers.map((name, index) => {
      const { at: start, size } = member(name);
      return layerInFile(`layer ${index + 1} of ${where}`, file, start, size);
    });
    return {
      layers: await Promise.all(layers),
      config: await text(only.config),
      tags: only.tags,
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** `index.json`, whose manifests name blobs by their digests. Each that is read whole is held against its digest. */
export async function ociLayout({ path, image, at }: FromFiles): Promise<StillFiles> {
  const opened: FileHandle[] = [];
  const where = basename(path);
  const file = async (name: string) => {
    const each = await regular(join(path, name), at);
    opened.push(each);
    return each;
  };
  const text = async (name: string) => {
    const each = await file(name);
    if (each.bytes > archiveLimits.jsonBytes)
      throw badArchive(where, `${name} has ${each.bytes} bytes`, "archive-too-big");
    return each.readFile();
  };
  const blob = async (digest: string) => {
    const bytes = await text(blobPath(digest, where));
    if (createHash("sha256").update(bytes).digest("hex") !== digest.slice(7))
      throw badArchive(where, `blob ${digest} is not what its name says`);
    return bytes;
  };
  try {
    const all = readIndex(await text("index.json"), where);
    const named = all.filter(
      ({ tag }) => image === undefined || (tag !== undefined && (tag === image || tag.endsWith(`:${image}`))),
    );
    const [only] = named;
    if (only === undefined || new Set(named.map(({ digest }) => digest)).size > 1)
      throw choose(
        path,
        image,
        all.flatMap(({ tag }) => (tag === undefined ? [] : [tag])),
        at,
      );
    let manifest = parse(await blob(only.digest), where);
    if (Array.isArray(manifest["manifests"])) {
      const platforms = readIndex(Buffer.from(JSON.stringify(manifest)), where);
      const wanted = { x64: "amd64" }[process.arch as string] ?? process.arch;
      const mine = platforms.find(({ platform }) => platform === `linux/${wanted}`);
      if (mine === undefined)
        throw choose(
          path,
          `linux/${wanted}`,
          platforms.flatMap(({ platform }) => (platform === undefined ? [] : [platform])),
          at,
        );
      manifest = parse(await blob(mine.digest), where);
    }
    const { config, layers } = readOciManifest(manifest, where);
    const opening = layers.map(async (digest, index) => {
      const each = await file(blobPath(digest, where));
      return layerInFile(`layer ${index + 1} of ${where}`, each, 0, each.bytes, digest.slice(7));
    });
    return {
      layers: await Promise.all(opening),
      config: await blob(config),
      tags: only.tag === undefined ? [] : [only.tag],
      close: async () => void (await Promise.all(opened.map((each) => each.close()))),
    };
  } catch (error) {
    await Promise.allSettled(opened.map((each) => each.close()));
    throw error;
  }
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

function readManifest(
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
    const { os, architecture } = (each?.["platform"] ?? {}) as Json;
    return {
      digest: String(each?.["digest"]),
      tag: typeof tag === "string" ? tag : undefined,
      platform: architecture === undefined ? undefined : `${String(os)}/${String(architecture)}`,
    };
  });
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

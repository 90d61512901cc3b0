// Decides how an image at rest is opened, wherever it lies. Starts nothing, writes nothing.
import { constants, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { DeclarationError, messageOf } from "../model/errors.ts";
import type { BuiltImage, ImageConfig, ImageFacts } from "../model/image.ts";
import type { FromFiles, StillContents } from "../model/still.ts";
import { badArchive } from "./bad-archive.ts";
import { digestOf } from "./canonical.ts";
import { isDisk, openDisk } from "./still-disk.ts";
import { imageArchive, ociLayout, parse } from "./still-files.ts";
import { layerInFile, layerInStream } from "./still-layer.ts";
import { RootfsTree } from "./still-rootfs.ts";
import { StillTree } from "./still-tree.ts";

/** Of files on this machine. Rejects with a `DeclarationError` where nothing is there, else with those of `badArchive`. */
export async function openStill(source: FromFiles): Promise<StillContents> {
  const facts = { probedBy: "archive", source: source.still, path: source.path };
  if (source.still === "rootfs") {
    if (!(statSync(source.path, { throwIfNoEntry: false })?.isDirectory() ?? false))
      throw new DeclarationError({ code: "image-missing", at: source.at, seen: `${source.path} is no directory` });
    return { tree: new RootfsTree(source.path), image: undefined, facts, close: async () => {} };
  }
  const files = await (source.still === "oci-layout" ? ociLayout(source) : imageArchive(source));
  try {
    const image = imageOf(files.config, files.tags, basename(source.path));
    return { tree: await StillTree.of(files.layers), image, facts: { ...facts, image: image.id }, close: files.close };
  } catch (error) {
    await files.close();
    throw error;
  }
}

/**
 * Of a file, whatever it holds: an image in either format, a root file system as one tar, which may be gzip or zstd, or a disk, raw or qcow2.
 * Rejects as `openStill` and `openDisk` do.
 */
export async function openFile(source: FromFiles): Promise<StillContents> {
  const { path, at, image } = source;
  const refused = (seen: string, cause?: unknown) =>
    new DeclarationError({ code: "image-missing", at, seen: `${path} ${seen}`, cause });
  // Before it is opened: a pipe would be waited for.
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw refused("is not a file");
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(
    (error: unknown) => {
      throw refused(`cannot be read: ${messageOf(error)}`, error);
    },
  );
  try {
    const { buffer: head } = await file.read(Buffer.alloc(1100), 0, 1100, 0);
    if (image === undefined && isDisk(head)) return await openDisk(file, path, basename(path), at);
    const tree = await StillTree.of([await layerInFile(basename(path), file, 0, stat.size)]);
    const [saved, index, ...system] = await tree.look(["/manifest.json", "/index.json", "/etc", "/usr"]);
    // A root file system may have any file; an image's archive has no such directories.
    const root = system.some((entry) => entry !== undefined) || (saved === undefined && index === undefined);
    if (image === undefined && root)
      return {
        tree,
        image: undefined,
        facts: { probedBy: "archive", source: "rootfs tar", path },
        close: () => file.close(),
      };
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return openStill(source);
}

/** Of a recipe: its archive, or the tree of a disk. */
export async function openBuilt(built: BuiltImage): Promise<StillContents> {
  const path = built.archive ?? built.tree;
  const still = built.archive === undefined ? "rootfs" : "docker-archive";
  const { facts, ...opened } = await openStill({ still, path, image: undefined, at: undefined });
  return { ...opened, facts: { ...facts, source: "recipe", recipe: built.recipeDigest } };
}

/** Of an engine: `flat` gives the file system as one tar, anew at each call. */
export async function openExported(
  reference: string,
  image: ImageFacts,
  flat: () => Promise<Readable>,
): Promise<StillContents> {
  const tree = await StillTree.of([layerInStream(`the engine's export of ${reference}`, flat)]);
  return { tree, image, facts: { probedBy: "archive", source: "engine", image: image.id }, close: async () => {} };
}

/** What the configuration says; what it does not say is empty. Strings of another kind are refused. */
export function imageOf(json: Buffer, tags: readonly string[], where: string): ImageFacts {
  const read = parse(json, where);
  const config = (read["config"] ?? {}) as Readonly<Record<string, unknown>>;
  const text = (value: unknown, what: string): string => {
    if (value === undefined || value === null) return "";
    if (typeof value !== "string") throw badArchive(where, `${what} of its configuration is no text`);
    return value;
  };
  const list = (value: unknown, what: string): string[] => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw badArchive(where, `${what} of its configuration is no list`);
    return value.map((each) => text(each, what));
  };
  const names = (value: unknown, what: string): string[] => {
    if (value === undefined || value === null) return [];
    if (typeof value !== "object") throw badArchive(where, `${what} of its configuration is no set`);
    return Object.keys(value).sort();
  };
  const env = list(config["Env"], "Env").map((pair) => {
    const at = pair.indexOf("=");
    return at === -1 ? ([pair, ""] as const) : ([pair.slice(0, at), pair.slice(at + 1)] as const);
  });
  const labels = names(config["Labels"], "Labels").map(
    (name) => [name, text((config["Labels"] as Record<string, unknown>)[name], "Labels")] as const,
  );
  const stopSignal = text(config["StopSignal"], "StopSignal");
  const known: Required<Omit<ImageConfig, "stopSignal">> & Pick<ImageConfig, "stopSignal"> = {
    entrypoint: list(config["Entrypoint"], "Entrypoint"),
    cmd: list(config["Cmd"], "Cmd"),
    env: Object.fromEntries(env),
    labels: Object.fromEntries(labels),
    user: text(config["User"], "User"),
    workdir: text(config["WorkingDir"], "WorkingDir"),
    expose: names(config["ExposedPorts"], "ExposedPorts"),
    volumes: names(config["Volumes"], "Volumes"),
    ...(stopSignal === "" ? {} : { stopSignal }),
  };
  const [architecture, created] = [text(read["architecture"], "architecture"), text(read["created"], "created")];
  const history = historyOf(read["history"], where);
  return {
    id: digestOf(json.toString("utf8")),
    tags,
    architecture,
    created,
    config: known,
    ...(history === undefined ? {} : { history }),
  };
}

/** What each step says that it ran. */
function historyOf(value: unknown, where: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw badArchive(where, "history of its configuration is no list");
  return value.map((step: { readonly created_by?: unknown } | null) => String(step?.created_by ?? ""));
}

// Decides how an image in a file becomes a tree: layers in their order, each checked by its digest, whiteouts applied. Trusts nothing in
// the file: names, links and digests are the image's word, and no file is written but below the tree.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
} from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { extract } from "tar-stream";
import { ProvisionError } from "../model/errors.ts";
import type { ImageConfig } from "../model/image.ts";
import { findTool, runTool, type Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";

const script = join(import.meta.dirname, "unpack-layer.sh");

interface ConfigFile {
  readonly created?: string;
  readonly architecture?: string;
  readonly config?: {
    readonly Entrypoint?: readonly string[] | null;
    readonly Cmd?: readonly string[] | null;
    readonly Env?: readonly string[] | null;
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly User?: string;
    readonly WorkingDir?: string;
    readonly StopSignal?: string;
    readonly ExposedPorts?: Readonly<Record<string, unknown>> | null;
    readonly Volumes?: Readonly<Record<string, unknown>> | null;
  };
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
}

/** Unpacks an archive into the workplace's tree. A `ProvisionError` of code `bad-archive` says what is wrong with it. */
export async function unpackArchive(
  place: Workplace,
  archive: string,
  image?: string,
): Promise<{ readonly config: ImageConfig; readonly created: string | undefined }> {
  const files = join(place.scratch, "archive");
  await mkdir(files);
  const opened = ["--extract", "--no-same-owner", "--no-same-permissions", "--directory", files, "--file", archive];
  if ((await runTool(place, [findTool("tar", place.recipe), ...opened])) !== 0)
    throw bad(place, `tar cannot read it: ${place.log.lines.slice(-2).join(" / ")}`);
  const { config: configPath, layers } = imageIn(place, files, image);
  const config = json<ConfigFile>(place, files, configPath);
  const ids = config.rootfs?.diff_ids ?? [];
  if (ids.length !== layers.length)
    throw bad(place, `its configuration tells of ${ids.length} layers, and it has ${layers.length}`);
  await mkdir(place.tree, { mode: 0o755 });
  const tools = lendTar(place);
  for (const [at, layer] of layers.entries())
    await applyLayer(place, member(place, files, layer), ids[at] ?? "", tools);
  await rm(files, { recursive: true, force: true });
  return { config: imageConfig(config), created: config.created };
}

/** Paths of the configuration and the layers, lowest first, in either format. */
function imageIn(
  place: Workplace,
  files: string,
  wanted: string | undefined,
): { config: string; layers: readonly string[] } {
  const blob = (digest: unknown) => {
    const [, kind, hex] = /^(sha256|sha512):([0-9a-f]+)$/.exec(String(digest)) ?? [];
    if (hex === undefined) throw bad(place, `"${String(digest)}" is no digest`);
    return `blobs/${kind}/${hex}`;
  };
  if (lstatSync(join(files, "manifest.json"), { throwIfNoEntry: false }) !== undefined) {
    const all = json<{ Config?: string; RepoTags?: string[] | null; Layers?: string[] }[]>(
      place,
      files,
      "manifest.json",
    );
    const choice = one(place, all, wanted, ({ Config = "", RepoTags }) => [
      ...(RepoTags ?? []),
      `sha256:${basename(Config, ".json")}`,
    ]);
    return { config: choice.Config ?? "", layers: choice.Layers ?? [] };
  }
  type Index = { manifests?: { digest?: string; mediaType?: string; annotations?: Record<string, string> }[] };
  const index = json<Index>(place, files, "index.json");
  const names = (each: NonNullable<Index["manifests"]>[number]) => [
    each.digest ?? "",
    ...Object.entries(each.annotations ?? {}).flatMap(([key, value]) =>
      /ref\.name$|image\.name$/.test(key) ? [value] : [],
    ),
  ];
  const choice = one(place, index.manifests ?? [], wanted, names);
  const manifest = json<{ config?: { digest?: string }; layers?: { digest?: string }[] }>(
    place,
    files,
    blob(choice.digest),
  );
  return { config: blob(manifest.config?.digest), layers: (manifest.layers ?? []).map(({ digest }) => blob(digest)) };
}

function one<Each>(
  place: Workplace,
  all: readonly Each[],
  wanted: string | undefined,
  names: (each: Each) => string[],
): Each {
  const fitting = wanted === undefined ? all : all.filter((each) => names(each).includes(wanted));
  const [only] = fitting;
  if (only !== undefined && fitting.length === 1) return only;
  const known = all.flatMap(names).join(", ") || "none";
  throw bad(
    place,
    `it has ${fitting.length} images${wanted === undefined ? "" : ` "${wanted}"`}; name one of ${known}`,
  );
}

function json<Shape>(place: Workplace, files: string, path: string): Shape {
  const full = member(place, files, path);
  if (lstatSync(full).size > 16 << 20) throw bad(place, `${path} has more than 16 MiB`);
  try {
    return JSON.parse(readFileSync(full, "utf8")) as Shape;
  } catch {
    throw bad(place, `${path} is no JSON`);
  }
}

/** A regular file of the unpacked archive, links followed within it. */
function member(place: Workplace, files: string, path: string): string {
  let full: string;
  try {
    full = realpathSync(join(files, path));
  } catch {
    throw bad(place, `it has no ${JSON.stringify(path)}`);
  }
  if (!full.startsWith(`${realpathSync(files)}/`) || !lstatSync(full).isFile())
    throw bad(place, `${JSON.stringify(path)} is no file of its own`);
  return full;
}

async function applyLayer(place: Workplace, file: string, diffId: string, tools: string): Promise<void> {
  const plain = join(place.scratch, "layer.tar");
  const hash = createHash("sha256");
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const open = decompressor(file);
  await pipeline([
    createReadStream(file),
    ...(open === undefined ? [] : [open]),
    counting,
    createWriteStream(plain),
  ]).catch((error: NodeJS.ErrnoException) =>
    Promise.reject(error.code === "ENOSPC" ? error : bad(place, `a layer cannot be read: ${error.message}`)),
  );
  const seen = `sha256:${hash.digest("hex")}`;
  if (seen !== diffId) throw bad(place, `a layer is ${seen}, and its configuration says ${diffId}`);
  for (const mark of await whiteouts(place, plain)) await applyWhiteout(place, mark);
  const lent = join(place.tree, ".assay-tools");
  mkdirSync(lent);
  const status = await runTool(place, ["sh", script, place.tree, tools, plain]);
  if (status !== 0) throw bad(place, `layer ${diffId} cannot be unpacked: ${place.log.lines.slice(-3).join(" / ")}`);
  await rm(lent, { recursive: true });
  await rm(plain);
}

function decompressor(file: string) {
  const head = execFileSync("head", ["--bytes=4", file]);
  if (head.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return createGunzip();
  return head.equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) ? createZstdDecompress() : undefined;
}

async function whiteouts(place: Workplace, layer: string): Promise<string[]> {
  const found: string[] = [];
  const reader = extract();
  reader.on("entry", (header, stream, next) => {
    if (basename(header.name).startsWith(".wh.")) found.push(header.name);
    stream.on("end", next);
    stream.resume();
  });
  await pipeline(createReadStream(layer), reader).catch((error: Error) =>
    Promise.reject(bad(place, `a layer is no tar: ${error.message}`)),
  );
  return found;
}

async function applyWhiteout(place: Workplace, mark: string): Promise<void> {
  // `inTree` keeps to the tree, whatever the path says; the last part is taken as it is.
  const directory = await inTree(place.tree, dirname(mark));
  const name = basename(mark).slice(".wh.".length);
  if (name === ".wh..opq") {
    for (const each of await readdir(directory).catch(() => []))
      await rm(join(directory, each), { recursive: true, force: true });
    return;
  }
  if (name === "" || name === "." || name === "..") throw bad(place, `${JSON.stringify(mark)} is no whiteout`);
  await rm(join(directory, name), { recursive: true, force: true });
}

/** A directory with tar and what it needs, for a tree that may have none. */
function lendTar(place: Workplace): string {
  const lent = join(place.scratch, "tools");
  mkdirSync(lent, { mode: 0o755 });
  const tar = findTool("tar", place.recipe);
  copyFileSync(tar, join(lent, "tar"));
  for (const [library] of execFileSync("ldd", [tar], { encoding: "utf8" }).matchAll(/\/\S+/g))
    copyFileSync(library, join(lent, /^ld-/.test(basename(library)) ? "ld.so" : basename(library)));
  return lent;
}

function imageConfig({ config = {} }: ConfigFile): ImageConfig {
  const pairs = (config.Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  const told = {
    entrypoint: config.Entrypoint ?? undefined,
    cmd: config.Cmd ?? undefined,
    env: Object.fromEntries(pairs) as Record<string, string>,
    labels: config.Labels ?? undefined,
    user: config.User || undefined,
    workdir: config.WorkingDir || undefined,
    stopSignal: config.StopSignal,
    expose: config.ExposedPorts == null ? undefined : Object.keys(config.ExposedPorts),
    volumes: config.Volumes == null ? undefined : Object.keys(config.Volumes),
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined));
}

function bad(place: Workplace, seen: string): ProvisionError {
  return new ProvisionError({
    code: "bad-archive",
    phase: "build",
    node: place.recipe,
    seen: `its archive is not good: ${seen}`,
  });
}

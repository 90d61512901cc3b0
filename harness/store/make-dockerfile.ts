// Decides how a Dockerfile becomes a tree: staged files, images put in the places of their names, a builder, and what it gives unpacked.
// Leaves nothing on an engine and nothing of a secret anywhere.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { HarnessError } from "../model/errors.ts";
import type { BuiltImage, ImageConfig } from "../model/image.ts";
import { type FromDockerfile, inContext } from "../model/recipe.ts";
import { stageFiles } from "./context-files.ts";
import type { DockerfileManifest } from "./dockerfile.ts";
import { imageWords, newerThanSome, withImages } from "./dockerfile-words.ts";
import type { ImageSource } from "./image-source.ts";
import type { Described } from "./manifest.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";
import { unpackArchive } from "./unpack-archive.ts";
import { unpackTree } from "./unpack-tree.ts";

/** Times of files in the context, and the least that a layer's newer times are dated back to. Seconds. */
export const contextEpoch = 1_700_000_000;

export interface DockerfileMaking {
  readonly described: Described;
  readonly place: Workplace;
  readonly source: ImageSource | undefined;
  /** Images of the recipes that it starts from, by the name in the Dockerfile. */
  readonly bases: ReadonlyMap<string, BuiltImage>;
  /** Seconds: newer times are dated back to it. */
  readonly epochSeconds: number;
}

/** Builds in the workplace's tree; the image's configuration. A `ProvisionError` of code `dockerfile-failed` has the builder's last words. */
export async function makeDockerfile(making: DockerfileMaking, from: FromDockerfile): Promise<ImageConfig> {
  const { described, place, bases } = making;
  const manifest = described.manifest.base as DockerfileManifest;
  place.log.begin(`dockerfile ${from.directory}`);
  const { recipe } = described;
  await stageFiles({ ...recipe, context: inContext(recipe, from.directory) }, manifest.files, place.context);
  const file = join(place.context, from.file);
  const text = readFileSync(file, "utf8");
  // In its own place: a builder takes a Dockerfile from the context, and one under another name would be a file more in it.
  const own = withImages(text, imageWords(text, from.args), (name) => {
    const digest = bases.get(name)?.imageId ?? manifest.images[name] ?? name;
    // buildah knows images by bare ids.
    return from.builder === "buildah" ? digest.replace(/^sha256:/, "") : digest;
  });
  if (own !== text) writeFileSync(file, own);
  return from.builder === "buildah" ? byBuildah(making, from) : byEngine(making, from);
}

async function byEngine(making: DockerfileMaking, from: FromDockerfile): Promise<ImageConfig> {
  const { place, source, bases } = making;
  const builds = source?.builds;
  if (source === undefined || builds === undefined) throw new TypeError("a builder that nobody asked for its version");
  for (const image of bases.values()) await builds.load(image);
  const sorted = ["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${contextEpoch}`];
  const tar = spawn(
    "tar",
    [...sorted, "--format=posix", "--pax-option=delete=atime,delete=ctime", "--directory", place.context, "."],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    },
  );
  const { file, target, args } = from;
  let id: string;
  try {
    id = await builds.build({
      context: tar.stdout,
      file,
      target,
      args,
      say: (line) => place.log.write(line),
      signal: place.signal,
    });
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code === "cancelled") throw error;
    throw failure(making, from, error.code, error.seen);
  } finally {
    if (tar.exitCode === null && tar.signalCode === null) {
      const ended = once(tar, "exit");
      tar.kill("SIGKILL");
      await ended;
    }
  }
  try {
    const { config } = await source.resolve(id);
    await unpackTree(place, id, await source.export(id));
    return config;
  } finally {
    await builds.remove(id);
  }
}

/** A step's failure; where the builder did not know a word, with the one that builders differ in. */
function failure({ described, place }: DockerfileMaking, from: FromDockerfile, code: string, verdict: string) {
  const seen = said(place, verdict);
  const newer = newerThanSome(readFileSync(join(place.context, from.file), "utf8"));
  if (newer === undefined || !/BuildKit|unknown instruction|unknown flag/i.test(seen))
    return stepFailed(place, { code, seen });
  const { builder } = described.manifest.base as DockerfileManifest;
  const other = from.builder === "engine" && newer.what !== "a here-document" ? ', builder: "buildah" does' : "";
  return stepFailed(place, {
    code,
    seen,
    hint: `${from.file}:${newer.line} has ${newer.what}, which ${builder} does not know${other}`,
  });
}

async function byBuildah(making: DockerfileMaking, from: FromDockerfile): Promise<ImageConfig> {
  const { place, bases, epochSeconds } = making;
  const buildah = findTool("buildah", place.recipe);
  const [storage, secrets] = [join(place.scratch, "buildah"), join(place.scratch, "secrets")];
  const own = [
    "--root",
    join(storage, "root"),
    "--runroot",
    join(storage, "run"),
    "--storage-driver",
    "vfs",
    "--log-level",
    "error",
  ];
  const run = async (...command: string[]) => {
    const status = await runTool(place, [buildah, ...own, ...command]);
    if (status === 0) return;
    throw failure(making, from, "dockerfile-failed", `buildah ended with status ${status}`);
  };
  mkdirSync(storage);
  mkdirSync(secrets, { mode: 0o700 });
  for (const { archive = "" } of bases.values()) await run("pull", "--quiet", `docker-archive:${archive}`);
  const lent = Object.entries(from.secrets).map(([id, secret], at) => {
    const path = join(secrets, String(at));
    writeFileSync(path, secret.reveal(), { mode: 0o600 });
    // Relative to where programs run: it takes what is behind a comma for something else, and a room's name has some.
    return `--secret=id=${id},src=${relative(place.scratch, path)}`;
  });
  const built = join(place.scratch, "built.tar");
  const name = "localhost/assay-build:built";
  await run(
    ...["bud", "--isolation", "chroot", "--no-cache", "--layers=false", "--pull-never", "--format", "docker"],
    ...["--timestamp", String(epochSeconds), "--file", from.file, "--tag", name],
    ...(from.target === undefined ? [] : ["--target", from.target]),
    ...Object.entries(from.args).map(([key, value]) => `--build-arg=${key}=${value}`),
    ...lent,
    place.context,
  );
  await run("push", "--quiet", name, `docker-archive:${built}:${name}`);
  return (await unpackArchive(place, built)).config;
}

/** The builder's own last words, which are what failed; its verdict after them. */
function said(place: Workplace, verdict: string): string {
  // buildah says its error twice, once for its log, and shows what it is made of inside.
  const words = place.log.lines
    .filter((line) => line.trim() !== "" && !/^(\$ |time="[^"]*" level=)/.test(line))
    .map((line) => line.replace(/ &imagebuilder\.Step\{.*/, ""))
    .slice(-5);
  return [...words.filter((line) => !verdict.includes(line)), verdict].join(" / ");
}

/** The newest of the times that its bases are dated by. */
export function epochOf(bases: readonly { readonly epochSeconds: number }[]): number {
  return Math.max(contextEpoch, ...bases.map(({ epochSeconds }) => epochSeconds));
}

// Decides what of a Dockerfile and its context counts: every file that `.dockerignore` lets through, the Dockerfile itself, arguments,
// the digests of the images it starts from, and what builds it. Builds nothing; refuses what could only fail later.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DeclarationError, HarnessError, ProvisionError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { type FromDockerfile, inContext, type Recipe } from "../model/recipe.ts";
import type { Secret } from "../model/secret.ts";
import type { Digest } from "./canonical.ts";
import type { ContextFiles } from "./context-files.ts";
import { dockerContext, type Refused } from "./dockerfile-context.ts";
import { type ImageWord, imageWords, stagesOf } from "./dockerfile-words.ts";
import type { ImageSource } from "./image-source.ts";
import { findTool } from "./steps-tool.ts";

/** What of a Dockerfile goes into a recipe's digest. */
export interface DockerfileManifest {
  readonly kind: "dockerfile";
  /** What builds, with its version. */
  readonly builder: string;
  readonly architecture: string;
  readonly file: string;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  /** Of the values, keyed; see `manifest.ts`. */
  readonly secrets: unknown;
  readonly images: Readonly<Record<string, Digest>>;
  readonly files: ContextFiles;
}

export interface DescribingDockerfile {
  readonly architecture: string;
  readonly source: ImageSource | undefined;
  readonly withoutSecrets: (value: Readonly<Record<string, Secret>>) => unknown;
  /** The digest of a recipe as it is now. */
  readonly digestOf: (recipe: Recipe) => Digest;
}

/** Reads a Dockerfile and its context. A `DeclarationError` names what is missing, unmapped or refused. */
export async function describeDockerfile(
  recipe: Recipe,
  from: FromDockerfile,
  { architecture, source, withoutSecrets, digestOf }: DescribingDockerfile,
): Promise<DockerfileManifest> {
  const refused = (code: string, seen: string, hint?: string) =>
    new DeclarationError({
      code,
      at: recipe.at,
      seen: `recipe ${recipe.name}: ${seen}`,
      ...(hint === undefined ? {} : { hint }),
    });
  const directory = inContext(recipe, from.directory);
  const files = await dockerContext(directory, from.file, refused);
  const fact = files[from.file];
  if (fact === undefined || !("sha256" in fact)) throw refused("bad-file", `"${from.file}" is no regular file`);
  const text = readFileSync(join(directory, from.file), "utf8");
  const words = imageWords(text, from.args);
  checkTarget(from, text, refused);
  const named = [...new Set(words.map(({ name }) => name))];
  for (const key of Object.keys(from.bases)) {
    if (named.includes(key)) continue;
    const guess = nearest(key, named);
    throw refused(
      "unused-base",
      `bases has "${key}", and ${from.file} names no such image`,
      guess === undefined ? undefined : `did you mean "${guess}"?`,
    );
  }
  const images: Record<string, Digest> = {};
  for (const word of words) {
    const { name, line } = word;
    if (images[name] !== undefined) continue;
    const where = `${join(directory, from.file)}:${line}`;
    if (name === "")
      throw refused("nameless-base", `${where} starts from an image without a name`, "give its ARG a value in args");
    const mapped = from.bases[name];
    if (mapped !== undefined) images[name] = digestOf(mapped);
    else if (from.builder === "engine" && source !== undefined)
      images[name] = await resolved(recipe, source, word, where);
    else
      throw refused(
        "unmapped-base",
        `${where} starts from image "${name}", which no recipe is named for`,
        `add bases: { "${name}": aRecipe }`,
      );
  }
  return {
    kind: "dockerfile",
    builder: await builderOf(recipe, from, source, refused),
    architecture,
    file: from.file,
    ...(from.target === undefined ? {} : { target: from.target }),
    args: from.args,
    secrets: withoutSecrets(from.secrets),
    images,
    files,
  };
}

/** The digest of an image that the engine is to have. What it says of one it has not is told with the place that names it. */
async function resolved(recipe: Recipe, source: ImageSource, { name }: ImageWord, where: string): Promise<Digest> {
  try {
    return (await source.resolve(name)).digest;
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code !== "image-missing") throw error;
    throw new ProvisionError({
      code: error.code,
      phase: "build",
      node: recipe.name,
      seen: `${where} starts from image "${name}": ${error.seen}`,
      hint: `add bases: { "${name}": aRecipe }, or ${error.hint}`,
      cause: error,
    });
  }
}

function checkTarget({ target, file }: FromDockerfile, text: string, refused: Refused): void {
  if (target === undefined) return;
  const stages = stagesOf(text);
  if (/^\d+$/.test(target) ? Number(target) < stages.length : stages.some((name) => sameWord(name, target))) return;
  const guess = nearest(target, stages);
  throw refused(
    "unknown-target",
    `${file} has no stage "${target}"`,
    guess === undefined ? `it has ${stages.join(", ") || "none"}` : `did you mean "${guess}"?`,
  );
}

function sameWord(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

async function builderOf(
  recipe: Recipe,
  { builder }: FromDockerfile,
  source: ImageSource | undefined,
  refused: Refused,
) {
  if (builder === "buildah") {
    const said = execFileSync(findTool("buildah", recipe.name), ["--version"]);
    return said.toString().trim().split(" ").slice(0, 3).join(" ");
  }
  if (source?.builds !== undefined) return source.builds.version();
  throw refused(
    "no-builder",
    "no engine can be asked to build its Dockerfile",
    'start one ("assay setup"), or add builder: "buildah"',
  );
}

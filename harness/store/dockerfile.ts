// Decides what of a Dockerfile and its context counts: every file that `.dockerignore` lets through, the Dockerfile itself, arguments,
// the digests of the images it starts from, and what builds it. Builds nothing; refuses what could only fail later.
import { execFileSync } from "node:child_process";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { type FromDockerfile, inContext, type Recipe } from "../model/recipe.ts";
import type { Secret } from "../model/secret.ts";
import { type Digest, hashFile } from "./canonical.ts";
import type { ContextFiles, FileFact } from "./context-files.ts";
import { imageWords } from "./dockerfile-words.ts";
import type { ImageSource } from "./image-source.ts";
import { findTool } from "./steps-tool.ts";

/** A context with more is a mistake, most likely: a directory that `.dockerignore` should name. */
const most = { files: 100_000, bytes: 4 * 1024 ** 3 };

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
  const words = imageWords(readFileSync(join(directory, from.file), "utf8"), from.args);
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
  for (const { name, line } of words) {
    if (images[name] !== undefined) continue;
    const mapped = from.bases[name];
    if (mapped !== undefined) images[name] = digestOf(mapped);
    else if (from.builder === "engine" && source !== undefined) images[name] = (await source.resolve(name)).digest;
    else
      throw refused(
        "unmapped-base",
        `${join(directory, from.file)}:${line} starts from image "${name}", which no recipe is named for`,
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

type Refused = (code: string, seen: string, hint?: string) => DeclarationError;

async function builderOf(
  recipe: Recipe,
  { builder }: FromDockerfile,
  source: ImageSource | undefined,
  refused: Refused,
) {
  if (builder === "buildah") {
    const said = execFileSync(findTool("buildah", recipe.name, '"apt-get install buildah" installs it'), ["--version"]);
    return said.toString().trim().split(" ").slice(0, 3).join(" ");
  }
  if (source?.builds !== undefined) return source.builds.version();
  throw refused(
    "no-builder",
    "no engine can be asked to build its Dockerfile",
    'start one ("assay setup"), or add builder: "buildah"',
  );
}

/** What a builder gets of a context. Links are kept as links and never followed, as builders do: where they lead does not count. */
async function dockerContext(directory: string, file: string, refused: Refused): Promise<ContextFiles> {
  const found = new Map<string, FileFact>();
  const isIgnored = ignoring(directory);
  let bytes = 0;
  const visit = async (path: string): Promise<void> => {
    const full = join(directory, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (stat === undefined) {
      const vanished = path.includes("\uFFFD");
      throw vanished
        ? refused("bad-file", `a name in ${directory} is not valid UTF-8: ${JSON.stringify(path)}`)
        : refused("missing-file", `there is no "${path}" in ${directory}`);
    }
    if (stat.isDirectory()) {
      if (path !== "" && !isIgnored(path)) found.set(path, { directory: true });
      for (const name of readdirSync(full).sort()) await visit(join(path, name));
      return;
    }
    if (path !== file && isIgnored(path)) return;
    bytes += stat.isFile() ? stat.size : 0;
    if (found.size >= most.files || bytes > most.bytes)
      throw refused(
        "context-too-large",
        `${directory} has more than ${most.files} files or 4 GiB`,
        "name what is not needed in its .dockerignore",
      );
    if (stat.isSymbolicLink()) found.set(path, { link: readlinkSync(full) });
    else if (stat.isFile())
      found.set(path, { sha256: await hashFile(full, stat.size), mode: (stat.mode & 0o100) === 0 ? "0644" : "0755" });
    else
      throw refused(
        "bad-file",
        `"${path}" is neither a file, a directory nor a symbolic link`,
        "name it in .dockerignore",
      );
  };
  await visit("");
  if (!found.has(file)) await visit(file);
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The rules of a context's `.dockerignore`, read by the library that has docker's own matching. */
function ignoring(directory: string): (path: string) => boolean {
  let rules: string;
  try {
    rules = readFileSync(join(directory, ".dockerignore"), "utf8");
  } catch {
    return () => false;
  }
  // Its types are of another module system than ours.
  const dockerignore = createRequire(import.meta.url)("@balena/dockerignore") as () => {
    add(rules: string): { ignores(path: string): boolean };
  };
  const matcher = dockerignore().add(rules);
  return (path) => matcher.ignores(path);
}

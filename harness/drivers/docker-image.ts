// Decides how images reach the engine and leave it: load, pull, export, push, and what the engine says of them.
import { open } from "node:fs/promises";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { identityOf } from "../model/identity.ts";
import type { BuiltImage, ImageFacts } from "../model/image.ts";
import { revealed, type Secret } from "../model/secret.ts";
import { engineBuilds } from "./docker-build.ts";
import { spokenBy } from "./docker-dialect.ts";
import { engineError, isGone, wordsOf } from "./docker-engine.ts";
import type { ImageOrigin } from "./driver.ts";
import { label } from "./names.ts";

/** What the engine has under a tag or id; `undefined` when it has nothing. */
export async function imageFacts(docker: Docker, reference: string): Promise<ImageFacts | undefined> {
  const facts = await docker
    .getImage(reference)
    .inspect()
    .catch((error: unknown) => (isGone(error) ? undefined : Promise.reject(engineError(error, "build", reference))));
  if (facts === undefined) return undefined;
  const { namesBegin } = await spokenBy(docker);
  const config: typeof facts.Config & { StopSignal?: string } = facts.Config;
  return {
    id: facts.Id,
    tags: (facts.RepoTags ?? []).map((tag) => (tag.startsWith(namesBegin) ? tag.slice(namesBegin.length) : tag)),
    architecture: facts.Architecture,
    created: facts.Created,
    config: {
      entrypoint: asWords(config.Entrypoint),
      cmd: asWords(config.Cmd),
      env: Object.fromEntries(
        (config.Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      ),
      labels: config.Labels ?? {},
      user: config.User,
      workdir: config.WorkingDir,
      expose: Object.keys(config.ExposedPorts ?? {}),
      volumes: Object.keys((config.Volumes as Record<string, unknown> | null) ?? {}),
      ...(config.StopSignal === undefined ? {} : { stopSignal: config.StopSignal }),
    },
  };
}

function asWords(words: string | string[] | null | undefined): string[] {
  return words === null || words === undefined ? [] : typeof words === "string" ? [words] : words;
}

/** Makes the engine know a built image under its tag. Quick when it does already. */
export async function loadImage(docker: Docker, image: BuiltImage): Promise<void> {
  let known = await imageFacts(docker, image.imageId);
  if (known === undefined) {
    if (image.archive === undefined) throw new TypeError(`${image.tag} gives no archive`);
    // Opened first: what is wrong with our own file would be told as the engine's loss.
    const file = await open(image.archive).catch((cause: unknown) => {
      const seen = `its archive cannot be read: ${messageOf(cause)}`;
      throw new ProvisionError({
        code: "image-missing",
        phase: "build",
        node: image.tag,
        seen,
        hint: "build it again: assay build",
        cause,
      });
    });
    const archive = file.createReadStream();
    const stream = await docker.loadImage(archive, { quiet: true }).catch((error: unknown) => {
      archive.destroy();
      throw engineError(error, "build", image.tag);
    });
    await followed(docker, stream as Readable, image.tag, "build");
    known = await imageFacts(docker, image.imageId);
  }
  if (known === undefined) {
    throw new ProvisionError({
      code: "image-differs",
      phase: "build",
      node: image.tag,
      seen: `the engine loaded the archive but has no image ${image.imageId}`,
      hint: "remove the recipe's entry from the store and build again",
    });
  }
  if (known.tags.includes(image.tag)) return;
  const colon = image.tag.lastIndexOf(":");
  await docker
    .getImage(image.imageId)
    .tag({ repo: image.tag.slice(0, colon), tag: image.tag.slice(colon + 1) })
    .catch((error: unknown) => Promise.reject(engineError(error, "build", image.tag)));
}

/** Fetches an image the engine lacks, with the credentials of the user's docker configuration. */
export async function ensureImage(
  docker: Docker,
  reference: string,
  node: string,
  platform?: string,
): Promise<ImageFacts> {
  const wanted = platform?.split("/")[1];
  const known = await imageFacts(docker, reference);
  if (known !== undefined && (wanted === undefined || known.architecture === wanted)) return known;
  try {
    const authconfig = await credentials(reference);
    const options = {
      ...(authconfig === undefined ? {} : { authconfig }),
      ...(platform === undefined ? {} : { platform }),
    };
    const stream = await docker.pull(reference, options);
    await followed(docker, stream as Readable, reference, "build");
  } catch (error) {
    throw new ProvisionError({
      code: "image-missing",
      phase: "build",
      node,
      seen: `the engine has ${known === undefined ? `no image ${reference}` : `${reference} for ${known.architecture}`} and no registry gave it${platform === undefined ? "" : ` for ${platform}`} (${wordsOf(error)})`,
      hint: "correct the name, log in with `docker login`, or declare a recipe",
      cause: error,
    });
  }
  const fetched = await imageFacts(docker, reference);
  if (fetched !== undefined) return fetched;
  throw new ProvisionError({
    code: "image-missing",
    phase: "build",
    node,
    seen: `${reference} was pulled and is still not there`,
  });
}

/** Name and password that `docker login` left for the registry of a reference; `undefined` without any. A token for a name counts as its password. */
export async function registryLogin(
  reference: string,
): Promise<{ readonly username: string; readonly password: string } | undefined> {
  const known = (await credentials(reference)) as
    | { readonly username?: string; readonly password?: string; readonly identitytoken?: string }
    | undefined;
  if (known?.identitytoken !== undefined) return { username: "<token>", password: known.identitytoken };
  return known === undefined ? undefined : { username: known.username ?? "", password: known.password ?? "" };
}

/** What `docker login` left for the registry of a reference, credential helpers included. */
export async function credentials(reference: string): Promise<Docker.AuthConfig | undefined> {
  const { ImageName } = await import("testcontainers");
  const { getAuthConfig } = await import("testcontainers/build/container-runtime/auth/get-auth-config.js");
  const { registry = "https://index.docker.io/v1/" } = ImageName.fromString(reference);
  const known = await getAuthConfig(registry);
  if (known === undefined) return undefined;
  const serveraddress = known.registryAddress;
  if ("username" in known) return { serveraddress, username: known.username, password: known.password };
  return { serveraddress, identitytoken: known.identityToken } as unknown as Docker.AuthConfig; // its type lacks the token
}

/** Where recipes' `fromImage` bases come from: the digest a reference stands for, and its flattened root file system. */
export function engineImages(docker: Docker): ImageOrigin & { readonly removeNameless: RemoveNameless } {
  return {
    builds: engineBuilds(docker),
    removeNameless: (label, goes) => removeNameless(docker, label, goes),
    async resolve(reference) {
      const facts = await ensureImage(docker, reference, reference);
      return { digest: facts.id as `sha256:${string}`, config: facts.config, created: facts.created };
    },
    async export(reference) {
      // A container that never starts is the engine's way to a flattened file system.
      const container = await docker
        .createContainer({
          Image: reference,
          Cmd: ["-"],
          Labels: { [label.run]: "export", [label.owner]: identityOf(), [label.environment]: reference },
        })
        .catch((error: unknown) => Promise.reject(engineError(error, "build", reference)));
      const remove = () => container.remove({ v: true, force: true }).catch(() => undefined);
      try {
        return Readable.from(endedBy((await container.export()) as Readable, remove), { objectMode: false });
      } catch (error) {
        await remove();
        throw engineError(error, "build", reference);
      }
    },
  };
}

/**
 * Removes images whose name a newer one has taken and whose label's value `goes`, but not those a container is made of. Resolves with the
 * values of those that are gone.
 */
type RemoveNameless = (label: string, goes: (value: string) => boolean) => Promise<string[]>;

async function removeNameless(docker: Docker, ...[label, goes]: Parameters<RemoveNameless>): Promise<string[]> {
  const images = await docker
    .listImages({ filters: { dangling: ["true"], label: [label] } })
    .catch((error: unknown) => Promise.reject(engineError(error, "destroy", "images")));
  const gone: string[] = [];
  for (const { Id, Labels } of images) {
    const value = Labels[label] ?? "";
    if (!goes(value)) continue;
    const removed = await docker
      .getImage(Id)
      .remove()
      .then(
        () => true,
        () => false, // in use, or somebody else was quicker
      );
    if (removed) gone.push(value);
  }
  return gone;
}

/** The stream's bytes; it ends when `last` has been done, so that what comes next finds it done. */
async function* endedBy(stream: Readable, last: () => Promise<unknown>): AsyncGenerator<Buffer> {
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    await last();
  }
}

export interface PushTarget {
  /** `127.0.0.1:5000/vfx-studio-soe:0.1.0` */
  readonly to: string;
  readonly username?: string;
  readonly password?: string | Secret;
}

/**
 * Tags an image for a registry, pushes it, and leaves the engine's tags as they were; the digest the registry knows its manifest by. Rejects with `push-denied`, `push-failed` where
 * no digest is told, or the engine's own error.
 */
export async function pushImage(docker: Docker, reference: string, target: PushTarget): Promise<{ digest: string }> {
  const colon = target.to.lastIndexOf(":");
  const [repo, tag] =
    colon > target.to.lastIndexOf("/")
      ? [target.to.slice(0, colon), target.to.slice(colon + 1)]
      : [target.to, "latest"];
  const there = await docker
    .getImage(`${repo}:${tag}`)
    .inspect()
    .then(
      ({ Id }) => Id,
      (error: unknown) => (isGone(error) ? undefined : Promise.reject(engineError(error, "build", target.to))),
    );
  await docker
    .getImage(reference)
    .tag({ repo, tag })
    .catch((error: unknown) => Promise.reject(engineError(error, "build", reference)));
  const authconfig = {
    username: target.username ?? "",
    password: revealed(target.password ?? ""),
    serveraddress: repo.split("/")[0] ?? "",
  };
  try {
    const { name } = await spokenBy(docker);
    // Docker takes a registry on loopback without TLS; podman does when it is told to.
    const plain = name === "podman" && /^(127\.|localhost[:/]|\[::1\])/.test(repo) ? { tlsVerify: false } : {};
    const stream = await docker.getImage(repo).push({ tag, authconfig, ...plain });
    const said = await followed(docker, stream as Readable, target.to, "build");
    // Podman has it in the words of the last line alone.
    const told = said.map(({ aux, status }) => aux?.Digest ?? /digest: (sha256:[0-9a-f]{64})/.exec(status ?? "")?.[1]);
    const digest = told.findLast((value) => value !== undefined);
    if (digest === undefined)
      throw new ProvisionError({
        code: "push-failed",
        phase: "build",
        node: target.to,
        seen: "the engine told no digest after the push",
      });
    return { digest };
  } catch (error) {
    const seen = messageOf(error);
    const denied = /unauthorized|authentication required|no basic auth|denied/i.test(seen);
    throw denied
      ? new ProvisionError({
          code: "push-denied",
          phase: "build",
          node: target.to,
          seen: "the registry refused the login",
          hint: "check user name and password",
          cause: error,
        })
      : error;
  } finally {
    // A tag that was there is somebody's, and names again what it named.
    const back =
      there === undefined
        ? docker.getImage(`${repo}:${tag}`).remove({ noprune: true })
        : docker.getImage(there).tag({ repo, tag });
    await back.catch(() => undefined);
  }
}

interface Progress {
  readonly aux?: { readonly Digest?: string };
  readonly status?: string;
  readonly error?: string;
}

/** Reads an engine's progress stream to its end; an error told in it rejects. */
export function followed(docker: Docker, stream: Readable, node: string, phase: "build"): Promise<Progress[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, said: Progress[] | null) => {
      const told = said?.find((line) => line.error !== undefined)?.error;
      if (error === null && told === undefined) resolve(said ?? []);
      else reject(engineError(error ?? new Error(told), phase, node));
    });
  });
}

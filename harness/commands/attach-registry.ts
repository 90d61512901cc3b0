// Decides what a registry says of an image: its manifest, whose digest is taken over the bytes that came, and the configuration that it
// names. Refuses indexes of several platforms: each platform's image is another one.
import { createHash } from "node:crypto";
import { registryLogin } from "../drivers/docker-image.ts";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";

/** An image in a registry, by its parts. */
export interface ImageReference {
  /** As it was written, for messages. */
  readonly text: string;
  /** Host and port. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or `sha256:…`. */
  readonly reference: string;
}

/** What a registry has under a reference. Digests are hexadecimal. */
export interface PushedManifest {
  /** Registry and repository, without tag or digest. */
  readonly name: string;
  /** Of the manifest. */
  readonly sha256: string;
  /** Of the image's configuration. */
  readonly config: string;
}

export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
}

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const mostBytes = 16 * 1024 * 1024;
const patienceMs = 30_000;

/**
 * `registry/repository`, then `:tag`, `@sha256:…` or both, of which the digest counts. The registry must be named. A `DeclarationError`
 * (code `bad-reference`).
 * @example readReference("registry.example/studio/soe:1.4")
 */
export function readReference(text: string): ImageReference {
  const [, registry, repository, tag = "latest", digest] =
    /^((?:[\w-]+\.)*[\w-]+(?::\d{1,5})?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(
      text,
    ) ?? [];
  if (registry !== undefined && repository !== undefined && /[.:]|^localhost$/.test(registry))
    return { text, registry, repository, reference: digest ?? tag };
  throw new DeclarationError({
    code: "bad-reference",
    seen: `${JSON.stringify(text.slice(0, 200))} names no image in a registry`,
    hint: "write registry.example/studio/soe:1.4, with the registry in front",
  });
}

/**
 * The manifest that a registry has. With the login of the user's docker configuration where it asks for one. A `ProvisionError`
 * (`image-missing`, `login-refused`, `registry-unreachable`, `digest-differs`), a `DeclarationError` (code `index`) for several platforms.
 */
export async function pushedManifest(image: ImageReference): Promise<PushedManifest> {
  const { text, registry, repository, reference } = image;
  const answer = await askRegistry(image, `/manifests/${reference}`, manifestTypes.join(", "));
  if (answer === undefined) throw failed(image, "image-missing", "is not there");
  const sha256 = createHash("sha256").update(answer.body).digest("hex");
  for (const told of [answer.digest, reference.startsWith("sha256:") ? reference : undefined])
    if (told !== undefined && told !== `sha256:${sha256}`)
      throw failed(image, "digest-differs", `is called ${told}, and its bytes are sha256:${sha256}`);
  const manifest = parsed(image, answer.body);
  if (manifest.manifests !== undefined)
    throw new DeclarationError({
      code: "index",
      seen: `${text} is an index of several platforms, and each of them is another image`,
      hint: `name one by its digest: ${registry}/${repository}@sha256:…`,
    });
  const config = /^sha256:([0-9a-f]{64})$/.exec(manifest.config?.digest ?? "")?.[1];
  if (config === undefined) throw failed(image, "digest-differs", "has a manifest without a configuration");
  return { name: `${registry}/${repository}`, sha256, config };
}

interface Manifest {
  readonly config?: { readonly digest?: string };
  readonly manifests?: readonly unknown[];
}

function parsed(image: ImageReference, body: Buffer): Manifest {
  try {
    const document: unknown = JSON.parse(body.toString("utf8"));
    if (typeof document === "object" && document !== null) return document as Manifest;
  } catch {
    // told below
  }
  throw failed(image, "image-missing", "is something else than a manifest");
}

/** What it answers to a GET below the repository; `undefined` for 404. */
export async function askRegistry(
  image: ImageReference,
  path: string,
  accept: string,
): Promise<{ readonly body: Buffer; readonly digest: string | undefined } | undefined> {
  const { registry, repository } = image;
  const url = `${originOf(registry)}/v2/${repository}${path}`;
  const ask = (authorization?: string) =>
    fetch(url, {
      headers: { accept, ...(authorization === undefined ? {} : { authorization }) },
      signal: AbortSignal.timeout(patienceMs),
    });
  try {
    let answer = await ask();
    if (answer.status === 401) {
      const challenge = answer.headers.get("www-authenticate") ?? "";
      await answer.body?.cancel();
      answer = await ask(await authorizationFor(image, challenge));
    }
    if (answer.status === 404) return undefined;
    if (answer.status === 401 || answer.status === 403)
      throw failed(image, "login-refused", `answers ${answer.status}`, `docker login ${registry}`);
    if (answer.status !== 200) throw failed(image, "registry-unreachable", `answers ${answer.status}`);
    const body = await upTo(mostBytes, answer.body);
    if (body === undefined) throw failed(image, "image-missing", `answers with more than ${mostBytes} bytes`);
    return { body, digest: answer.headers.get("docker-content-digest") ?? undefined };
  } catch (error) {
    if (error instanceof ProvisionError) throw error;
    const cause = (error as { cause?: unknown }).cause ?? error;
    throw failed(image, "registry-unreachable", `gives no answer: ${messageOf(cause)}`);
  }
}

async function upTo(most: number, stream: AsyncIterable<Uint8Array> | null): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream ?? []) {
    bytes += part.length;
    if (bytes > most) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Registries on loopback may be without TLS, as docker has it. */
export function originOf(registry: string): string {
  return `${/^(127\.0\.0\.1|localhost)(:|$)/.test(registry) ? "http" : "https"}://${registry}`;
}

async function authorizationFor(image: ImageReference, challenge: string): Promise<string | undefined> {
  const login = await registryLogin(image.text);
  const basic =
    login === undefined ? undefined : `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  if (!/^bearer /i.test(challenge)) return basic;
  const [realm, service] = ["realm", "service"].map((word) => new RegExp(`${word}="([^"]*)"`).exec(challenge)?.[1]);
  const asked = new URL(realm ?? "", originOf(image.registry));
  // A password goes over TLS, or stays on this machine.
  if (asked.protocol !== "https:" && !/^(127\.0\.0\.1|localhost)$/.test(asked.hostname)) return undefined;
  if (service !== undefined) asked.searchParams.set("service", service);
  asked.searchParams.set("scope", `repository:${image.repository}:pull`);
  const answer = await fetch(asked, {
    headers: basic === undefined ? {} : { authorization: basic },
    signal: AbortSignal.timeout(patienceMs),
  });
  if (!answer.ok) return undefined;
  const { token, access_token } = (await answer.json()) as { token?: string; access_token?: string };
  const word = token ?? access_token;
  return word === undefined ? undefined : `Bearer ${word}`;
}

function failed({ text }: ImageReference, code: string, seen: string, hint?: string): ProvisionError {
  return new ProvisionError({ code, phase: "report", node: text, seen, ...(hint === undefined ? {} : { hint }) });
}

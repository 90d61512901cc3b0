// Decides how a bundle lies beside its image in a registry, and how bundles are found there: as OCI 1.1 referrers, or in the index under
// the tag `sha256-…` where a registry has no referrers API. Refuses to attach what is on another image.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { attachArtifactToImage } from "@sigstore/oci";
import { registryLogin } from "../drivers/docker-image.ts";
import { DeclarationError, ExitCode, messageOf, ProvisionError } from "../model/errors.ts";
import { redact, register } from "../model/secret.ts";
import { bundleMediaType } from "../reporting/attest-bundle.ts";
import { requireSubject, unverified } from "../reporting/attest-verify.ts";
import {
  askRegistry,
  type ImageReference,
  originOf,
  type PushedManifest,
  pushedManifest,
  readReference,
} from "./attach-registry.ts";

const indexType = "application/vnd.oci.image.index.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
/** Whoever may push may attach: more than this nobody reads. */
const mostBundles = 64;

/**
 * `assay attach <image-ref> <bundle>`. The signature is not judged here, the subject is: a bundle on another image is a `DeclarationError`
 * (code `other-digest`), what is none `bad-bundle`. Resolves when the registry has it; a `ProvisionError` of `pushedManifest`, or
 * `attach-failed`.
 */
export async function attachCommand(
  reference: string,
  file: string,
  options: { readonly json?: boolean },
): Promise<number> {
  const image = readReference(reference);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new DeclarationError({ code: "no-bundle", seen: `${file} cannot be read: ${messageOf(error)}` });
  }
  const manifest = await pushedManifest(image);
  const digest = await attach(image, manifest, text, file);
  const to = `${manifest.name}@sha256:${manifest.sha256}`;
  console.log(
    options.json === true
      ? JSON.stringify({ image: to, attached: digest }, null, 2)
      : `${file} is attached to ${to} as ${digest}`,
  );
  return ExitCode.met;
}

/** The digest of the manifest that the bundle has in the registry, `sha256:…`. `at`: where the bundle is from, for messages. */
export async function attach(
  image: ImageReference,
  manifest: PushedManifest,
  text: string,
  at: string,
): Promise<string> {
  const { verified, refused } = unverified(text);
  if (verified === undefined) throw new DeclarationError({ code: "bad-bundle", seen: `${at}: ${refused.seen}` });
  const other = requireSubject(verified, [manifest.sha256, manifest.config]);
  if (other !== undefined)
    throw new DeclarationError({
      code: "other-digest",
      seen: `${at} is not on ${image.text}: ${other.seen}`,
      hint: "attest the image that was pushed: assay attest --pushed",
    });
  const login = await registryLogin(image.text);
  if (login !== undefined && login.password.length >= 4) register(`password for ${image.registry}`, login.password);
  try {
    const attached = await attachArtifactToImage({
      imageName: manifest.name,
      imageDigest: `sha256:${manifest.sha256}`,
      artifact: Buffer.from(text),
      mediaType: bundleMediaType,
      annotations: {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": verified.predicateType,
      },
      // Its type wants one; where none is needed it asks for none.
      credentials: login as NonNullable<typeof login>,
      ...(originOf(image.registry).startsWith("http:")
        ? { fetchOpts: { proxy: undefined, noProxy: "127.0.0.1,localhost", retry: 2, timeout: 30_000 } }
        : {}),
    });
    return attached.digest;
  } catch (error) {
    throw new ProvisionError({
      code: "attach-failed",
      phase: "report",
      node: image.text,
      seen: redact(`${messageOf(error)}: ${messageOf((error as { cause?: unknown }).cause)}`),
      hint: `whoever attaches needs the right to push: docker login ${image.registry}`,
      cause: error,
    });
  }
}

/** Lists name the type of the manifest's configuration, or none, where a registry does not know the other field. */
const mayBeBundle: readonly unknown[] = [bundleMediaType, "application/vnd.oci.empty.v1+json", undefined];

interface Descriptor {
  readonly digest?: unknown;
  readonly artifactType?: unknown;
}

/** The texts of all bundles that lie beside an image. Nobody vouches for them yet: whoever may push may attach. */
export async function attachedBundles(image: ImageReference, { sha256 }: PushedManifest): Promise<readonly string[]> {
  // An answer of the API counts, and so does the tag: bundles may have been attached before the registry learnt it.
  const lists = [
    await askRegistry(image, `/referrers/sha256:${sha256}`, indexType),
    await askRegistry(image, `/manifests/sha256-${sha256}`, indexType),
  ];
  const digests = new Set(
    lists
      .flatMap((list) => (list === undefined ? [] : (objectIn(list.body).manifests ?? [])))
      .filter(({ artifactType, digest }) => mayBeBundle.includes(artifactType) && isDigest(digest))
      .map(({ digest }) => digest as string),
  );
  const texts = [...digests].slice(0, mostBundles).map(async (digest) => {
    const manifest = await fetched(image, `/manifests/${digest}`, digest);
    const { artifactType, layers } = manifest === undefined ? {} : objectIn(manifest);
    const layer = artifactType === bundleMediaType ? layers?.[0]?.digest : undefined;
    return isDigest(layer) ? (await fetched(image, `/blobs/${layer}`, layer))?.toString("utf8") : undefined;
  });
  return (await Promise.all(texts)).filter((text) => text !== undefined);
}

/** Bytes by their digest; `undefined` where they are not there or others. */
async function fetched(image: ImageReference, path: string, digest: string): Promise<Buffer | undefined> {
  const answer = await askRegistry(image, path, path.startsWith("/manifests") ? manifestType : "*/*");
  const same = answer !== undefined && `sha256:${createHash("sha256").update(answer.body).digest("hex")}` === digest;
  return same ? answer.body : undefined;
}

interface Listed {
  readonly artifactType?: unknown;
  readonly manifests?: readonly Descriptor[];
  readonly layers?: readonly Descriptor[];
}

function objectIn(body: Buffer): Listed {
  try {
    const document: unknown = JSON.parse(body.toString("utf8"));
    const { artifactType, manifests, layers } = document as { [Name in keyof Listed]: unknown };
    const list = (value: unknown) =>
      Array.isArray(value) ? value.filter((each) => typeof each === "object" && each !== null) : [];
    return { artifactType, manifests: list(manifests), layers: list(layers) };
  } catch {
    return {};
  }
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

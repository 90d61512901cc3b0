// Decides whose word on identities counts: the authorities, logs and time stamps of a trusted root, as Sigstore writes it. Refuses one with
// which nothing could ever be verified. Reads no file: whoever has the text gives it.
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { z } from "zod";
import { DeclarationError, messageOf } from "../model/errors.ts";

/** The two ways in which the kind was written: before and since it had a name of its own. */
const mediaType = /^application\/vnd\.dev\.sigstore\.trustedroot(\+json;version=0\.[12]|\.v0\.[12]\+json)$/;
const list = z.array(z.unknown());
const shape = z
  .looseObject({
    mediaType: z.string().regex(mediaType, "no trusted root of a version that is known"),
    certificateAuthorities: z.array(z.looseObject({ certChain: z.looseObject({ certificates: list.min(1) }) })).min(1),
    tlogs: list.default([]),
    timestampAuthorities: list.default([]),
  })
  .refine(({ tlogs, timestampAuthorities }) => tlogs.length + timestampAuthorities.length > 0, {
    message: "it has neither a log nor a time stamp authority",
  });

/**
 * A trusted root in JSON (`application/vnd.dev.sigstore.trustedroot…`), as `cosign trusted-root create` and Sigstore's TUF repository give
 * it. `at`: the file, for messages. A `DeclarationError` (code `bad-trusted-root`) for all else: one without authorities, or without anybody
 * who could say when something was signed.
 * @example readTrustedRoot(readFileSync("reports/trusted_root.json", "utf8"), "reports/trusted_root.json")
 */
export function readTrustedRoot(text: string, at: string): TrustMaterial {
  const refused = (why: string) =>
    new DeclarationError({
      code: "bad-trusted-root",
      seen: `${at} is no trusted root: ${why}`,
      hint: "cosign trusted-root create makes one of certificates and keys; of Sigstore's public services: cosign initialize, then trusted_root.json of its cache",
    });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw refused("it is no JSON");
  }
  const read = shape.safeParse(document);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refused(`${issue?.path.join(".") || "the document"}: ${issue?.message}`);
  }
  try {
    return toTrustMaterial(TrustedRoot.fromJSON(document));
  } catch (error) {
    throw refused(`a certificate or a key in it cannot be read: ${messageOf(error)}`);
  }
}

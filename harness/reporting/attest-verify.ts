// Decides whether a bundle that somebody gives is a statement that an allowed key or identity signed, and on which digests. Refuses, with the
// reason, whatever it does not know: other versions, other payloads, other keys. Says nothing of what the statement claims: that is the gate's.
import { createHash } from "node:crypto";
import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { z } from "zod";
import { messageOf } from "../model/errors.ts";
import type { Instant } from "../model/event.ts";
import { bundleMediaType, payloadType } from "./attest-bundle.ts";
import { type Certified, verifyIdentity } from "./attest-identity.ts";
import type { AllowedKey } from "./attest-key.ts";
import { statementType } from "./attest-statement.ts";
import { summaryType } from "./attest-summary.ts";
import { type Signer, testResultSchema, testResultType, type VerifiedStatement } from "./gate-evidence.ts";

/** Why a bundle is not taken. */
export interface Refusal {
  /** Stable, kebab-case: `unknown-key`, `bad-signature`. */
  readonly code: RefusalCode;
  readonly seen: string;
}

export type RefusalCode =
  | "too-big"
  | "not-a-bundle"
  | "other-version"
  | "keyless"
  | "other-payload"
  | "unknown-key"
  | "no-trusted-root"
  | "no-witness"
  | "not-valid-then"
  | "unknown-authority"
  | "bad-witness"
  | "other-log-entry"
  | "unknown-issuer"
  | "unknown-subject"
  | "bad-signature"
  | "not-a-statement"
  | "unknown-predicate"
  | "other-digest";

export type Verification =
  | { readonly verified: VerifiedStatement; readonly refused?: never }
  | { readonly refused: Refusal; readonly verified?: never };

/** A statement of 100,000 tests is smaller by far. */
const mostBytes = 16 * 1024 * 1024;

const statement = z.object({
  _type: z.literal(statementType),
  subject: z
    .array(z.object({ name: z.string().min(1), digest: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) }))
    .min(1),
  predicateType: z.string(),
  predicate: z.looseObject({}),
});

/**
 * Verifies a bundle against the keys and identities that are allowed; without `certified` none of these is. The bundle's own word on its key
 * only chooses among them. Pure; never throws.
 * @example
 * const { verified, refused } = verifyBundle(text, readAllowedKeys(pem, "release.pub"));
 * verifyBundle(text, [], { identities: [{ issuer, subject }], root: readTrustedRoot(json, "trusted_root.json") });
 */
export function verifyBundle(
  text: string,
  keys: readonly AllowedKey[],
  certified: Certified = { identities: [] },
): Verification {
  const read = readBundle(text);
  if ("refused" in read) return read;
  const { bundle, payload } = read;
  const material = bundle.verificationMaterial;
  if (material.content.$case !== "publicKey") {
    const signed = verifyIdentity(bundle, certified);
    if ("refused" in signed) return signed;
    return readStatement(payload, { identity: signed.identity }, signed.signedAt);
  }
  const { hint } = material.content.publicKey;
  // cosign writes the same digest without our prefix.
  const allowed = keys.find(({ id }) => id === hint || id === `SHA256:${hint}`);
  if (allowed === undefined) {
    const known = keys.map(({ id }) => id).join(", ") || "none";
    return refuse("unknown-key", `it is signed by ${sayShort(hint)}, and allowed are ${known}`);
  }
  if (material.tlogEntries.length > 0 || (material.timestampVerificationData?.rfc3161Timestamps.length ?? 0) > 0)
    return refuse("keyless", "it has a log's or a time stamp's word, which cannot be verified here");
  try {
    const trusted = {
      certificateAuthorities: [],
      timestampAuthorities: [],
      tlogs: [],
      ctlogs: [],
      publicKey: () => ({ publicKey: allowed.key, validFor: () => true }),
    };
    const verifier = new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    verifier.verify(toSignedEntity(bundle));
  } catch {
    return refuse("bad-signature", `its signature is not that of ${allowed.id} on what it says`);
  }
  return readStatement(payload, { keyId: allowed.id });
}

/** What a bundle says, whoever wrote it: good for refusing what is obviously meant for something else, and for nothing more. */
export function unverified(text: string): Verification {
  const read = readBundle(text);
  return "refused" in read ? read : readStatement(read.payload, { keyId: "" });
}

function readBundle(text: string): { readonly bundle: Bundle; readonly payload: Uint8Array } | { refused: Refusal } {
  if (text.length > mostBytes) return refuse("too-big", `it has ${text.length} characters`);
  try {
    const document: unknown = JSON.parse(text);
    const mediaType = (document as { mediaType?: unknown } | null)?.mediaType;
    if (typeof mediaType === "string" && mediaType !== bundleMediaType)
      return refuse("other-version", `it is a ${sayShort(mediaType)}, and ${bundleMediaType} is read`);
    const bundle = bundleFromJSON(document);
    if (bundle.content.$case !== "dsseEnvelope")
      return refuse("other-payload", "it signs a message, and no statement in an envelope");
    const envelope = bundle.content.dsseEnvelope;
    if (envelope.payloadType !== payloadType)
      return refuse("other-payload", `its payload is ${sayShort(envelope.payloadType)}, and no ${payloadType}`);
    return { bundle, payload: envelope.payload };
  } catch (error) {
    return refuse("not-a-bundle", `it is no Sigstore bundle: ${messageOf(error)}`);
  }
}

function readStatement(payload: Uint8Array, signer: Signer, signedAt?: Instant): Verification {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
  } catch {
    return refuse("not-a-statement", "what was signed is no JSON");
  }
  const read = statement.safeParse(document);
  if (!read.success)
    return refuse("not-a-statement", `what was signed is no in-toto Statement v1: ${sayIssue(read.error)}`);
  const { predicateType, predicate, subject: subjects } = read.data;
  const digests = new Set(subjects.map(({ digest }) => digest.sha256));
  const names = new Set(subjects.map(({ name }) => name));
  if (digests.size < subjects.length || names.size < subjects.length)
    return refuse("not-a-statement", "it has a subject twice");
  if (predicateType === testResultType) {
    const result = testResultSchema.safeParse(predicate);
    if (!result.success) return refuse("not-a-statement", `its test result is none: ${sayIssue(result.error)}`);
  } else if (predicateType !== summaryType)
    return refuse("unknown-predicate", `it says something of the kind ${sayShort(predicateType)}`);
  return { verified: { signer, predicateType, subjects, predicate, ...(signedAt === undefined ? {} : { signedAt }) } };
}

/**
 * Whether a verified statement is on one of these digests, hexadecimal: an image's manifest or configuration, a disk's file. A bundle that
 * was made for another image is refused here (`other-digest`), and so is one that is on more than the one image.
 */
export function requireSubject({ subjects }: VerifiedStatement, digests: readonly string[]): Refusal | undefined {
  const strange = subjects.filter(({ digest }) => !digests.includes(digest.sha256));
  if (strange.length === 0) return undefined;
  const said = strange.map(({ name, digest }) => `${JSON.stringify(name)} sha256:${digest.sha256}`).join(", ");
  return {
    code: "other-digest",
    seen: `it is on ${said}, and this is ${digests.map((digest) => `sha256:${digest}`).join(", ")}`,
  };
}

/** SHA-256 over a bundle's bytes, hexadecimal: what a summary names it by. */
export function bundleDigest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function refuse(code: RefusalCode, seen: string): { readonly refused: Refusal } {
  return { refused: { code, seen } };
}

function sayIssue({ issues }: z.ZodError): string {
  const [first] = issues;
  return `${first?.path.join(".") || "the document"}: ${first?.message}`;
}

function sayShort(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}

// Decides whether an identity that is allowed signed a bundle: by a certificate of a trusted authority that was valid when a trusted log, or
// a trusted time stamp, says that it was used. Refuses whatever of that is missing. Compares letter by letter: no pattern, no prefix.
import { createPublicKey, X509Certificate } from "node:crypto";
import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import { type SignedEntity, type TrustMaterial, toSignedEntity, VerificationError, Verifier } from "@sigstore/verify";
import { messageOf } from "../model/errors.ts";
import type { Instant } from "../model/event.ts";
import type { SigningIdentity } from "../model/policy.ts";
import type { Refusal, RefusalCode } from "./attest-verify.ts";
import { signerName } from "./gate-evidence.ts";

/** Fulcio's extension for the issuer of the token, a DER UTF8String. */
const issuerExtension = "1.3.6.1.4.1.57264.1.8";

/** Whose certificates are taken. */
export interface Certified {
  readonly identities: readonly SigningIdentity[];
  /** Absent: nobody's word on identities counts. */
  readonly root?: TrustMaterial | undefined;
}

type Certificate = Extract<SignedEntity["key"], { $case: "certificate" }>["certificate"];

/** Who signed a bundle with a certificate, and when; or why nobody who is allowed did. Pure; never throws. */
export function verifyIdentity(
  bundle: Bundle,
  { identities, root }: Certified,
): { readonly identity: SigningIdentity; readonly signedAt: Instant } | { readonly refused: Refusal } {
  if (identities.length === 0)
    return refuse("keyless", "it is signed with a certificate, and no identity is allowed: here keys are");
  if (root === undefined)
    return refuse(
      "no-trusted-root",
      "it is signed with a certificate, and no trusted root says whose certificates count",
    );
  try {
    const entity = toSignedEntity(bundle);
    if (entity.key.$case !== "certificate") return refuse("not-a-bundle", "it has no certificate");
    const { certificate } = entity.key;
    const times = timesOf(entity);
    const unwitnessed = witnessObjection(entity, times, root);
    if (unwitnessed !== undefined) return refuse("no-witness", unwitnessed);
    const strange = times.find((time) => !certificate.validForDate(time));
    if (strange !== undefined)
      return refuse(
        "not-valid-then",
        `its certificate was valid from ${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}, and it was signed at ${strange.toISOString()}`,
      );
    const key = createPublicKey({ key: certificate.publicKey, format: "der", type: "spki" });
    if (!entity.signature.verifySignature(key))
      return refuse("bad-signature", "its signature is not that of its certificate on what it says");
    new Verifier(root, {
      // What the trusted root has is wanted: else whoever holds a token for a moment signs beside the log, unseen.
      tlogThreshold: root.tlogs.length > 0 ? 1 : 0,
      ctlogThreshold: root.ctlogs.length > 0 ? 1 : 0,
      timestampThreshold: 1,
    }).verify(entity);
    const identity = identityOf(certificate);
    const objection = identityObjection(identity, identities);
    if (objection !== undefined || identity === undefined)
      return objection ?? refuse("unknown-subject", "its certificate does not name one subject and one issuer");
    return { identity, signedAt: Math.min(...times.map((time) => time.getTime())) };
  } catch (error) {
    return refusalOf(error);
  }
}

/** The identity that the certificate of a bundle names, believed or not; `undefined` where it has none. @example identityIn(text)?.subject */
export function identityIn(text: string): SigningIdentity | undefined {
  try {
    const { key } = toSignedEntity(bundleFromJSON(JSON.parse(text)));
    return key.$case === "certificate" ? identityOf(key.certificate) : undefined;
  } catch {
    return undefined;
  }
}

/** The one subject and the issuer that a certificate names. Several subjects are none: nobody could say which one signed. */
function identityOf(certificate: Certificate): SigningIdentity | undefined {
  const issuer = certificate.extension(issuerExtension)?.valueObj.subs[0]?.value.toString("utf8");
  const subject = certificate.subjectAltName;
  const { subjectAltName: all } = new X509Certificate(certificate.root.toDER());
  // The library reads the first name, as ASCII without the eighth bit; OpenSSL tells all of them.
  return issuer !== undefined && subject !== undefined && onlyName(all) === subject ? { issuer, subject } : undefined;
}

/** The name of a list that has one, a URI or an address: Node writes it as it is, or as JSON where it has a comma or a quote. */
function onlyName(all: string | undefined): string | undefined {
  const [, name] = /^(?:URI|email):(.+)$/s.exec(all ?? "") ?? [];
  if (name?.startsWith('"') !== true) return name;
  try {
    return JSON.parse(name);
  } catch {
    return undefined;
  }
}

/** When it was signed, as the log promised and time stamps say; nothing of that is verified. */
function timesOf({ timestamps }: SignedEntity): readonly Date[] {
  return timestamps.flatMap((each) => {
    if (each.$case === "timestamp-authority") return [each.timestamp.signingTime];
    // A proof of inclusion alone says nothing of the time.
    return each.tlogEntry.inclusionPromise === undefined
      ? []
      : [new Date(Number(each.tlogEntry.integratedTime) * 1000)];
  });
}

function witnessObjection({ tlogEntries }: SignedEntity, times: readonly Date[], root: TrustMaterial) {
  if (tlogEntries.length === 0 && times.length === 0)
    return "it has no log entry and no time stamp, so that nobody knows whether its certificate was valid then";
  if (tlogEntries.length === 0 && root.tlogs.length > 0)
    return "it has no log entry, and the trusted root has logs: what they do not have does not count";
  return times.length === 0 ? "neither a log's promise nor a time stamp says when it was signed" : undefined;
}

function identityObjection(identity: SigningIdentity | undefined, allowed: readonly SigningIdentity[]) {
  if (identity === undefined) return undefined;
  const ofIssuer = allowed.filter(({ issuer }) => issuer === identity.issuer);
  if (ofIssuer.some(({ subject }) => subject === identity.subject)) return undefined;
  const signed = `it is signed by ${signerName({ identity })}`;
  if (ofIssuer.length > 0)
    return refuse(
      "unknown-subject",
      `${signed}, and of that issuer allowed are ${ofIssuer.map(({ subject }) => subject).join(", ")}`,
    );
  const issuers = new Set(allowed.map(({ issuer }) => issuer));
  return refuse("unknown-issuer", `${signed}, and allowed are subjects of ${[...issuers].join(", ")}`);
}

function refusalOf(error: unknown): { readonly refused: Refusal } {
  const said = messageOf(error);
  if (!(error instanceof VerificationError))
    return refuse("not-a-bundle", `its certificate, log entry or time stamp cannot be read: ${said}`);
  switch (error.code) {
    case "CERTIFICATE_ERROR":
      return refuse("unknown-authority", `no authority of the trusted root stands for its certificate: ${said}`);
    case "TLOG_BODY_ERROR":
      return refuse("other-log-entry", `its log entry is that of another bundle: ${said}`);
    case "SIGNATURE_ERROR":
      return refuse("bad-signature", `its signature is not that of its certificate: ${said}`);
    default:
      return refuse(
        "bad-witness",
        `its log entry or time stamp was altered, or is of none in the trusted root: ${said}`,
      );
  }
}

function refuse(code: RefusalCode, seen: string): { readonly refused: Refusal } {
  return { refused: { code, seen } };
}

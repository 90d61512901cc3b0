// Decides which keys sign and vouch for statements, and how a key is called. Takes PKCS#8 and SPKI in PEM, P-256 or Ed25519, and refuses
// all else: what cosign and the usual KMS would not take either. Reads no file: whoever has the text gives it.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { DeclarationError } from "../model/errors.ts";
import { register } from "../model/secret.ts";

/** A key that may sign, and no word of it in any message. */
export interface SigningKey {
  /** `SHA256:` and base64 of the SHA-256 over the public key as SPKI, DER. */
  readonly id: string;
  /** SPKI, PEM: what others verify with. */
  readonly publicPem: string;
  sign(data: Uint8Array): Buffer;
}

/** A public key that statements may be signed by. */
export interface AllowedKey {
  /** As `SigningKey.id`. */
  readonly id: string;
  readonly key: KeyObject;
}

/** `SHA256:` and base64 over the SPKI, DER, of a key's public half. */
export function keyIdOf(key: KeyObject): string {
  const spki = (key.type === "private" ? createPublicKey(key) : key).export({ type: "spki", format: "der" });
  return `SHA256:${createHash("sha256").update(spki).digest("base64")}`;
}

/**
 * A private key in PKCS#8, PEM, not encrypted. It is a secret from then on: redacted in all that is written. `at`: where it was found, for
 * messages. A `DeclarationError` (code `bad-key`) that shows nothing of it.
 * @example readSigningKey(text, "file release.pem").sign(bytes)
 */
export function readSigningKey(pem: string, at: string): SigningKey {
  const text = pem.trim();
  if (text.length >= 4) register("signing key", text);
  const refused = (seen: string, hint: string) =>
    new DeclarationError({ code: "bad-key", seen: `the signing key of ${at} ${seen}`, hint });
  const [, kind] = /^-----BEGIN ([A-Z0-9 ]+)-----/.exec(text) ?? [];
  if (kind === "PUBLIC KEY") throw refused("is a public key", "give the private one that belongs to it");
  if (kind?.startsWith("ENCRYPTED") === true)
    throw refused(
      "is encrypted",
      'let a program decrypt it: --key "exec:openssl pkcs8 -in key.pem -passin file:passphrase"',
    );
  if (kind !== "PRIVATE KEY")
    throw refused(
      kind === undefined ? "is no PEM" : `is a PEM of another kind, ${kind}`,
      "openssl pkcs8 -topk8 -nocrypt makes PKCS#8 of it; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 makes a new one",
    );
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, format: "pem" });
  } catch {
    // What the library says may quote what it read.
    throw refused("cannot be read", "it is damaged: fetch it again");
  }
  const digest = algorithmOf(key);
  if (digest === undefined) throw refused(`is ${sayKind(key)}`, "use P-256, which everything verifies, or Ed25519");
  return {
    id: keyIdOf(key),
    publicPem: createPublicKey(key).export({ type: "spki", format: "pem" }).toString(),
    sign: (data) => sign(digest, data, key),
  };
}

/**
 * The public keys of a PEM file: one, or several one after the other. `at`: the file, for messages. A `DeclarationError` (code `bad-key`)
 * for anything else in it; for a private key too, which has no place where statements are verified.
 */
export function readAllowedKeys(pem: string, at: string): readonly AllowedKey[] {
  const refused = (seen: string, hint: string) => {
    throw new DeclarationError({ code: "bad-key", seen: `${at} ${seen}`, hint });
  };
  if (pem.includes("PRIVATE KEY-----")) {
    register("private key", pem.trim());
    refused("holds a private key", "keep it away from here, and give its public half: openssl pkey -pubout");
  }
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  if (blocks.length === 0) refused("holds no public key", "give SPKI in PEM, as openssl pkey -pubout writes it");
  return blocks.map((block) => {
    let key: KeyObject | undefined;
    try {
      key = createPublicKey(block);
    } catch {
      return refused("holds a public key that cannot be read", "it is damaged: fetch it again") as never;
    }
    if (algorithmOf(key) === undefined)
      refused(`holds a key that is ${sayKind(key)}`, "P-256 and Ed25519 are taken, and nothing else");
    return { id: keyIdOf(key), key };
  });
}

/** What is hashed before it is signed; Ed25519 does that itself. `undefined`: a key of a kind that is not taken. */
function algorithmOf(key: KeyObject): "sha256" | null | undefined {
  if (key.asymmetricKeyType === "ed25519") return null;
  if (key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1") return "sha256";
  return undefined;
}

function sayKind(key: KeyObject): string {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === undefined ? (key.asymmetricKeyType ?? "of no known kind") : `on the curve ${curve}`;
}

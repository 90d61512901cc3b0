// Decides how a statement is signed: DSSE, in a Sigstore bundle v0.3. With a key nobody vouches for the time; keyless, where Fulcio and
// Rekor can be reached, the log does. Refuses to know where keys come from.
import { bundleToJSON } from "@sigstore/bundle";
import {
  type BundleBuilderOptions,
  CIContextProvider,
  DEFAULT_FULCIO_URL,
  DEFAULT_REKOR_URL,
  DSSEBundleBuilder,
  FulcioSigner,
  RekorWitness,
} from "@sigstore/sign";
import { messageOf, ReportError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import type { SigningKey } from "./attest-key.ts";
import type { Statement } from "./attest-statement.ts";

export const payloadType = "application/vnd.in-toto+json";
/** What a bundle is called where types have names: in a registry, by a web server. */
export const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Fulcio and Rekor; Sigstore's public ones unless told otherwise. The identity is the CI job's. */
export interface Keyless {
  readonly fulcioUrl?: string | undefined;
  readonly rekorUrl?: string | undefined;
}

/**
 * The text of a bundle, one line of JSON and a line feed. Registered secrets are redacted in the statement before it is signed. Rejects with
 * a `ReportError` (code `not-signed`) where a service that is asked gives no answer; with a key none is asked.
 * @example await signStatement(statement, { key: readSigningKey(pem, "env RELEASE_KEY") })
 */
export async function signStatement(
  statement: Statement,
  by: { readonly key: SigningKey } | { readonly keyless: Keyless },
): Promise<string> {
  const data = Buffer.from(redact(JSON.stringify(statement)));
  const keyed = "key" in by;
  try {
    const bundle = await new DSSEBundleBuilder(keyed ? withKey(by.key) : withoutKey(by.keyless)).create({
      data,
      type: payloadType,
    });
    // DSSE's verifier in Go passes over a signature whose key id is not the key's ssh fingerprint, and takes one without. The hint stays.
    for (const signature of bundle.content.dsseEnvelope?.signatures ?? []) signature.keyid = "";
    return `${JSON.stringify(bundleToJSON(bundle))}\n`;
  } catch (error) {
    throw new ReportError({
      code: "not-signed",
      phase: "report",
      seen: `the statement could not be signed: ${redact(messageOf(error))}`,
      hint: keyed
        ? "the key may be damaged"
        : "keyless needs the CI job's identity token, Fulcio and Rekor; or give --key",
      cause: error,
    });
  }
}

function withKey(key: SigningKey): BundleBuilderOptions {
  return {
    signer: {
      sign: async (data) => ({
        signature: key.sign(data),
        key: { $case: "publicKey", publicKey: key.publicPem, hint: key.id },
      }),
    },
    witnesses: [],
  };
}

function withoutKey({ fulcioUrl = DEFAULT_FULCIO_URL, rekorUrl = DEFAULT_REKOR_URL }: Keyless): BundleBuilderOptions {
  return {
    signer: new FulcioSigner({ fulcioBaseURL: fulcioUrl, identityProvider: new CIContextProvider("sigstore") }),
    witnesses: [new RekorWitness({ rekorBaseURL: rekorUrl, entryType: "dsse" })],
  };
}

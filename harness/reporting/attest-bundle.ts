// Decides how a statement is signed: DSSE, in a Sigstore bundle v0.3. With a key nobody vouches for the time; keyless, where Fulcio and
// Rekor can be reached, the log does. Refuses to know where keys come from.
import { bundleToJSON } from "@sigstore/bundle";
import {
  type BundleBuilderOptions,
  DEFAULT_FULCIO_URL,
  DEFAULT_REKOR_URL,
  DSSEBundleBuilder,
  FulcioSigner,
  RekorWitness,
  TSAWitness,
} from "@sigstore/sign";
import { messageOf, ReportError } from "../model/errors.ts";
import { redact } from "../model/secret.ts";
import type { SigningKey } from "./attest-key.ts";
import type { Statement } from "./attest-statement.ts";
import { type IdentityToken, unsigned } from "./attest-token.ts";

export const payloadType = "application/vnd.in-toto+json";
/** What a bundle is called where types have names: in a registry, by a web server. */
export const bundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** Fulcio and Rekor; Sigstore's public ones unless told otherwise. The identity is the CI job's. */
export interface Keyless {
  readonly token: IdentityToken;
  readonly fulcioUrl?: string | undefined;
  readonly rekorUrl?: string | undefined;
  /** Of a time stamp authority that is asked as well (RFC 3161, as Sigstore's answers). */
  readonly timestampUrl?: string | undefined;
}

/**
 * The text of a bundle, one line of JSON and a line feed. Registered secrets are redacted in the statement before it is signed. Rejects with
 * a `ReportError` (codes `not-signed`, `fulcio-refused`, `fulcio-gone`, `rekor-refused`, `rekor-gone`, …) where a service that is asked
 * gives no answer, or a no; with a key none is asked.
 * @example await signStatement(statement, { key: readSigningKey(pem, "env RELEASE_KEY") })
 */
export async function signStatement(
  statement: Statement,
  by: { readonly key: SigningKey } | { readonly keyless: Keyless },
): Promise<string> {
  const data = Buffer.from(redact(JSON.stringify(statement)));
  try {
    const bundle = await new DSSEBundleBuilder("key" in by ? withKey(by.key) : withoutKey(by.keyless)).create({
      data,
      type: payloadType,
    });
    // DSSE's verifier in Go passes over a signature whose key id is not the key's ssh fingerprint, and takes one without. The hint stays.
    for (const signature of bundle.content.dsseEnvelope?.signatures ?? []) signature.keyid = "";
    return `${JSON.stringify(bundleToJSON(bundle))}\n`;
  } catch (error) {
    if ("keyless" in by) throw unsigned(error, by.keyless.token, servicesOf(by.keyless));
    throw new ReportError({
      code: "not-signed",
      phase: "report",
      seen: `the statement could not be signed: ${redact(messageOf(error))}`,
      hint: "the key may be damaged",
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

function withoutKey(keyless: Keyless): BundleBuilderOptions {
  const { fulcio, rekor, timestamp } = servicesOf(keyless);
  // Without a limit a service that takes the connection and says nothing is waited for as long as it stands.
  const patience = { timeout: 30_000, retry: 1 };
  return {
    signer: new FulcioSigner({
      fulcioBaseURL: fulcio,
      identityProvider: { getToken: async () => keyless.token.text },
      ...patience,
    }),
    witnesses: [
      // An entry that a first attempt left there is fetched, and no reason to fail.
      new RekorWitness({ rekorBaseURL: rekor, entryType: "dsse", fetchOnConflict: true, ...patience }),
      ...(timestamp === undefined ? [] : [new TSAWitness({ tsaBaseURL: timestamp, ...patience })]),
    ],
  };
}

function servicesOf({ fulcioUrl = DEFAULT_FULCIO_URL, rekorUrl = DEFAULT_REKOR_URL, timestampUrl }: Keyless) {
  const bare = (url: string) => url.replace(/\/+$/, "");
  return {
    fulcio: bare(fulcioUrl),
    rekor: bare(rekorUrl),
    timestamp: timestampUrl === undefined ? undefined : bare(timestampUrl),
  };
}

// Decides that forged, damaged and replayed bundles are refused, all of them, and each for its reason.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { payloadType } from "./attest-bundle.ts";
import { keyIdOf } from "./attest-key.ts";
import { requireSubject, unverified, verifyBundle } from "./attest-verify.ts";
import { signed, soeDigest, statementOn, testKey } from "./testing/attested.ts";

const key = testKey();
const other = testKey();
const good = await signed(statementOn("soe:1"), key);

/** JSON of which any part may be another one. */
type Loose = ReturnType<typeof JSON.parse>;

/** A bundle with something in it changed, and not signed again. */
function altered(change: (bundle: Loose) => void, from = good): string {
  const bundle = JSON.parse(from);
  change(bundle);
  return JSON.stringify(bundle);
}
const payloadOf = (bundle: string) =>
  JSON.parse(Buffer.from(JSON.parse(bundle).dsseEnvelope.payload, "base64").toString());
const base64 = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");

describe("a bundle by an allowed key", () => {
  test.each(["P-256", "ed25519"] as const)("is verified, %s", async (kind) => {
    const mine = testKey(kind);
    const { verified } = verifyBundle(await signed(statementOn("soe:1"), mine), [...other.allowed, ...mine.allowed]);
    expect(verified).toMatchObject({
      signer: { keyId: mine.signing.id },
      subjects: [{ name: "config", digest: { sha256: soeDigest } }],
    });
  });

  test("has no key id in its envelope, for which cosign's library would pass over the signature", () => {
    expect(JSON.parse(good).dsseEnvelope.signatures[0].keyid ?? "").toBe("");
    expect(JSON.parse(good).verificationMaterial.publicKey.hint).toBe(key.signing.id);
  });

  test("names its key by the digest of the public half, which is not that of another", () => {
    const spki = Buffer.from(key.signing.publicPem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
    expect(key.signing.id).toBe(`SHA256:${createHash("sha256").update(spki).digest("base64")}`);
    expect(key.allowed.map(({ id, key: public_ }) => [id, keyIdOf(public_)])).toEqual([
      [key.signing.id, key.signing.id],
    ]);
    expect(other.signing.id).not.toBe(key.signing.id);
  });
});

describe("refused", () => {
  const resigned = async (change: (statement: Loose) => void) => {
    const statement = structuredClone(statementOn("soe:1")) as Loose;
    change(statement);
    return signed(statement, key);
  };
  test.each<[string, string, () => string | Promise<string>]>([
    ["a wrong key", "unknown-key", () => signed(statementOn("soe:1"), other)],
    [
      "a wrong key that calls itself the right one",
      "bad-signature",
      async () =>
        altered(
          (bundle) => {
            bundle.verificationMaterial.publicKey.hint = key.signing.id;
          },
          await signed(statementOn("soe:1"), other),
        ),
    ],
    [
      "a statement that was altered: FAILED made PASSED",
      "bad-signature",
      () =>
        altered((bundle) => {
          const statement = payloadOf(good);
          statement.predicate.result = "WARNED";
          bundle.dsseEnvelope.payload = base64(statement);
        }),
    ],
    [
      "another subject put in",
      "bad-signature",
      () =>
        altered((bundle) => {
          const statement = payloadOf(good);
          statement.subject[0].digest.sha256 = "f".repeat(64);
          bundle.dsseEnvelope.payload = base64(statement);
        }),
    ],
    [
      "a signature of another statement by the same key",
      "bad-signature",
      async () => {
        const stolen = JSON.parse(await signed(statementOn("desk:1"), key)).dsseEnvelope.signatures;
        return altered((bundle) => {
          bundle.dsseEnvelope.signatures = stolen;
        });
      },
    ],
    [
      "no signature",
      "not-a-bundle",
      () =>
        altered((bundle) => {
          bundle.dsseEnvelope.signatures = [];
        }),
    ],
    [
      "an empty signature",
      "not-a-bundle",
      () =>
        altered((bundle) => {
          bundle.dsseEnvelope.signatures[0].sig = "";
        }),
    ],
    [
      "two signatures",
      "not-a-bundle",
      () =>
        altered((bundle) => {
          bundle.dsseEnvelope.signatures.push(bundle.dsseEnvelope.signatures[0]);
        }),
    ],
    [
      "another type of payload",
      "other-payload",
      () =>
        altered((bundle) => {
          bundle.dsseEnvelope.payloadType = "text/plain";
        }),
    ],
    [
      "a later version of bundles",
      "other-version",
      () =>
        altered((bundle) => {
          bundle.mediaType = "application/vnd.dev.sigstore.bundle.v0.4+json";
        }),
    ],
    [
      "an earlier version of bundles",
      "other-version",
      () =>
        altered((bundle) => {
          bundle.mediaType = "application/vnd.dev.sigstore.bundle+json;version=0.1";
        }),
    ],
    [
      "no version",
      "not-a-bundle",
      () =>
        altered((bundle) => {
          delete bundle.mediaType;
        }),
    ],
    [
      "no key named",
      "not-a-bundle",
      () =>
        altered((bundle) => {
          delete bundle.verificationMaterial.publicKey;
        }),
    ],
    [
      "a certificate",
      "keyless",
      () =>
        altered((bundle) => {
          delete bundle.verificationMaterial.publicKey;
          bundle.verificationMaterial.certificate = { rawBytes: base64("x") };
        }),
    ],
    [
      "a time stamp nobody can verify",
      "not-a-bundle|keyless",
      () =>
        altered((bundle) => {
          bundle.verificationMaterial.timestampVerificationData = {
            rfc3161Timestamps: [{ signedTimestamp: base64("x") }],
          };
        }),
    ],
    [
      "a signed message instead of a statement",
      "other-payload",
      () =>
        altered((bundle) => {
          delete bundle.dsseEnvelope;
          bundle.messageSignature = {
            messageDigest: { algorithm: "SHA2_256", digest: base64("x") },
            signature: base64("y"),
          };
        }),
    ],
    ["half a bundle", "not-a-bundle", () => good.slice(0, good.length / 2)],
    ["nothing", "not-a-bundle", () => ""],
    ["null", "not-a-bundle", () => "null"],
    ["a list", "not-a-bundle", () => "[]"],
    [
      "a bundle of 17 MB",
      "too-big",
      () =>
        altered((bundle) => {
          bundle.padding = "x".repeat(17_000_000);
        }),
    ],
    // From here on whoever has the key wrote nonsense, or something that is meant for others.
    [
      "another version of statements",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement._type = "https://in-toto.io/Statement/v0.1";
        }),
    ],
    [
      "an unknown predicate",
      "unknown-predicate",
      () =>
        resigned((statement) => {
          statement.predicateType = "https://slsa.dev/provenance/v1";
        }),
    ],
    [
      "another version of test results",
      "unknown-predicate",
      () =>
        resigned((statement) => {
          statement.predicateType = "https://in-toto.io/attestation/test-result/v0.2";
        }),
    ],
    [
      "an unknown result",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.predicate.result = "OK";
        }),
    ],
    [
      "an unknown field in the result",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.predicate.ignoredTests = [];
        }),
    ],
    [
      "no configuration",
      "not-a-statement",
      () =>
        resigned((statement) => {
          delete statement.predicate.configuration;
        }),
    ],
    [
      "no subject",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.subject = [];
        }),
    ],
    [
      "a subject without SHA-256",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.subject[0].digest = { sha1: "0".repeat(40) };
        }),
    ],
    [
      "a subject twice",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.subject.push(statement.subject[0]);
        }),
    ],
    [
      "two subjects of one name",
      "not-a-statement",
      () =>
        resigned((statement) => {
          statement.subject.push({ name: "config", digest: { sha256: "f".repeat(64) } });
        }),
    ],
  ])("%s", async (_, code, make) => {
    const bundle = await make();
    expect(bundle).not.toBe(good);
    const { verified, refused } = verifyBundle(bundle, key.allowed);
    expect(verified).toBeUndefined();
    expect(refused?.code).toMatch(new RegExp(`^(${code})$`));
  });

  test("every bundle in which one bit of the payload or the signature is another one: 0 accepted", () => {
    let tried = 0;
    const accepted: string[] = [];
    for (const part of ["payload", "sig"] as const) {
      const bytes = Buffer.from(
        part === "payload" ? JSON.parse(good).dsseEnvelope.payload : JSON.parse(good).dsseEnvelope.signatures[0].sig,
        "base64",
      );
      for (let at = 0; at < bytes.length; at += part === "payload" ? 7 : 1) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
        tried += 1;
        const bundle = altered((each) => {
          if (part === "payload") each.dsseEnvelope.payload = changed.toString("base64");
          else each.dsseEnvelope.signatures[0].sig = changed.toString("base64");
        });
        if (verifyBundle(bundle, key.allowed).verified !== undefined) accepted.push(`${part} ${at}`);
      }
    }
    expect(tried).toBeGreaterThan(100);
    expect(accepted).toEqual([]);
  });

  test("without any key that is allowed, everything", () => {
    expect(verifyBundle(good, []).refused?.code).toBe("unknown-key");
  });

  test("a bundle replayed for another digest, and one that is on more than this", async () => {
    const { verified } = verifyBundle(good, key.allowed);
    if (verified === undefined) throw new Error("the good one was refused");
    expect(requireSubject(verified, [soeDigest])).toBeUndefined();
    expect(requireSubject(verified, ["f".repeat(64)])?.code).toBe("other-digest");
    expect(requireSubject(verified, [])?.code).toBe("other-digest");
    const both = {
      ...verified,
      subjects: [...verified.subjects, { name: "more", digest: { sha256: "f".repeat(64) } }],
    };
    expect(requireSubject(both, [soeDigest])?.code).toBe("other-digest");
    expect(requireSubject(both, [soeDigest, "f".repeat(64)])).toBeUndefined();
  });

  test("what nobody verified is read and has no key", async () => {
    expect(unverified(await signed(statementOn("soe:1"), other)).verified?.signer.keyId).toBe("");
  });
});

test("the payload's type is in-toto's", () => expect(payloadType).toBe("application/vnd.in-toto+json"));

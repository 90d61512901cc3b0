// Decides that a bundle that was signed without a key is taken from the identity that is allowed, and that each thing that is missing, foreign
// or altered in it is refused for its reason. The bundles are real ones: Fulcio, Rekor and a time stamp authority made them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Certified, identityIn } from "./attest-identity.ts";
import { readTrustedRoot } from "./attest-trust.ts";
import { verifyBundle } from "./attest-verify.ts";
import { testKey } from "./testing/attested.ts";
import { changed, keyless, trustedRoot } from "./testing/keyless.ts";

const { identity, text, loggedAt } = keyless;
const root = trustedRoot();
const allowed: Certified = { identities: [identity], root };
const codeOf = (bundle: string, certified: Certified = allowed) => {
  const { verified, refused } = verifyBundle(bundle, [], certified);
  return verified === undefined ? refused?.code : "verified";
};
const base64 = (value: string) => Buffer.from(value).toString("base64");

describe("a bundle of an identity that is allowed", () => {
  test("is verified, with who signed it and when by the log", () => {
    const { verified } = verifyBundle(text("logged"), [], allowed);
    expect(verified).toMatchObject({
      signer: { identity },
      signedAt: loggedAt,
      predicateType: "https://in-toto.io/attestation/test-result/v0.1",
      subjects: [{ name: "config", digest: { sha256: "c".repeat(64) } }],
    });
    expect(verified?.signer.keyId).toBeUndefined();
    expect(identityIn(text("logged"))).toEqual(identity);
  });

  test("is verified beside keys, and among other identities", () => {
    const others = [
      { issuer: "https://issuer.example", subject: "somebody@example.com" },
      { ...identity, subject: "x" },
    ];
    const { verified } = verifyBundle(text("logged"), testKey().allowed, { identities: [...others, identity], root });
    expect(verified?.signer).toEqual({ identity });
  });

  test("is verified by the time stamp alone where the trusted root has no log", () => {
    const unlogged = changed("stamped", (bundle) => {
      bundle.verificationMaterial.tlogEntries = [];
    });
    const noLogs = trustedRoot((each) => {
      each.tlogs = [];
    });
    expect(codeOf(text("stamped"))).toBe("verified");
    expect(codeOf(unlogged, { identities: [identity], root: noLogs })).toBe("verified");
    // Where it has logs, who holds a token for a moment could sign beside them.
    expect(codeOf(unlogged)).toBe("no-witness");
    // A log that is not trusted says nothing, not even beside a good time stamp.
    expect(codeOf(text("stamped"), { identities: [identity], root: noLogs })).toBe("bad-witness");
  });
});

describe("the identity of a certificate", () => {
  const of = (name: string) => {
    const pem = readFileSync(join(import.meta.dirname, "testing", "golden", `subject-${name}.pem`), "utf8");
    const rawBytes = pem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
    return identityIn(
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.certificate.rawBytes = rawBytes;
      }),
    );
  };
  const issuer = "https://issuer.example";

  test("is its one subject, a URI or an address, and the issuer", () => {
    expect(of("address")).toEqual({ issuer, subject: "ops@example.com" });
    expect(of("comma")).toEqual({ issuer, subject: "https://ci.example/a,b@x" });
  });

  test.each(["two", "both"])("is none where there are several: %s", (name) => expect(of(name)).toBeUndefined());
});

describe("refused is", () => {
  test.each<[what: string, code: string, certified: Certified]>([
    ["everybody, where no identity is allowed", "keyless", { identities: [], root }],
    ["everybody, without a trusted root", "no-trusted-root", { identities: [identity] }],
    ["another issuer", "unknown-issuer", { identities: [{ ...identity, issuer: "http://localhost:5557" }], root }],
    [
      "an issuer with a slash more",
      "unknown-issuer",
      { identities: [{ ...identity, issuer: `${identity.issuer}/` }], root },
    ],
    [
      "an issuer of which this is the beginning",
      "unknown-issuer",
      { identities: [{ ...identity, issuer: "http://localhost:555" }], root },
    ],
    [
      "another subject",
      "unknown-subject",
      { identities: [{ ...identity, subject: "https://ci.example/studio/images/release@refs/heads/x" }], root },
    ],
    [
      "a subject of which this is the beginning",
      "unknown-subject",
      { identities: [{ ...identity, subject: "https://ci.example/studio/images/release@refs/heads/mai" }], root },
    ],
    ["a subject by a pattern", "unknown-subject", { identities: [{ ...identity, subject: ".*" }], root }],
    ["no subject", "unknown-subject", { identities: [{ ...identity, subject: "" }], root }],
    [
      "one's subject with another's issuer",
      "unknown-subject",
      {
        identities: [
          { issuer: identity.issuer, subject: "https://ci.example/other" },
          { issuer: "https://issuer.example", subject: identity.subject },
        ],
        root,
      },
    ],
    [
      "a certificate of another authority",
      "unknown-authority",
      {
        identities: [identity],
        root: trustedRoot((each) => {
          each.certificateAuthorities = each.timestampAuthorities;
        }),
      },
    ],
    [
      "an authority whose time was over",
      "unknown-authority",
      {
        identities: [identity],
        root: trustedRoot((each) => {
          each.certificateAuthorities[0].validFor = { start: "2020-01-01T00:00:00Z", end: "2026-11-01T00:00:00Z" };
        }),
      },
    ],
    [
      "a certificate that no certificate log has, where there are some",
      "unknown-authority",
      {
        identities: [identity],
        root: trustedRoot((each) => {
          each.ctlogs = each.tlogs;
        }),
      },
    ],
    [
      "an entry of a log with another key",
      "bad-witness",
      {
        identities: [identity],
        root: trustedRoot((each) => {
          const spki = testKey().signing.publicPem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
          each.tlogs[0].publicKey.rawBytes = spki;
        }),
      },
    ],
    [
      "an entry of a log whose time was over",
      "bad-witness",
      {
        identities: [identity],
        root: trustedRoot((each) => {
          each.tlogs[0].publicKey.validFor = { start: "2020-01-01T00:00:00Z", end: "2026-11-01T00:00:00Z" };
        }),
      },
    ],
  ])("%s", (_, code, certified) => expect(codeOf(text("logged"), certified)).toBe(code));

  test.each<[what: string, code: string, bundle: string]>([
    ["one that was signed when its certificate had expired", "not-valid-then", text("late")],
    [
      "the same, with the log's time put back",
      "bad-witness",
      changed("late", ({ verificationMaterial: material }) => {
        const [entry] = material.tlogEntries;
        entry.integratedTime = String(Number(entry.integratedTime) - 630);
        material.timestampVerificationData = undefined;
      }),
    ],
    [
      "the same, without the log's promise, and with it its time",
      "no-witness",
      changed("late", ({ verificationMaterial: material }) => {
        material.tlogEntries[0].inclusionPromise = undefined;
        material.timestampVerificationData = undefined;
      }),
    ],
    [
      "one without log entry and time stamp",
      "no-witness",
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.tlogEntries = [];
      }),
    ],
    [
      "an altered statement",
      "bad-signature",
      changed("logged", ({ dsseEnvelope }) => {
        const said = Buffer.from(dsseEnvelope.payload, "base64").toString();
        expect(said).toContain('"PASSED"');
        dsseEnvelope.payload = base64(said.replace('"PASSED"', '"WARNED"'));
      }),
    ],
    [
      "another's certificate",
      "bad-signature",
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.certificate = JSON.parse(text("stamped")).verificationMaterial.certificate;
      }),
    ],
    [
      "the log entry of another bundle",
      "other-log-entry",
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.tlogEntries = JSON.parse(text("stamped")).verificationMaterial.tlogEntries;
      }),
    ],
    [
      "the time stamp of another bundle",
      "bad-witness",
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.timestampVerificationData = JSON.parse(
          text("stamped"),
        ).verificationMaterial.timestampVerificationData;
      }),
    ],
    [
      "one log entry twice",
      "bad-witness",
      changed("logged", ({ verificationMaterial: material }) => {
        material.tlogEntries = [...material.tlogEntries, ...material.tlogEntries];
      }),
    ],
    [
      "a certificate that is none",
      "not-a-bundle",
      changed("logged", ({ verificationMaterial }) => {
        verificationMaterial.certificate.rawBytes = base64("no certificate");
      }),
    ],
    [
      "a time stamp that is none",
      "not-a-bundle",
      changed("stamped", ({ verificationMaterial }) => {
        verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp = base64("noon");
      }),
    ],
  ])("%s", (_, code, bundle) => expect(codeOf(bundle)).toBe(code));

  test("every one in which a bit of what is signed is another one", () => {
    type Bundle = ReturnType<typeof JSON.parse>;
    const entry = ({ verificationMaterial }: Bundle) => verificationMaterial.tlogEntries[0];
    const parts: readonly [name: string, holder: (bundle: Bundle) => Record<string, string>, key: string][] = [
      ["signature", ({ dsseEnvelope }) => dsseEnvelope.signatures[0], "sig"],
      ["certificate", ({ verificationMaterial }) => verificationMaterial.certificate, "rawBytes"],
      ["log", (bundle) => entry(bundle).logId, "keyId"],
      ["entry", entry, "canonicalizedBody"],
      ["promise", (bundle) => entry(bundle).inclusionPromise, "signedEntryTimestamp"],
      ["proof", (bundle) => entry(bundle).inclusionProof.hashes, "0"],
      [
        "time stamp",
        ({ verificationMaterial }) => verificationMaterial.timestampVerificationData.rfc3161Timestamps[0],
        "signedTimestamp",
      ],
    ];
    const good = verifyBundle(text("stamped"), [], allowed);
    const accepted = new Set<string>();
    let tried = 0;
    for (const [name, holder, key] of parts) {
      const { length } = Buffer.from(holder(JSON.parse(text("stamped")))[key] ?? "", "base64");
      for (let at = 0; at < length; at += length > 100 ? 29 : 3) {
        tried += 1;
        const bundle = changed("stamped", (each) => {
          const bytes = Buffer.from(holder(each)[key] ?? "", "base64");
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
          holder(each)[key] = bytes.toString("base64");
        });
        const seen = verifyBundle(bundle, [], allowed);
        if (seen.verified === undefined) continue;
        accepted.add(name);
        expect(seen).toEqual(good);
      }
    }
    expect(tried).toBeGreaterThan(150);
    // What a time stamp is wrapped in is not signed: nothing that is read of it can be changed there.
    expect([...accepted]).toEqual(["time stamp"]);
  });

  test("in words that name who signed and who may", () => {
    const other = { identities: [{ ...identity, subject: "https://ci.example/other" }], root };
    expect(verifyBundle(text("logged"), [], other).refused?.seen).toBe(
      `it is signed by ${identity.subject} (${identity.issuer}), and of that issuer allowed are https://ci.example/other`,
    );
    expect(verifyBundle(text("late"), [], allowed).refused?.seen).toMatch(
      /^its certificate was valid from 2026-11-23T07:44:\d\d\.000Z to 2026-11-23T07:54:\d\d\.000Z, and it was signed at 2026-11-23T07:5\d:\d\d\.000Z$/,
    );
  });
});

describe("a trusted root is refused", () => {
  const root = (change: (document: Record<string, unknown>) => void) => {
    const document = JSON.parse(keyless.rootText);
    change(document);
    return JSON.stringify(document);
  };
  test.each<[what: string, text: string, why: string]>([
    ["that is no JSON", "-----BEGIN CERTIFICATE-----", "it is no JSON"],
    ["that is no object", "[]", "the document"],
    ["that is a bundle", text("logged"), "mediaType: no trusted root of a version that is known"],
    [
      "of a later version",
      root((each) => {
        each["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v1.0+json";
      }),
      "mediaType",
    ],
    [
      "without an authority",
      root((each) => {
        each["certificateAuthorities"] = [];
      }),
      "certificateAuthorities",
    ],
    [
      "without anybody who says when",
      root((each) => {
        each["tlogs"] = [];
        delete each["timestampAuthorities"];
      }),
      "neither a log nor a time stamp authority",
    ],
    [
      "with a damaged certificate",
      keyless.rootText.replace(/"rawBytes":"MIIB/, '"rawBytes":"AAAA'),
      "a certificate or a key in it cannot be read",
    ],
  ])("%s", (_, text, why) =>
    expect(() => readTrustedRoot(text, "trusted_root.json")).toThrow(
      expect.objectContaining({ code: "bad-trusted-root", seen: expect.stringContaining(why) }),
    ),
  );
});

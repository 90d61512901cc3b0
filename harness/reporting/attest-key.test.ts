// Decides which keys are taken, and that a message about one shows nothing of it.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readAllowedKeys, readSigningKey } from "./attest-key.ts";
import { testKey } from "./testing/attested.ts";

const key = testKey();
const other = testKey();

describe("keys that are not taken", () => {
  const pem = (kind: "rsa" | "P-384" | "sec1") => {
    if (kind === "rsa")
      return generateKeyPairSync("rsa", { modulusLength: 2048 })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString();
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: kind === "sec1" ? "P-256" : kind });
    return privateKey.export({ type: kind === "sec1" ? "sec1" : "pkcs8", format: "pem" }).toString();
  };
  test.each<[string, string, RegExp]>([
    ["RSA", pem("rsa"), /is rsa/],
    ["another curve", pem("P-384"), /curve secp384r1/],
    ["SEC1", pem("sec1"), /another kind, EC PRIVATE KEY/],
    ["a public key", key.signing.publicPem, /is a public key/],
    [
      "an encrypted one",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----",
      /is encrypted/,
    ],
    [
      "cosign's own",
      "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----",
      /is encrypted/,
    ],
    ["a damaged one", key.pem.replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAAAAAAAAAAAAAAAAAA"), /cannot be read/],
    ["no PEM", "hunter2-hunter2", /is no PEM/],
    ["nothing", "", /is no PEM/],
  ])("%s", (_, text, said) => {
    expect(() => readSigningKey(text, "k.pem")).toThrow(said);
    try {
      readSigningKey(text, "k.pem");
    } catch (error) {
      const [line = "nothing of it"] = text.split("\n").slice(1);
      expect(String(error)).not.toContain(line || "nothing of it");
      expect((error as { code?: string }).code).toBe("bad-key");
    }
  });

  test("where statements are verified: private ones, RSA, nothing", () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
      .publicKey.export({ type: "spki", format: "pem" })
      .toString();
    expect(() => readAllowedKeys(key.pem, "k.pem")).toThrow(/holds a private key/);
    expect(() => readAllowedKeys(rsa, "k.pub")).toThrow(/is rsa/);
    expect(() => readAllowedKeys("", "k.pub")).toThrow(/holds no public key/);
    expect(readAllowedKeys(key.signing.publicPem + other.signing.publicPem, "both.pub").map(({ id }) => id)).toEqual([
      key.signing.id,
      other.signing.id,
    ]);
  });
});

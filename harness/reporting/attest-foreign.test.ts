// Decides that others verify what Assay signs: OpenSSL over bytes that are put together here by DSSE's own words, and cosign, where there is
// one. The golden bundles are some that cosign 3.1.3 has accepted.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { readAllowedKeys } from "./attest-key.ts";
import { requireSubject, verifyBundle } from "./attest-verify.ts";
import { signed, statementOn, testKey } from "./testing/attested.ts";
import { keyless, keylessFile } from "./testing/keyless.ts";

const golden = join(import.meta.dirname, "testing", "golden");
const room = mkdtempSync(join(tmpdir(), "assay-foreign-"));
afterAll(() => rmSync(room, { recursive: true }));

const kinds = ["p256", "ed25519"] as const;
const predicates = {
  "test-result": "https://in-toto.io/attestation/test-result/v0.1",
  "verification-summary": "https://slsa.dev/verification_summary/v1",
} as const;
const cases = kinds.flatMap((kind) =>
  Object.entries(predicates).map(([name, type]) => ({
    kind,
    type,
    bundle: join(golden, `${kind}.${name}.sigstore.json`),
  })),
);
const publicKey = (kind: (typeof kinds)[number]) => join(golden, `${kind}.pub`);

/** Whether OpenSSL takes the envelope's signature for one on the DSSE v1 encoding of its payload. */
function opensslVerifies(bundle: string, pub: string): { readonly ok: boolean; readonly said: string } {
  const { dsseEnvelope } = JSON.parse(bundle) as {
    dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] };
  };
  const payload = Buffer.from(dsseEnvelope.payload, "base64");
  const type = Buffer.from(dsseEnvelope.payloadType);
  const encoded = Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
  const [file, sig] = [join(room, "encoded"), join(room, "sig")];
  writeFileSync(file, encoded);
  writeFileSync(sig, Buffer.from(dsseEnvelope.signatures[0]?.sig ?? "", "base64"));
  const hashed = readFileSync(pub, "utf8").length > 150 ? ["-digest", "sha256"] : [];
  const { status, stdout, stderr } = spawnSync(
    "openssl",
    ["pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", ...hashed, "-in", file, "-sigfile", sig],
    { encoding: "utf8" },
  );
  return { ok: status === 0 && /Verified Successfully/.test(stdout), said: stdout + stderr };
}

/** A bundle whose payload says something else, under the signature that it had. */
function altered(bundle: string): string {
  const document = JSON.parse(bundle);
  const payload = Buffer.from(document.dsseEnvelope.payload, "base64").toString().replace('"PASSED"', '"FAILED"');
  document.dsseEnvelope.payload = Buffer.from(payload).toString("base64");
  return JSON.stringify(document);
}

describe("OpenSSL", () => {
  const missing = !answers("openssl");
  beforeEach(({ skip }) => skip(missing, "openssl is not installed"));

  test.each(cases)("verifies $bundle, and not what it was altered to", ({ kind, bundle }) => {
    const text = readFileSync(bundle, "utf8");
    expect(opensslVerifies(text, publicKey(kind))).toMatchObject({ ok: true });
    expect(opensslVerifies(altered(text), publicKey(kind))).toMatchObject({ ok: false });
    expect(opensslVerifies(text, publicKey(kind === "p256" ? "ed25519" : "p256"))).toMatchObject({ ok: false });
  });

  test.each(["P-256", "ed25519"] as const)("verifies what is signed now, %s", async (kind) => {
    const key = testKey(kind);
    const pub = join(room, `${kind}.pub`);
    writeFileSync(pub, key.signing.publicPem);
    const bundle = await signed(statementOn("soe:1"), key);
    expect(opensslVerifies(bundle, pub)).toMatchObject({ ok: true });
    expect(opensslVerifies(altered(bundle), pub)).toMatchObject({ ok: false });
  });
});

describe("cosign", () => {
  // Debian 12 has none.
  const missing = !answers("cosign");
  beforeEach(({ skip }) =>
    skip(missing, "cosign is not installed: go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3"),
  );

  const cosign = (bundle: string, pub: string, type: string, file: string) => {
    const words = ["verify-blob-attestation", "--bundle", bundle, "--key", pub, "--insecure-ignore-tlog=true"];
    return spawnSync("cosign", [...words, "--type", type, file], { encoding: "utf8" });
  };
  const image = join(golden, "image.bin");

  test.each(cases)("accepts $bundle, and not on another file, altered, by another key", ({ kind, type, bundle }) => {
    expect(cosign(bundle, publicKey(kind), type, image)).toMatchObject({ status: 0 });
    const forged = join(room, "forged.json");
    writeFileSync(forged, altered(readFileSync(bundle, "utf8")));
    const other = publicKey(kind === "p256" ? "ed25519" : "p256");
    expect(cosign(forged, publicKey(kind), type, image).status).not.toBe(0);
    expect(cosign(bundle, other, type, image).status).not.toBe(0);
    expect(cosign(bundle, publicKey(kind), type, bundle).status).not.toBe(0);
  });

  test.each(["P-256", "ed25519"] as const)("accepts what is signed now, %s", async (kind) => {
    const key = testKey(kind);
    const [pub, bundle] = [join(room, `${kind}.pub`), join(room, `${kind}.json`)];
    const sha256 = createHash("sha256").update(readFileSync(image)).digest("hex");
    writeFileSync(pub, key.signing.publicPem);
    writeFileSync(
      bundle,
      await signed({ ...statementOn("soe:1"), subject: [{ name: "image.bin", digest: { sha256 } }] }, key),
    );
    expect(cosign(bundle, pub, predicates["test-result"], image)).toMatchObject({ status: 0 });
  });
});

describe("cosign, without a key", () => {
  const missing = !answers("cosign");
  beforeEach(({ skip }) => skip(missing, "cosign is not installed"));

  test("accepts what is in the log by its identity alone, with the time stamp too, and not what was signed too late", () => {
    const { issuer, subject } = keyless.identity;
    const status = (name: "logged" | "stamped" | "late", identity = subject) => {
      const by = ["--trusted-root", keyless.rootFile, "--insecure-ignore-sct", "--certificate-oidc-issuer", issuer];
      const on = ["--type", predicates["test-result"], "--digest", "c".repeat(64), "--digestAlg", "sha256"];
      const words = ["--bundle", keylessFile(name), "--certificate-identity", identity, ...by, ...on];
      return spawnSync("cosign", ["verify-blob-attestation", ...words]).status;
    };
    expect([status("logged"), status("stamped")]).toEqual([0, 0]);
    expect(status("logged", `${subject}x`)).not.toBe(0);
    expect(status("late")).not.toBe(0);
  });
});

describe("what cosign accepted", () => {
  test.each(cases)("is accepted here too: $bundle", ({ kind, type, bundle }) => {
    const { verified } = verifyBundle(
      readFileSync(bundle, "utf8"),
      readAllowedKeys(readFileSync(publicKey(kind), "utf8"), kind),
    );
    const sha256 = createHash("sha256")
      .update(readFileSync(join(golden, "image.bin")))
      .digest("hex");
    expect(verified).toMatchObject({ predicateType: type, subjects: [{ name: "image.bin", digest: { sha256 } }] });
    expect(verified === undefined || requireSubject(verified, [sha256])).toBeUndefined();
  });
});

function answers(program: string): boolean {
  return spawnSync(program, ["version"]).status === 0;
}

// Decides that signing without a key works against a real Fulcio and a real Rekor, from a run to the gate, and what is said when one of them says
// no or is gone. They must run already (reporting/testing/README.md says how): the issuer that this Fulcio trusts is here, and signs its tokens.
import { spawnSync } from "node:child_process";
import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { identityIn } from "../reporting/attest-identity.ts";
import { RunStage } from "../vitest/run-stage.ts";

const fulcio = process.env["ASSAY_TEST_FULCIO"];
const rekor = process.env["ASSAY_TEST_REKOR"];
const issuer = process.env["ASSAY_TEST_ISSUER"] ?? "http://localhost:5556";
const lacking = fulcio === undefined || rekor === undefined;
const spec = "fixtures/faults/met.spec.ts";
const predicate = "https://in-toto.io/attestation/test-result/v0.1";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const kid = randomUUID();
let server: Server | undefined;
let stage: RunStage;
let root = "";

beforeEach(({ skip }) =>
  skip(lacking, "ASSAY_TEST_FULCIO and ASSAY_TEST_REKOR name no services: harness/reporting/testing/README.md"),
);
beforeAll(async () => {
  if (fulcio === undefined || rekor === undefined) return;
  server = createServer(({ url }, response) => {
    const documents: Record<string, object> = {
      "/.well-known/openid-configuration": {
        issuer,
        jwks_uri: `${issuer}/keys`,
        authorization_endpoint: `${issuer}/auth`,
        token_endpoint: `${issuer}/token`,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
      },
      "/keys": { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
    };
    const document = documents[url ?? ""];
    response.writeHead(document === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(document ?? {}));
  }).listen(Number(new URL(issuer).port), "127.0.0.1");
  await once(server, "listening");
  stage = new RunStage({ env: process.env, subject: "", drivers: [] });
  root = join(stage.directory, "trusted_root.json");
  writeFileSync(root, JSON.stringify(await trustedRootOf(fulcio, rekor)));
  expect(await stage.assay(["run", "--project", "faults", spec])).toMatchObject({ code: 0 });
}, 120_000);
afterAll(() => {
  server?.close();
  stage?.[Symbol.dispose]();
});

describe("assay attest --keyless", () => {
  const services = ["--fulcio-url", `${fulcio}`, "--rekor-url", `${rekor}`];
  const attest = (text: string, ...more: string[]) =>
    stage.assay(["attest", "--keyless", ...services, ...more], undefined, { SIGSTORE_ID_TOKEN: text });

  test("signs what a run found, and verify, the gate and cosign take it from this identity and no other", async () => {
    const { code, output } = await attest(token(), "--json");
    expect({ code, output }).toMatchObject({ code: 0 });
    const [{ bundle, identity, subjects }] = JSON.parse(output);
    expect(identity).toEqual({ issuer, subject: expect.stringMatching(/^https:\/\/ci\.example\//) });
    expect(identityIn(readFileSync(bundle, "utf8"))).toEqual(identity);
    const digest = subjects[0].digest.sha256;

    const by = ["--issuer", issuer, "--trusted-root", root, "--digest", digest, "--identity"];
    expect(await stage.assay(["verify", bundle, ...by, identity.subject])).toMatchObject({ code: 0 });
    expect(await stage.assay(["verify", bundle, ...by, `${identity.subject}x`])).toMatchObject({ code: 1 });

    const gate = async (subject: string) => {
      const policy = join(stage.directory, `${subject.length}.ts`);
      const index = JSON.stringify(new URL("../index.ts", import.meta.url).href);
      const who = JSON.stringify([{ issuer, subject }]);
      writeFileSync(
        policy,
        `import { definePolicy } from ${index};\nexport const policy = definePolicy({ required: { ${JSON.stringify(spec)}: "every" }, maxAge: "1h", identities: ${who}, trustedRoot: ${JSON.stringify(root)} });\n`,
      );
      const decided = await stage.assay(["gate", "--policy", policy, "--bundle", bundle, "--json"]);
      const { met, refusals } = JSON.parse(decided.output);
      return { code: decided.code, refused: refusals.map((each: { code: string }) => each.code), met };
    };
    expect(await gate(identity.subject)).toMatchObject({
      code: 0,
      refused: [],
      met: expect.arrayContaining([{ code: "vouched", says: `${identity.subject} (${issuer}) vouches for the run` }]),
    });
    expect(await gate(`${identity.subject}x`)).toMatchObject({ code: 1, refused: ["unsigned", "bad-bundle"] });

    if (spawnSync("cosign", ["version"]).status !== 0) return;
    const cosign = (subject: string) => {
      const words = ["--bundle", bundle, "--trusted-root", root, "--insecure-ignore-sct", "--type", predicate];
      const who = ["--certificate-identity", subject, "--certificate-oidc-issuer", issuer];
      const on = ["--digest", digest, "--digestAlg", "sha256"];
      return spawnSync("cosign", ["verify-blob-attestation", ...words, ...who, ...on], { encoding: "utf8" });
    };
    expect(cosign(identity.subject)).toMatchObject({ status: 0 });
    expect(cosign(`${identity.subject}x`).status).not.toBe(0);
  });

  test.each<[what: string, text: () => string, words: string[], seen: string]>([
    [
      "a token of an issuer that Fulcio does not know",
      () => token({ iss: "http://localhost:1" }),
      [],
      `Fulcio at ${fulcio} does not take the identity token of http://localhost:1 for sigstore: (400)`,
    ],
    ["a token for somebody else", () => token({ aud: "vault" }), [], "for vault: (400)"],
    [
      "a token that somebody altered",
      () => token({ sub: "job 7" }, "nobody's"),
      [],
      "does not take the identity token",
    ],
    [
      "Rekor that is gone",
      () => token(),
      ["--rekor-url", "http://127.0.0.1:9"],
      "Rekor at http://127.0.0.1:9 gave no entry",
    ],
    ["Rekor that is none", () => token(), ["--rekor-url", `${fulcio}`], `Rekor at ${fulcio} refused the entry: (404)`],
  ])("says so of %s, and writes nothing", async (_, make, words, seen) => {
    const out = join(stage.directory, "none");
    const text = make();
    const { code, output } = await attest(text, "--out", out, ...words);
    expect({ code, output }).toMatchObject({ code: 3, output: expect.stringContaining(seen) });
    expect(output).not.toContain(text.split(".")[1]);
    expect(() => readdirSync(out)).toThrow(/ENOENT/);
  });
});

/** A token that Fulcio can verify; `signature`: something else in its place. */
function token(more: object = {}, signature?: string): string {
  const now = Math.floor(Date.now() / 1000);
  const job = { sub: "job 7", project: "studio/images", workflow: "release", ref: "refs/heads/main" };
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const text = `${encoded({ alg: "RS256", typ: "JWT", kid })}.${encoded({ iss: issuer, aud: "sigstore", iat: now, exp: now + 300, ...job, ...more })}`;
  const signed = createSign("RSA-SHA256").update(text).sign(privateKey);
  return `${text}.${(signature === undefined ? signed : Buffer.from(signature)).toString("base64url")}`;
}

/** What these two services say of themselves: good where they are one's own, and for nothing else. */
async function trustedRootOf(fulcio: string, rekor: string): Promise<object> {
  const der = (pem: string) => pem.replaceAll(/-----[A-Z ]+-----|\s/g, "");
  const get = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();
  const { chains } = JSON.parse(await get(`${fulcio}/api/v2/trustBundle`)) as { chains: { certificates: string[] }[] };
  const key = der(await get(`${rekor}/api/v1/log/publicKey`));
  const keyId = Buffer.from(await crypto.subtle.digest("SHA-256", Buffer.from(key, "base64"))).toString("base64");
  const since = { start: "2020-01-01T00:00:00Z" };
  return {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    tlogs: [
      {
        baseUrl: rekor,
        hashAlgorithm: "SHA2_256",
        publicKey: { rawBytes: key, keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor: since },
        logId: { keyId },
      },
    ],
    certificateAuthorities: chains.map(({ certificates }) => ({
      subject: { organization: "example", commonName: "example" },
      uri: fulcio,
      certChain: { certificates: certificates.map((pem) => ({ rawBytes: der(pem) })) },
      validFor: since,
    })),
  };
}

// Decides every sentence about certificates, both ways, on certificates that openssl makes here.
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { caStore, certificate } from "./certificate.ts";
import { chainFlaw, readCertificates } from "./certificate-chain.ts";

const node = hostNode();
let root: string;
const at = (name: string) => join(root, name);
const openssl = (...words: string[]) => execFileSync("openssl", words, { cwd: root, stdio: "ignore" });

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-certificate-"));
  const key = (name: string) =>
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", `${name}.key`);
  for (const name of ["ca", "middle", "leaf", "other"]) key(name);
  openssl("req", "-x509", "-key", "ca.key", "-subj", "/CN=Studio CA", "-days", "400", "-out", "ca.pem");
  openssl("req", "-x509", "-key", "other.key", "-subj", "/CN=Other CA", "-days", "400", "-out", "other.pem");
  const issue = (name: string, by: string, extensions: string) => {
    writeFileSync(at(`${name}.ext`), extensions);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${by}.pem`,
      "-CAkey",
      `${by}.key`,
      "-CAcreateserial",
      "-days",
      "100",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  };
  issue("middle", "ca", "basicConstraints=CA:TRUE\n");
  issue("leaf", "middle", "subjectAltName=DNS:www.studio.example,DNS:*.render.example,IP:192.0.2.7\n");
  writeFileSync(at("chain.pem"), readFileSync(at("leaf.pem")));
  appendFileSync(at("chain.pem"), readFileSync(at("middle.pem")));
  openssl("x509", "-in", "leaf.pem", "-outform", "DER", "-out", "leaf.der");
  writeFileSync(at("nonsense.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  writeFileSync(at("text.pem"), "no certificate");
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

async function judged(check: Check) {
  return check.judge(await check.observe(node));
}

type Sentence = (of: (name: string) => ReturnType<typeof certificate>) => Check;
test.each<[string, Sentence, boolean]>([
  ["a name", (of) => of("leaf.pem").isFor("www.studio.example"), true],
  ["a name in DER", (of) => of("leaf.der").isFor("www.studio.example"), true],
  ["a name by wildcard", (of) => of("leaf.pem").isFor("a.render.example"), true],
  ["a wildcard covers one label", (of) => of("leaf.pem").isFor("a.b.render.example"), false],
  ["the common name is no name", (of) => of("leaf.pem").isFor("leaf"), false],
  ["an address", (of) => of("leaf.pem").isFor("192.0.2.7"), true],
  ["another address", (of) => of("leaf.pem").isFor("192.0.2.8"), false],
  [
    "all names",
    (of) => of("leaf.pem").hasNames("IP Address:192.0.2.7", "DNS:www.studio.example", "DNS:*.render.example"),
    true,
  ],
  ["not all names", (of) => of("leaf.pem").hasNames("DNS:www.studio.example"), false],
  ["days left", (of) => of("chain.pem").isValidForDays(90), true],
  ["too few days left", (of) => of("chain.pem").isValidForDays(110), false],
  ["self-signed", (of) => of("ca.pem").isSelfSigned(), true],
  ["not self-signed", (of) => of("leaf.pem").isSelfSigned(), false],
  ["its key's type and size", (of) => of("leaf.pem").hasKey("ec", 256), true],
  ["its key is bigger than it is", (of) => of("leaf.pem").hasKey("ec", 384), false],
  ["its key's type is another", (of) => of("leaf.pem").hasKey("rsa"), false],
  ["its key", (of) => of("leaf.pem").matchesKey(at("leaf.key")), true],
  ["another's key", (of) => of("leaf.pem").matchesKey(at("other.key")), false],
  ["no key", (of) => of("leaf.pem").matchesKey(at("text.pem")), false],
  ["a key that is not there", (of) => of("leaf.pem").matchesKey(at("missing")), false],
  ["a whole chain", (of) => of("chain.pem").chainsTo(at("ca.pem")), true],
  ["a chain with a gap", (of) => of("leaf.pem").chainsTo(at("ca.pem")), false],
  ["a chain to somebody else", (of) => of("chain.pem").chainsTo(at("other.pem")), false],
  ["self-signed and trusted as such", (of) => of("ca.pem").chainsTo(at("ca.pem")), true],
  ["not trusted by the system", (of) => of("chain.pem").isTrusted(), false],
  ["not in the store", () => caStore().trusts(at("ca.pem")), false],
  ["a store", () => caStore().exists(), true],
  ["an authority", () => caStore().has("ISRG Root X1"), true],
  ["no such authority", () => caStore().has("Studio CA"), false],
  ["nonsense", (of) => of("nonsense.pem").isValidForDays(0), false],
  ["no certificate", (of) => of("text.pem").isValidForDays(0), false],
  ["nothing there", (of) => of("missing").isValidForDays(0), false],
])("%s", async (_, sentence, met) => {
  const judgement = await judged(sentence((name) => certificate(at(name))));
  expect(judgement).toMatchObject({ met });
  expect(JSON.stringify(judgement)).not.toMatch(/undefined|PRIVATE/);
});

describe("a chain at another time", () => {
  const certificates = (name: string) => {
    const seen = readCertificates(name, readFileSync(at(name)));
    if ("flaw" in seen) throw new Error(seen.flaw);
    return seen.certificates;
  };
  test.each([
    [-1, /not valid now/],
    [101, /not valid now/],
  ])("%i days from now it is not valid", (days, flaw) => {
    expect(chainFlaw(certificates("chain.pem"), certificates("ca.pem"), Date.now() + days * 86_400_000)).toMatch(flaw);
  });
  test("of several authorities by one key, one that is valid is enough", () => {
    openssl("req", "-x509", "-key", "ca.key", "-subj", "/CN=Studio CA", "-days", "10", "-out", "short.pem");
    const [short, long] = [certificates("short.pem")[0], certificates("ca.pem")[0]];
    const later = Date.now() + 20 * 86_400_000;
    for (const both of [[short, long] as const, [long, short] as const])
      expect.soft(chainFlaw(certificates("chain.pem"), both, later)).toBeUndefined();
    expect(chainFlaw(certificates("chain.pem"), [short], later)).toMatch(/Studio CA has expired/);
  });
  test("a leaf is no authority, though its key signed", () => {
    expect(chainFlaw(certificates("leaf.pem"), certificates("other.pem"), Date.now())).toMatch(/nothing there issued/);
  });
});

test("a key that may not be read is an error", async () => {
  await node.succeed(["chmod", "711", root]);
  await node.succeed(["chmod", "644", at("leaf.pem")]);
  await expect(
    certificate(at("leaf.pem")).matchesKey(at("leaf.key")).observe(node.as("65534:65534")),
  ).rejects.toMatchObject({ code: "probe-denied" });
});

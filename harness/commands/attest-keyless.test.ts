// Decides what the commands do with signatures without a key, from outside, where no service is asked: which words and exit codes there are, that
// the token is in none of them, and that the gate takes the policy's identities by the policy's trusted root. Services: attest-keyless.contract.test.ts.
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Decision } from "../reporting/gate-decision.ts";
import { reportOf } from "../reporting/report.ts";
import { attestedRun } from "../reporting/testing/attested.ts";
import { changed, keyless, keylessFile } from "../reporting/testing/keyless.ts";
import { writeReport } from "../reporting/write.ts";
import { inThisProcess } from "./testing/in-this-process.ts";

const room = realpathSync(mkdtempSync(join(tmpdir(), "assay-keyless-")));
const at = (name: string) => join(room, name);
const digest = "c".repeat(64);
const { issuer, subject } = keyless.identity;
const cwd = process.cwd();

/** A token as a CI gives it, but for the signature: nobody here looks at that. */
function token(more: object = {}): string {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  return `${encoded({ alg: "RS256" })}.${encoded({ iss: issuer, sub: "job 7", aud: "sigstore", exp, ...more })}.c2lnbmF0dXJl`;
}

beforeAll(async () => {
  vi.stubEnv("ASSAY_REPORTS", at("runs")).stubEnv("ASSAY_STATE", at("state"));
  for (const name of ["ACTIONS_ID_TOKEN_REQUEST_URL", "BUILDKITE"]) vi.stubEnv(name, "");
  process.chdir(room);
  await writeReport(at("runs/k1"), reportOf(attestedRun()));
  mkdirSync(at("policies"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  process.chdir(cwd);
  rmSync(room, { recursive: true });
});

describe("assay attest --keyless says what to do", () => {
  const nowhere = "http://127.0.0.1:9";
  test.each<[what: string, token: () => string, words: string[], status: number, seen: string, next: string]>([
    ["without a token", () => "", [], 3, "this job has no identity token", "set SIGSTORE_ID_TOKEN"],
    ["with something that is no token", () => "glpat-hunter22hunter22", [], 3, "is no JWT", "as the CI gives it"],
    [
      "with a token without an end",
      () => token({ exp: undefined }),
      [],
      3,
      "is no JWT with issuer",
      "the token itself",
    ],
    [
      "with a token that expired",
      () => token({ exp: 1_795_419_883 - 86_400 * 365 }),
      [],
      3,
      `the identity token of ${issuer} expired at 2025-11-23T07:44:43.000Z`,
      "ask the CI for a new one just before",
    ],
    [
      "with the token of somebody whose address nobody verified",
      () => token({ email: "ops@example.com" }),
      [],
      3,
      "JWT email not verified by issuer",
      "have it verified",
    ],
    ["where Fulcio is gone", () => token(), [], 3, `Fulcio at ${nowhere} gave no certificate`, "--fulcio-url"],
    [
      "with an address that is none",
      () => token(),
      ["--rekor-url", "rekor.example"],
      2,
      "rekor.example is no",
      "--rekor-url",
    ],
  ])("%s", async (name, make, words, status, seen, next) => {
    const text = make();
    vi.stubEnv("SIGSTORE_ID_TOKEN", text);
    const out = at(`out ${name}`);
    const all = [
      "attest",
      "k1",
      "--keyless",
      "--image",
      "soe:1",
      "--fulcio-url",
      `${nowhere}/`,
      "--out",
      out,
      ...words,
    ];
    const ended = await inThisProcess(all);
    expect(ended).toMatchObject({ status, out: "" });
    expect(ended.err).toContain(seen);
    expect(ended.err.slice(ended.err.indexOf(seen))).toContain(next);
    for (const part of text.split(".").filter((each) => each.length > 10)) expect(ended.err).not.toContain(part);
    expect(() => readdirSync(out)).toThrow(/ENOENT/);
  });
});

describe("assay verify", () => {
  const by = ["--identity", subject, "--issuer", issuer, "--trusted-root", keyless.rootFile];
  const verify = (bundle: string, ...words: string[]) =>
    inThisProcess(["verify", bundle, "--digest", `sha256:${digest}`, ...words]);

  test("tells which identity signed, and when by the log", async () => {
    expect(await verify(keylessFile("logged"), ...by)).toMatchObject({
      status: 0,
      out: `good ${keylessFile("logged")}: signed by ${subject} (${issuer}) at 2026-11-23T07:44:43.000Z`,
    });
    const { out } = await verify(keylessFile("logged"), ...by, "--json");
    expect(JSON.parse(out).bundles).toEqual([
      expect.objectContaining({
        accepted: true,
        identity: keyless.identity,
        signedAt: "2026-11-23T07:44:43.000Z",
      }),
    ]);
  });

  test.each<[what: string, words: () => string[], code: string]>([
    ["another subject", () => [keylessFile("logged"), ...by, "--identity", `${subject}x`], "unknown-subject"],
    ["another issuer", () => [keylessFile("logged"), ...by, "--issuer", `${issuer}/`], "unknown-issuer"],
    ["one that was signed too late", () => [keylessFile("late"), ...by], "not-valid-then"],
    [
      "one that no log has",
      () => {
        writeFileSync(
          at("unlogged.json"),
          changed("logged", (each) => (each.verificationMaterial.tlogEntries = [])),
        );
        return [at("unlogged.json"), ...by];
      },
      "no-witness",
    ],
  ])("refuses %s", async (_, words, code) => {
    const [bundle = "", ...more] = words();
    const { status, out } = await verify(bundle, ...more, "--json");
    expect({ status, ...JSON.parse(out) }).toMatchObject({
      status: 1,
      met: false,
      bundles: [{ accepted: false, code }],
    });
  });

  test.each<[what: string, words: string[], why: string]>([
    ["an identity without an issuer", by.toSpliced(2, 2), "some of them are missing"],
    ["an identity without a trusted root", by.slice(0, 4), "some of them are missing"],
    ["a trusted root that is not there", [...by.slice(0, 5), "nowhere.json"], "nowhere.json cannot be read"],
    ["a trusted root that is none", [...by.slice(0, 5), keylessFile("logged")], "is no trusted root: mediaType"],
    ["nobody", [], "no key is allowed"],
  ])("does not begin with %s", async (_, words, why) => {
    expect(await verify(keylessFile("logged"), ...words)).toMatchObject({
      status: 2,
      err: expect.stringContaining(why),
    });
  });
});

describe("assay gate", () => {
  const policy = (more: string) => {
    const file = at(`policies/${readdirSync(at("policies")).length}.ts`);
    const model = JSON.stringify(new URL("../model/policy.ts", import.meta.url).href);
    const text = `export const policy = definePolicy({ required: { "specs/soe.spec.ts": "every" }, maxAge: "24h", ${more} });\n`;
    writeFileSync(file, `import { definePolicy } from ${model};\n${text}`);
    return file;
  };
  const gate = async (file: string, ...words: string[]) => {
    const { status, out, err } = await inThisProcess(["gate", "k1", "--policy", file, "--json", ...words]);
    const { refusals = [] } = (out === "" ? {} : JSON.parse(out)) as Partial<Decision>;
    // The run is of another day and another checkout: what is refused of it beside that is what is looked at.
    return {
      status,
      err,
      signed: refusals.filter(({ code }) =>
        /^(bad-bundle|unsigned|not-vouched|unknown-identity|other-(subject|report))$/.test(code),
      ),
    };
  };
  const identities = (who: object) => `identities: [${JSON.stringify({ ...keyless.identity, ...who })}]`;
  const root = `trustedRoot: ${JSON.stringify(keyless.rootFile)}`;
  const shown = ["--bundle", keylessFile("logged")];

  test("takes a bundle of an identity that the policy names, by its trusted root: it is of another run, and that is all", async () => {
    const { status, signed } = await gate(policy(`${identities({})}, ${root}`), ...shown);
    expect({ status, codes: signed.map(({ code }) => code) }).toMatchObject({ status: 1 });
    expect(signed.map(({ code, about }) => [code, about])).toEqual([
      ["other-subject", `${subject} (${issuer})`],
      ["other-report", `${subject} (${issuer})`],
    ]);
  });

  test.each<[what: string, policy: () => string, words: string[], says: string[]]>([
    [
      "a bundle of a subject that the policy does not name",
      () => policy(`${identities({ subject: "https://ci.example/other" })}, ${root}`),
      shown,
      ["it is not taken (unknown-subject): it is signed by", "the policy wants one of 1 identities to vouch"],
    ],
    [
      "a bundle where the policy names no trusted root",
      () => policy(identities({})),
      shown,
      ["it is not taken (no-trusted-root): ", "the policy wants one of 1 identities to vouch"],
    ],
    [
      "no bundle",
      () => policy(`${identities({})}, ${root}, keys: ["SHA256:${"k".repeat(43)}="]`),
      [],
      ["the policy wants one of 1 keys and 1 identities to vouch for the run, and nobody does"],
    ],
  ])("refuses %s", async (_, file, words, says) => {
    const { status, signed } = await gate(file(), ...words);
    expect({ status, says: signed.map((each) => each.says) }).toEqual({
      status: 1,
      says: expect.arrayContaining(says.map((each) => expect.stringContaining(each))),
    });
  });

  test("does not begin with a trusted root that is not there, nor with a bundle where nobody may have signed", async () => {
    const lost = policy(`${identities({})}, trustedRoot: "reports/nowhere.json"`);
    expect(await gate(lost, ...shown)).toMatchObject({
      status: 2,
      err: expect.stringContaining("reports/nowhere.json"),
    });
    expect(await gate(policy(""), ...shown)).toMatchObject({
      status: 2,
      err: expect.stringContaining("no key is allowed"),
    });
  });
});

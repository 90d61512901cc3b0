// Decides what `assay gate --bundle` takes for a word on a run, and what `--sign` says of its decision, from outside: the run is attested by the
// command, with keys that are made here. What is forged, altered or meant for something else is refused, and one 'no' is no 'yes'.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { home } from "../place.ts";
import type { Decision } from "../reporting/gate-decision.ts";
import { soon } from "../reporting/gate-sample.ts";
import { reportOf } from "../reporting/report.ts";
import { releasable, soeDigest, testKey } from "../reporting/testing/attested.ts";
import { writeReport } from "../reporting/write.ts";
import { inThisProcess } from "./testing/in-this-process.ts";

const room = realpathSync(mkdtempSync(join(tmpdir(), "assay-gate-bundles-")));
const at = (name: string) => join(room, name);
const runs = at("runs");
const key = testKey();
const other = testKey("ed25519");
const otherDigest = "7".repeat(64);
const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
const spec = "export {};\n";
// Of a checkout the project is its own; a spec of this test's is named from there.
const file = relative(home, at("specs/soe.spec.ts"));
const cwd = process.cwd();

const bundleOf = (run: string, digest: string) =>
  join(runs, run, "attestations", `${digest}.test-result.sigstore.json`);
const good = bundleOf("k1", soeDigest);

beforeAll(async () => {
  vi.stubEnv("ASSAY_REPORTS", runs).stubEnv("ASSAY_STATE", at("state"));
  vi.useFakeTimers({ toFake: ["Date"], now: soon });
  mkdirSync(at("specs"));
  writeFileSync(at("specs/soe.spec.ts"), spec);
  process.chdir(room);
  for (const [name, { pem, signing }] of [
    ["release", key],
    ["other", other],
  ] as const) {
    writeFileSync(at(`${name}.pem`), pem, { mode: 0o600 });
    writeFileSync(at(`${name}.pub`), signing.publicPem);
  }
  const policy = (name: string, required: string) =>
    writeFileSync(
      at(name),
      `import { definePolicy } from ${JSON.stringify(new URL("../model/policy.ts", import.meta.url).href)};
export const policy = definePolicy({ required: { ${JSON.stringify(file)}: ${required} }, keys: ["${key.signing.id}"], maxAge: "24h" });\n`,
    );
  policy("policy.ts", '"every"');
  policy("strict.ts", '{ "a test that nobody wrote": "every" }');
  for (const [run, digest] of [
    ["k1", soeDigest],
    // The same image, tested another time.
    ["k2", soeDigest],
    // Another image under the same name.
    ["k3", otherDigest],
  ] as const) {
    const made = releasable({ run, imageId: digest, file, sha256: sha256(spec) });
    await writeReport(join(runs, run), reportOf(made));
    expect(await inThisProcess(["attest", run, "--key", at("release.pem")])).toMatchObject({ status: 0 });
  }
  expect(await inThisProcess(["attest", "k1", "--key", at("other.pem"), "--out", at("others")])).toMatchObject({
    status: 0,
  });
});
afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  process.chdir(cwd);
  rmSync(room, { recursive: true });
});

/** The gate's answer on a run. */
async function gate(run: string, ...words: string[]) {
  const { status, out, err } = await inThisProcess(["gate", run, "--policy", at("policy.ts"), "--json", ...words]);
  const decision = (out === "" ? undefined : JSON.parse(out)) as Decision | undefined;
  return { status, err, codes: decision?.refusals.map(({ code }) => code), decision };
}

const withKey = (bundle: string, pub = "release.pub") => ["--bundle", bundle, "--key", at(pub)];

/** A bundle whose payload says something else, under the signature that it had. */
function altered(bundle: string, from: string, to: string): string {
  const document = JSON.parse(readFileSync(bundle, "utf8"));
  const payload = Buffer.from(document.dsseEnvelope.payload, "base64").toString();
  if (!payload.includes(from)) throw new TypeError(`it does not say ${from}`);
  document.dsseEnvelope.payload = Buffer.from(payload.replaceAll(from, to)).toString("base64");
  const file = at(`altered-${sha256(to).slice(0, 8)}.json`);
  writeFileSync(file, JSON.stringify(document));
  return file;
}

describe("assay gate --bundle", () => {
  test("takes a run that an allowed key vouches for", async () => {
    const { status, decision } = await gate("k1", ...withKey(good));
    expect({ status, ...decision }).toMatchObject({ status: 0, accepted: true, refusals: [] });
    expect(decision?.met).toContainEqual({ code: "vouched", says: `${key.signing.id} vouches for the run` });
  });

  test.each<[what: string, codes: string[], run: string, words: () => string[]]>([
    ["no bundle", ["unsigned"], "k1", () => []],
    [
      "a bundle by another key",
      ["bad-bundle", "unsigned"],
      "k1",
      () => withKey(at(`others/${soeDigest}.test-result.sigstore.json`)),
    ],
    [
      "a bundle by a key that the policy does not name",
      ["unknown-key"],
      "k1",
      () => withKey(at(`others/${soeDigest}.test-result.sigstore.json`), "other.pub"),
    ],
    [
      "a statement of another digest, under the old signature",
      ["bad-bundle", "unsigned"],
      "k3",
      () => withKey(altered(good, soeDigest, otherDigest)),
    ],
    [
      "a statement with another result",
      ["bad-bundle", "unsigned"],
      "k1",
      () => withKey(altered(good, "PASSED", "WARNED")),
    ],
    ["the bundle of another image", ["other-report", "other-subject"], "k3", () => withKey(good)],
    ["the bundle of another run on the same image", ["other-report"], "k2", () => withKey(good)],
    [
      "one good bundle and one of another image",
      ["other-report", "other-subject"],
      "k1",
      () => ["--bundle", good, bundleOf("k3", otherDigest), "--key", at("release.pub")],
    ],
    [
      "half a bundle",
      ["bad-bundle", "unsigned"],
      "k1",
      () => {
        writeFileSync(at("half.json"), readFileSync(good, "utf8").slice(0, 500));
        return withKey(at("half.json"));
      },
    ],
  ])("refuses %s", async (_, codes, run, words) => {
    const seen = await gate(run, ...words());
    expect({ status: seen.status, codes: seen.codes?.toSorted() }).toEqual({ status: 1, codes });
  });

  test("refuses a run that is older than the policy wants, however well it is signed, and one from the future", async () => {
    try {
      vi.setSystemTime(soon + 25 * 3_600_000);
      expect(await gate("k1", ...withKey(good))).toMatchObject({ status: 1, codes: ["too-old"] });
      vi.setSystemTime(soon - 3_600_000);
      expect((await gate("k1", ...withKey(good))).codes).toContain("from-the-future");
    } finally {
      vi.setSystemTime(soon);
    }
  });

  test("refuses a report that was changed after it was signed, and a spec that was", async () => {
    const report = join(runs, "k1", "report.json");
    const before = readFileSync(report, "utf8");
    try {
      writeFileSync(report, `${before}\n`);
      expect(await gate("k1", ...withKey(good))).toMatchObject({ status: 1, codes: ["other-report"] });
      writeFileSync(report, before);
      writeFileSync(at("specs/soe.spec.ts"), "export const all = true;\n");
      expect(await gate("k1", ...withKey(good))).toMatchObject({ status: 1, codes: ["input-changed"] });
    } finally {
      writeFileSync(report, before);
      writeFileSync(at("specs/soe.spec.ts"), spec);
    }
  });

  test("needs a key, and a bundle that can be read", async () => {
    expect(await gate("k1", "--bundle", good)).toMatchObject({
      status: 2,
      err: expect.stringContaining("no key is allowed"),
    });
    expect(await gate("k1", ...withKey(at("none.json")))).toMatchObject({
      status: 2,
      err: expect.stringContaining("there is no "),
    });
    expect(await gate("k1", ...withKey("/dev/zero"))).toMatchObject({
      status: 2,
      err: expect.stringContaining("is no file"),
    });
    writeFileSync(at("huge.json"), "");
    truncateSync(at("huge.json"), 100_000_000);
    expect(await gate("k1", ...withKey(at("huge.json")))).toMatchObject({
      status: 2,
      err: expect.stringContaining("no bundle has more"),
    });
  });
});

describe("assay gate --sign", () => {
  const [verifier, resource] = ["https://ci.example/gate", "oci://registry.example/soe:1"];
  const signing = (out: string) => [
    ...["--sign", at("release.pem"), "--verifier", verifier, "--resource", resource, "--out", at(out)],
  ];
  const verify = (file: string, more: Readonly<Record<string, string>> = {}) => {
    const words = { key: at("release.pub"), digest: `sha256:${soeDigest}`, verifier, resource, ...more };
    return inThisProcess(["verify", file, ...Object.entries(words).flatMap(([name, word]) => [`--${name}`, word])]);
  };
  const said = (file: string) =>
    JSON.parse(Buffer.from(JSON.parse(readFileSync(file, "utf8")).dsseEnvelope.payload, "base64").toString());

  test("its yes is a summary of this image, by this policy, from these bundles, and is verified as that", async () => {
    expect((await gate("k1", ...withKey(good), ...signing("yes.json"))).status).toBe(0);
    expect(said(at("yes.json"))).toMatchObject({
      predicateType: "https://slsa.dev/verification_summary/v1",
      subject: [{ name: "config", digest: { sha256: soeDigest } }],
      predicate: {
        verifier: { id: verifier },
        resourceUri: resource,
        timeVerified: new Date(soon).toISOString(),
        policy: { uri: relative(home, at("policy.ts")), digest: { sha256: sha256(readFileSync(at("policy.ts"))) } },
        inputAttestations: [{ digest: { sha256: sha256(readFileSync(good)) } }],
        verificationResult: "PASSED",
      },
    });
    expect(await verify(at("yes.json"))).toMatchObject({ status: 0 });
  });

  test.each<[what: string, words: string[]]>([
    ["the policy requires more", ["k1", "--policy", at("strict.ts"), ...withKey(good)]],
    ["nobody vouches for the run", ["k1", "--policy", at("policy.ts")]],
    [
      "the bundle is forged",
      ["k1", "--policy", at("policy.ts"), ...withKey(at(`others/${soeDigest}.test-result.sigstore.json`))],
    ],
  ])("its no is signed, too, and is no yes: %s", async (what, words) => {
    const out = `no-${what.length}.json`;
    expect((await inThisProcess(["gate", ...words, ...signing(out)])).status).toBe(1);
    expect(said(at(out)).predicate).toMatchObject({ verificationResult: "FAILED", verifiedLevels: ["FAILED"] });
    expect(await verify(at(out))).toMatchObject({ status: 1, out: expect.stringContaining("it is not a yes of") });
  });

  test.each<[what: string, more: Record<string, string>, why: RegExp]>([
    ["another key", { key: at("other.pub") }, /it is signed by "SHA256:.*and allowed are/],
    ["another image", { digest: `sha256:${otherDigest}` }, /refused/],
    ["another name of the release", { resource: "oci://registry.example/soe:2" }, /it is not a yes of/],
    ["another verifier", { verifier: "https://elsewhere.example/gate" }, /it is not a yes of/],
  ])("its yes is none to %s", async (_, more, why) => {
    expect(await verify(at("yes.json"), more)).toMatchObject({ status: 1, out: expect.stringMatching(why) });
  });

  test("a no that was made a yes, and a yes for another image, are not what was signed", async () => {
    expect((await gate("k1", ...signing("unsigned-no.json"))).status).toBe(1);
    for (const file of [
      altered(at("unsigned-no.json"), "FAILED", "PASSED"),
      altered(at("yes.json"), soeDigest, otherDigest),
    ])
      expect(await verify(file, { digest: `sha256:${otherDigest}` })).toMatchObject({
        status: 1,
        out: expect.stringContaining("its signature is not that of"),
      });
  });

  test.each<[what: string, afterMs: number, maxAge: string, status: number, why: RegExp]>([
    ["as old as it may be", 24 * 3_600_000, "24h", 0, /^good/],
    ["a moment older", 24 * 3_600_000 + 1, "24h", 1, /and may be 24h old/],
    ["of a clock that is a little ahead", -120_000, "24h", 0, /^good/],
    ["of the future", -120_001, "24h", 1, /which is after now/],
  ])("its yes, and the run's result, %s", async (_, afterMs, maxAge, status, why) => {
    const ended = Date.parse(said(good).predicate.configuration[0].annotations.endedAt);
    const digest = ["--key", at("release.pub"), "--digest", `sha256:${soeDigest}`];
    try {
      vi.setSystemTime(soon + afterMs);
      const answer = { status, out: expect.stringMatching(why) };
      expect(await verify(at("yes.json"), { "max-age": maxAge })).toMatchObject(answer);
      vi.setSystemTime(ended + afterMs);
      expect(await inThisProcess(["verify", good, ...digest, "--max-age", maxAge])).toMatchObject(answer);
      // Nobody asked how old it is.
      expect(await verify(at("yes.json"))).toMatchObject({ status: 0 });
    } finally {
      vi.setSystemTime(soon);
    }
  });

  test("an age that is none is refused before anything is read", async () => {
    const answer = { status: 2, err: expect.stringContaining('"yesterday" is not a duration') };
    expect(await verify(at("none.json"), { "max-age": "yesterday" })).toMatchObject(answer);
  });

  test("half of what it needs, a name that is no address, or an image that nobody knows: nothing is signed", async () => {
    const half = await gate("k1", ...withKey(good), "--sign", at("release.pem"), "--out", at("never.json"));
    expect(half).toMatchObject({ status: 2, err: expect.stringContaining("some of them are missing") });
    const name = await gate("k1", ...withKey(good), ...signing("never.json"), "--verifier", "the gate");
    expect(name).toMatchObject({ status: 2, err: expect.stringContaining("--verifier the gate is no URI") });
    mkdirSync(join(runs, "damaged"), { recursive: true });
    writeFileSync(join(runs, "damaged", "report.json"), "{}");
    const none = await gate("damaged", ...signing("never.json"));
    expect(none).toMatchObject({ status: 2, err: expect.stringContaining("about no image whose digest is known") });
    expect(existsSync(at("never.json"))).toBe(false);
  });
});

test("a report that is none is refused in the same words by all who read one", async () => {
  const report = readFileSync(join(runs, "k1", "report.json"), "utf8");
  const odd: Record<string, string> = {
    half: report.slice(0, 700),
    later: report.replace('"schemaVersion": 1', '"schemaVersion": 2'),
    shapeless: report.replace('"verdict": "met"', '"verdict": "fine"'),
    bottomless: `${"[".repeat(100)}${"]".repeat(100)}`,
    escaped: report.replace('"run": "k1"', '"run": "../\\u001b[2J"'),
    huge: "",
  };
  for (const [name, text] of Object.entries(odd)) {
    const file = join(runs, name, "report.json");
    mkdirSync(join(runs, name), { recursive: true });
    writeFileSync(file, text);
    if (name === "huge") truncateSync(file, 100_000_000);
    const { status, decision } = await gate(name);
    expect([name, status, decision?.refusals.length]).toEqual([name, 1, 1]);
    const says = (decision?.refusals[0]?.says ?? "").replace(/^.* is no report: |^what was shown is no report: /, "");
    for (const words of [
      ["attest", name, "--key", at("release.pem")],
      ["report", name],
      ["merge", file, file],
    ]) {
      const { status: code, err } = await inThisProcess(words);
      expect([name, words[0], code]).toEqual([name, words[0], 2]);
      expect(err).toContain(says);
    }
    expect(says).toMatch(/^\P{Cc}{20,400}$/u);
  }
});

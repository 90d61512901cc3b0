// Decides that the gate holds a run against the checkout, the images and the statements that are shown to it, and says the right 'no'.
import { describe, expect, test } from "vitest";
import type { PolicyOptions } from "../model/policy.ts";
import { verifyBundle } from "./attest-verify.ts";
import { decide } from "./gate.ts";
import type { GateEvidence, VerifiedStatement } from "./gate-evidence.ts";
import { bashrc, changed, codes, goodEvidence, goodPolicy, key, soon, spec, unsigned } from "./gate-sample.ts";
import { began } from "./sample.ts";
import { keyless, trustedRoot } from "./testing/keyless.ts";

describe("what it was on", () => {
  const evidence = goodEvidence();
  const [now] = evidence.images ?? [];
  const input = (path: string, sha256: string | undefined) => ({
    checkout: new Map([...(evidence.checkout ?? []), [path, sha256] as const]),
  });

  test.each<[code: string, what: string, more: Partial<GateEvidence>]>([
    ["input-changed", "a spec that was edited", input(spec, "9".repeat(64))],
    ["input-changed", "an environment that was edited", input("environments/docker-soe.ts", "9".repeat(64))],
    ["input-gone", "a file that was removed", input("fixtures/soe/roles/", undefined)],
    ["input-missing", "a file that the spec imports since", input("environments/other.ts", "9".repeat(64))],
    [
      "another-digest",
      "an image that was rebuilt under its tag",
      { images: [{ ...now, recipe: "vfx-studio-soe", imageId: `sha256:${"e".repeat(64)}` }] },
    ],
    [
      "recipe-changed",
      "a recipe that was changed since",
      { images: [{ ...now, recipe: "vfx-studio-soe", recipeDigest: `sha256:${"e".repeat(64)}` }] },
    ],
    ["image-gone", "an image that is not there any more", { images: [{ recipe: "vfx-studio-soe" }] }],
    ["image-unknown", "an image of which nothing is known", { images: [] }],
    [
      "image-untested",
      "another image, which the run was not on",
      { images: [...(evidence.images ?? []), { recipe: "other", imageId: "sha256:1" }] },
    ],
    [
      "too-large",
      "an image over its budget",
      { images: [{ ...now, recipe: "vfx-studio-soe", bytes: 201 * 1024 ** 2 }] },
    ],
    [
      "size-unknown",
      "an image without a size",
      { images: [{ recipe: "vfx-studio-soe", imageId: `sha256:${"c".repeat(64)}` }] },
    ],
    ["change-unknown", "no comparison with the last image", { changes: [] }],
    [
      "too-much-changed",
      "more packages than may come",
      { changes: [{ recipe: "vfx-studio-soe", packagesAdded: ["a", "b", "c"], packagesRemoved: [], setuidAdded: [] }] },
    ],
    [
      "too-much-changed",
      "a new setuid file",
      { changes: [{ recipe: "vfx-studio-soe", packagesAdded: [], packagesRemoved: [], setuidAdded: ["/bin/x"] }] },
    ],
  ])("%s: %s", (code, _, more) => expect(codes({ ...evidence, ...more })).toContain(code));

  test("no checkout, no inputs, and a spec that is not among them", () => {
    const { checkout: _, ...without } = evidence;
    expect(codes(without)).toEqual(["no-checkout"]);
    expect(codes(changed((report) => delete report.inputs))).toContain("no-inputs");
    expect(codes(changed((report) => report.inputs?.pop()))).toContain("input-missing");
    const unread = changed((report) => report.inputs?.pop());
    const others = new Map([...(evidence.checkout ?? [])].filter(([path]) => path !== spec));
    expect(codes({ ...unread, checkout: others })).toEqual(["input-missing"]);
  });

  test("a disk that is the one that was tested, one that was written to, and one that was built anew", () => {
    const [disk, another] = ["f", "e"].map((letter) => `sha256:${letter.repeat(64)}`);
    const onDisk = changed((report) => Object.assign(report.images[0] ?? {}, { disk }));
    const as = (more: object) => codes({ ...onDisk, images: [{ ...now, recipe: "vfx-studio-soe", ...more }] });
    expect(as({ disk })).toEqual([]);
    expect(as({})).toEqual(["another-digest"]);
    expect(as({ disk: another })).toEqual(["another-digest"]);
    const subject = {
      ...(evidence.statements[0] as VerifiedStatement),
      subjects: [{ name: "disk", digest: { sha256: "f".repeat(64) } }],
    };
    expect(
      codes({ ...onDisk, images: [{ ...now, recipe: "vfx-studio-soe", disk }] as never, statements: [subject] }),
    ).toEqual([]);
  });

  test("a node that was ready too late, and one that was not stood up", () => {
    const slow = goodPolicy({ budgets: { ready: { "docker-soe/soe": "500ms", "docker-soe/other": "5s" } } });
    expect(codes(evidence, slow)).toEqual(["too-slow", "ready-unknown"]);
  });
});

describe("who vouches for it", () => {
  const evidence = goodEvidence();
  const [statement] = evidence.statements as [VerifiedStatement];
  const saying = (more: Partial<VerifiedStatement>) => ({ ...evidence, statements: [{ ...statement, ...more }] });
  const predicate = statement.predicate as Record<string, unknown>;
  const digest = (letter: string) => ({ sha256: letter.repeat(64) });

  test.each<[code: string, what: string, evidence: GateEvidence]>([
    ["unsigned", "nobody", { ...evidence, statements: [] }],
    ["unknown-key", "somebody with another key", saying({ signer: { keyId: `SHA256:${"x".repeat(43)}=` } })],
    [
      "unknown-predicate",
      "a statement of another kind",
      saying({ predicateType: "https://in-toto.io/attestation/test-result/v0.2" }),
    ],
    ["bad-predicate", "a predicate with an unknown field", saying({ predicate: { ...predicate, approved: true } })],
    ["other-report", "a statement of another report", { ...evidence, reportDigest: "e".repeat(64) }],
    ["other-report", "a statement of no report", saying({ predicate: { ...predicate, configuration: [] } })],
    [
      "not-vouched",
      "a statement replayed for another image",
      saying({ subjects: [{ name: "config", digest: digest("e") }] }),
    ],
    [
      "other-subject",
      "a statement about nothing that was tested",
      saying({ subjects: [{ name: "config", digest: digest("e") }] }),
    ],
    [
      "extra-subject",
      "a statement about more than was tested",
      saying({
        subjects: [...statement.subjects, { name: "a", digest: digest("e") }, { name: "b", digest: digest("f") }],
      }),
    ],
    ["duplicate-subject", "a subject twice", saying({ subjects: [...statement.subjects, ...statement.subjects] })],
    [
      "inconsistent",
      "a statement with tests that nobody made",
      saying({ predicate: { ...predicate, passedTests: ["specs/other.spec.ts > it is"] } }),
    ],
    [
      "inconsistent",
      "a statement with skipped tests that nobody planned",
      saying({ predicate: { ...predicate, warnedTests: ["specs/other.spec.ts > it is"] } }),
    ],
    ["inconsistent", "a statement that says FAILED", saying({ predicate: { ...predicate, result: "FAILED" } })],
    [
      "duplicate-test",
      "a statement with a test in two lists",
      saying({ predicate: { ...predicate, warnedTests: [`${spec} > ${bashrc}`] } }),
    ],
    ["nothing-passed", "a statement of no passed test", saying({ predicate: { ...predicate, passedTests: [] } })],
    ["bad-signing-time", "a statement from before the run", saying({ signedAt: began - 3_600_000 })],
    ["bad-signing-time", "a statement from the future", saying({ signedAt: soon + 3_600_000 })],
  ])("%s: %s", (code, _, shown) => expect(codes(shown)).toContain(code));

  test("one bad statement beside a good one is a 'no'", () =>
    expect(
      codes({ ...evidence, statements: [statement, { ...statement, signer: { keyId: `SHA256:${"x".repeat(43)}=` } }] }),
    ).toEqual(["unknown-key"]));

  test("a registry's manifest may be a subject beside what was tested", () =>
    expect(
      codes(saying({ subjects: [{ name: "registry.example/soe", digest: digest("e") }, ...statement.subjects] })),
    ).toEqual([]));

  test("a policy that names no key accepts no statement either: it has none to trust", () =>
    expect(codes(evidence, goodPolicy(unsigned))).toEqual(["unknown-key"]));
});

describe("an identity that vouches for it", () => {
  const { identity, loggedAt } = keyless;
  const { verified } = verifyBundle(keyless.text("logged"), [], { identities: [identity], root: trustedRoot() });
  if (verified === undefined) throw new TypeError("the golden bundle was refused");
  const evidence = { ...goodEvidence(), statements: [verified] };
  // It was signed weeks after the run of this sample.
  const asked = { keys: [], identities: [identity], maxAge: "9999h" } satisfies Partial<PolicyOptions>;
  const codesOf = (more: Partial<PolicyOptions>, now = loggedAt + 60_000, shown: GateEvidence = evidence) =>
    decide(goodPolicy({ ...asked, ...more }), shown, now).refusals.map(({ code }) => code);

  test("is accepted, and named as a key is", () => {
    const decision = decide(goodPolicy(asked), evidence, loggedAt + 60_000);
    expect(decision).toMatchObject({ accepted: true, refusals: [] });
    expect(decision.met).toContainEqual({
      code: "vouched",
      about: "vfx-studio-soe",
      says: `${identity.subject} (${identity.issuer}) vouches for the image and the run`,
    });
  });

  test.each<[code: string, what: string, codes: () => readonly string[]]>([
    [
      "unknown-identity",
      "another subject of the issuer",
      () => codesOf({ identities: [{ ...identity, subject: "x" }] }),
    ],
    [
      "unknown-identity",
      "another issuer of the subject",
      () => codesOf({ identities: [{ ...identity, issuer: "https://issuer.example" }] }),
    ],
    ["unknown-identity", "an identity where only keys may", () => codesOf({ keys: [key], identities: [] })],
    ["unknown-key", "a key where only identities may", () => codesOf({}, undefined, goodEvidence())],
    ["unsigned", "nobody", () => codesOf({}, undefined, { ...evidence, statements: [] })],
    ["bad-signing-time", "an hour before the log had it", () => codesOf({}, loggedAt - 3_600_000)],
  ])("%s: %s", (code, _, codes) => expect(codes()).toContain(code));
});

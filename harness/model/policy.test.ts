// Decides that a policy is read strictly: what it does not know, or cannot mean, is refused with file and line.
import { describe, expect, test } from "vitest";
import { definePolicy, expiryOf, type PolicyOptions } from "./policy.ts";
import { refusal } from "./testing/refusal.ts";

const least: PolicyOptions = { required: { "specs/a.spec.ts": "every" }, maxAge: "24h" };
const excuse = {
  file: "specs/a.spec.ts",
  test: "it is there",
  reason: "known",
  owner: "ops",
  tracker: "https://tracker.example/7",
  until: "2026-12-31",
};

test("what is left out has its default, times are milliseconds, sizes bytes", () => {
  expect(
    definePolicy({
      ...least,
      budgets: { images: { soe: { size: "2m", packagesAdded: 3 } }, ready: { "docker-soe/soe": "5s" } },
    }),
  ).toEqual({
    kind: "policy",
    required: least.required,
    others: "refused",
    images: [],
    preferences: {},
    keys: [],
    identities: [],
    maxAgeMs: 86_400_000,
    maxClockSkewMs: 120_000,
    waivers: [],
    quarantine: [],
    imageBudgets: { soe: { bytes: 2_097_152, packagesAdded: 3 } },
    readyMs: { "docker-soe/soe": 5_000 },
    at: expect.stringContaining("policy.test.ts"),
  });
});

test("an excuse counts until its day is over, by the world's clock", () => {
  expect(expiryOf(excuse)).toBe(Date.UTC(2027, 0, 1));
});

describe("refused, with file and line", () => {
  test.each<[what: string, options: object, words: string]>([
    ["an unknown field", { require: {} }, 'unknown option "require", did you mean "required"?'],
    ["an unknown field of a waiver", { waivers: [{ ...excuse, untill: "x" }] }, 'unknown option "waivers.0.untill"'],
    ["a preferred image that is none", { preferences: { mongodb: "mongo 7" } }, 'this is "recipe", or the reference'],
    ["a preference that is a yes", { preferences: { mongodb: true } }, "preferences.mongodb"],
    ["no age", { maxAge: undefined }, 'option "maxAge"'],
    ["an age that is none", { maxAge: "a day" }, '"a day" is not a duration'],
    ["nothing required", { required: {} }, "requires one test at least"],
    ["no test of a file required", { required: { "specs/a.spec.ts": {} } }, "requires one test at least"],
    ["no check of a test required", { required: { "specs/a.spec.ts": { it: [] } } }, "required.specs/a.spec.ts.it"],
    ["a word that is not every", { required: { "specs/a.spec.ts": "all" } }, "required.specs/a.spec.ts"],
    ["a waiver without a reason", { waivers: [{ ...excuse, reason: " " }] }, "waivers.0.reason"],
    ["a waiver without an owner", { waivers: [{ ...excuse, owner: undefined }] }, "waivers.0.owner"],
    [
      "a waiver without a tracker",
      { waivers: [{ ...excuse, tracker: "later" }] },
      "a tracker is named by its http or https address",
    ],
    ["a waiver for ever", { waivers: [{ ...excuse, until: undefined }] }, "waivers.0.until"],
    [
      "a day that there is not",
      { quarantine: [{ ...excuse, until: "2026-02-30" }] },
      "a day is written as in 2026-12-31",
    ],
    ["a key that is none", { keys: ["ops"] }, "a key's id is SHA256:"],
    [
      "an identity without a subject",
      { identities: [{ issuer: "https://issuer.example" }] },
      'option "identities.0.subject"',
    ],
    [
      "an issuer that is no address",
      { identities: [{ issuer: "issuer.example", subject: "ops@example.com" }] },
      "an issuer is named by its http or https address",
    ],
    [
      "an identity by a pattern",
      { identities: [{ issuer: "https://issuer.example", subject: /ops/ }] },
      "identities.0.subject",
    ],
    ["a trusted root that is no file", { trustedRoot: true }, 'option "trustedRoot"'],
    ["a size that is none", { budgets: { images: { soe: { size: "big" } } } }, '"big" is not a size'],
    [
      "fewer than no packages",
      { budgets: { images: { soe: { packagesAdded: -1 } } } },
      "budgets.images.soe.packagesAdded",
    ],
    ["a node without its environment", { budgets: { ready: { soe: "5s" } } }, "environment/node"],
  ])("%s", (_, more, words) => {
    const { message } = refusal(() => definePolicy({ ...least, ...more } as PolicyOptions));
    expect(message).toContain(words);
    expect(message).toMatch(/policy\.test\.ts:\d+:\d+/);
  });
});

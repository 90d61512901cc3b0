// Decides what a release is asked for: which tests and checks a run must have met, on which images, how old it may be, who may vouch
// for it, and what is excused until when. Data: nothing is judged here. Refuses what it does not know, with file and line.
import { z } from "zod";
import { callSite } from "./call-site.ts";
import { type Duration, durationMs, type Size, sizeBytes } from "./duration.ts";
import { DeclarationError } from "./errors.ts";
import { readOptions } from "./options.ts";

const text = z.string().trim().min(1, "this needs a word");
const count = z.int().min(0);
const check = z.union([text, z.instanceof(RegExp)]);
const day = z.iso.date("a day is written as in 2026-12-31");
const excuse = {
  file: text,
  test: text,
  reason: text,
  owner: text,
  tracker: z.url({ protocol: /^https?$/, error: "a tracker is named by its http or https address" }),
  until: day,
};
const waiver = z.strictObject({ ...excuse, checks: z.array(check).min(1).optional() });
const quarantined = z.strictObject(excuse);
const ofTest = z.union([z.literal("every"), z.array(check).min(1)]);
const ofFile = z.union([z.literal("every"), z.record(text, ofTest)]);
const imageBudget = z.strictObject({
  size: z.string().optional(),
  packagesAdded: count.optional(),
  packagesRemoved: count.optional(),
  setuidAdded: count.optional(),
});
/** By how much clocks may differ where nothing else is said. */
export const usualClockSkew = "2m";

const policyOptions = z.strictObject({
  required: z.record(text, ofFile),
  others: z.enum(["refused", "allowed"]).default("refused"),
  images: z.array(text).default([]),
  preferences: z
    .record(text, text.regex(/^\w[\w.\-/:@]*$/, 'this is "recipe", or the reference that prefer(…) has'))
    .default({}),
  keys: z
    .array(z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}=?$/, "a key's id is SHA256: and its digest in base64"))
    .default([]),
  identities: z
    .array(
      z.strictObject({
        issuer: z.url({ protocol: /^https?$/, error: "an issuer is named by its http or https address" }),
        subject: text,
      }),
    )
    .default([]),
  trustedRoot: text.optional(),
  maxAge: z.string(),
  maxClockSkew: z.string().default(usualClockSkew),
  waivers: z.array(waiver).default([]),
  quarantine: z.array(quarantined).default([]),
  budgets: z
    .strictObject({
      images: z.record(text, imageBudget).default({}),
      ready: z.record(text.regex(/^[^/]+\/[^/]+$/, "a node is written as environment/node"), z.string()).default({}),
    })
    .default({ images: {}, ready: {} }),
});

/** A check by its whole title, `not: ` before it where it is not to be met; or a pattern for the whole of it. */
export type CheckName = string | RegExp;

/** What is excused, why, by whom, and until the end of which day (UTC). */
export interface Excuse {
  readonly file: string;
  readonly test: string;
  readonly reason: string;
  readonly owner: string;
  /** Address of the entry in a tracker. */
  readonly tracker: string;
  /** `2026-12-31`: the last day on which it counts. */
  readonly until: string;
}

/** A test that need not pass; with `checks`: as long as nothing but these is wrong with it. */
export interface Waiver extends Excuse {
  readonly checks?: readonly CheckName[];
}

/** What an image may not exceed. Differences are those to the image that `assay diff` was given as the older one. */
export interface ImageBudget {
  readonly size?: Size;
  readonly packagesAdded?: number;
  readonly packagesRemoved?: number;
  /** Files with a setuid or setgid bit. */
  readonly setuidAdded?: number;
}

/** Who signs by a certificate instead of a key, as the certificate says it: both are held against it letter by letter. */
export interface SigningIdentity {
  /** Address of who vouched for the subject: a CI's issuer of tokens. */
  readonly issuer: string;
  /** The certificate's subject alternative name, a URI or an e-mail address: the CI's job. */
  readonly subject: string;
}

/** What is written in a policy. */
export interface PolicyOptions {
  /**
   * Spec file → test → its checks. `"every"` in the place of checks: one at least, and all that the test made; in the place of tests: one
   * at least, and all that the file has. What is named must be there, have run and be met.
   */
  readonly required: Readonly<Record<string, "every" | Readonly<Record<string, "every" | readonly CheckName[]>>>>;
  /** Tests that are not named: `refused`, which is meant without a word, or `allowed` as long as they do not fail. */
  readonly others?: "refused" | "allowed";
  /** Names of the recipes whose images are released: each is the one that was tested, now as well. */
  readonly images?: readonly string[];
  /**
   * By a recipe's name, which of `prefer(reference, recipe)` must have been tested: the reference, for the preferred image, or `"recipe"`.
   * Nodes of the run must have been on it. What is not named may be either, and is told.
   */
  readonly preferences?: Readonly<Record<string, string>>;
  /** Ids of the keys that may vouch for a report; no key and no identity: nobody has to. */
  readonly keys?: readonly string[];
  /** Who may vouch for a report without a key, beside the keys. There are no patterns. */
  readonly identities?: readonly SigningIdentity[];
  /**
   * File with the authorities and logs whose word on identities counts: Sigstore's `trusted_root.json`. A path in the project, or absolute.
   * Without it no identity is believed.
   */
  readonly trustedRoot?: string;
  /** How long after its end a run may count. */
  readonly maxAge: Duration;
  /** By how much clocks may differ. Default `2m`. */
  readonly maxClockSkew?: Duration;
  readonly waivers?: readonly Waiver[];
  /** Tests that are known to be flaky: when one fails, it is counted apart. */
  readonly quarantine?: readonly Excuse[];
  readonly budgets?: {
    /** By the recipe's name. */
    readonly images?: Readonly<Record<string, ImageBudget>>;
    /** `environment/node` → from the beginning of its creation until it is ready. */
    readonly ready?: Readonly<Record<string, Duration>>;
  };
}

/** A policy as it was read: times in milliseconds, sizes in bytes. */
export interface Policy {
  readonly kind: "policy";
  readonly required: PolicyOptions["required"];
  readonly others: "refused" | "allowed";
  readonly images: readonly string[];
  readonly preferences: Readonly<Record<string, string>>;
  readonly keys: readonly string[];
  readonly identities: readonly SigningIdentity[];
  readonly trustedRoot?: string;
  readonly maxAgeMs: number;
  readonly maxClockSkewMs: number;
  readonly waivers: readonly Waiver[];
  readonly quarantine: readonly Excuse[];
  readonly imageBudgets: Readonly<Record<string, Omit<ImageBudget, "size"> & { readonly bytes?: number }>>;
  readonly readyMs: Readonly<Record<string, number>>;
  /** `file:line:column` of the declaration. */
  readonly at: string | undefined;
}

/**
 * Declares what `assay gate` asks of a run before an image is released. A `DeclarationError` (code `bad-option`, `bad-duration`,
 * `bad-size`, `nothing-required`) names file and line of what cannot be used.
 *
 * @example
 * export const policy = definePolicy({
 *   required: { "specs/docker-soe-bash.spec.ts": { "root has a .bashrc of its own": ["file /root/.bashrc has mode 0644"] } },
 *   images: ["vfx-studio-soe"],
 *   maxAge: "24h",
 * });
 */
export function definePolicy(options: PolicyOptions): Policy {
  const at = callSite();
  const read = readOptions("policy", policyOptions, options);
  const asked = Object.values(read.required).filter((tests) => tests === "every" || Object.keys(tests).length > 0);
  if (asked.length === 0 || asked.length < Object.keys(read.required).length)
    throw new DeclarationError({
      code: "nothing-required",
      at,
      seen: "policy: a policy, and each file in it, requires one test at least",
      hint: 'name tests in "required"',
    });
  return {
    kind: "policy",
    required: read.required,
    others: read.others,
    images: read.images,
    preferences: read.preferences,
    keys: read.keys,
    identities: read.identities,
    ...(read.trustedRoot === undefined ? {} : { trustedRoot: read.trustedRoot }),
    maxAgeMs: durationMs(read.maxAge, at),
    maxClockSkewMs: durationMs(read.maxClockSkew, at),
    waivers: read.waivers as readonly Waiver[],
    quarantine: read.quarantine,
    imageBudgets: Object.fromEntries(
      Object.entries(read.budgets.images).map(([recipe, { size, ...rest }]) => [
        recipe,
        { ...rest, ...(size === undefined ? {} : { bytes: sizeBytes(size, at) }) } as Policy["imageBudgets"][string],
      ]),
    ),
    readyMs: Object.fromEntries(Object.entries(read.budgets.ready).map(([node, time]) => [node, durationMs(time, at)])),
    at,
  };
}

/** The first moment at which it does not count any more, in milliseconds since the epoch. */
export function expiryOf({ until }: Pick<Excuse, "until">): number {
  return Date.parse(`${until}T00:00:00.000Z`) + 24 * 3_600_000;
}

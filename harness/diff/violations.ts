// Decides which differences a policy does not let pass. Pure, of a difference and rules. Fails closed: what could not be seen breaks the
// rule that is about it.
import { z } from "zod";
import { type DiffChange, type DiffTopic, diffTopics, type ImageDiff, imageDiffSchema } from "./image-diff.ts";

interface Rule {
  /** What is not to be, in words. */
  readonly says: string;
  /** Topics that must have been seen. */
  readonly about: readonly DiffTopic[];
  readonly breaks: (change: DiffChange) => boolean;
}

const added = (topic: DiffTopic) => (change: DiffChange) => change.topic === topic && change.kind === "added";
const any = (topic: DiffTopic) => (change: DiffChange) => change.topic === topic;

/** By their codes, which stay. */
const rules = {
  "setuid-added": { says: "a setuid or setgid file that was none", about: ["setuid"], breaks: added("setuid") },
  "capability-added": {
    says: "a file with new capabilities",
    about: ["capability"],
    breaks: ({ topic, kind, details }) =>
      topic === "capability" && (kind === "added" || details.some(({ of }) => of === "capabilities")),
  },
  "writable-added": { says: "a file that everybody may write to now", about: ["writable"], breaks: added("writable") },
  "user-added": { says: "a new user", about: ["user"], breaks: added("user") },
  "user-changed": { says: "another user, or one that is another", about: ["user"], breaks: any("user") },
  "group-changed": { says: "another group, or one that is another", about: ["group"], breaks: any("group") },
  "unit-enabled": {
    says: "a unit that starts by itself now",
    about: ["unit"],
    breaks: ({ topic, details }) =>
      topic === "unit" && details.some(({ of, new: now }) => of === "enabled" && now !== null),
  },
  "unit-disabled": {
    says: "a unit that does not start by itself any more",
    about: ["unit"],
    breaks: ({ topic, details }) =>
      topic === "unit" &&
      details.some(({ of, old, new: now }) => (of === "enabled" && now === null) || (of === "masked" && old === null)),
  },
  "package-added": { says: "a new package", about: ["package"], breaks: added("package") },
  "package-removed": {
    says: "a package that is gone",
    about: ["package"],
    breaks: ({ topic, kind }) => topic === "package" && kind === "removed",
  },
  "package-older": {
    says: "a package that is older than it was",
    about: ["package"],
    breaks: ({ topic, direction }) => topic === "package" && direction === "older",
  },
  "port-added": { says: "a new declared port", about: ["port"], breaks: added("port") },
  "kernel-changed": { says: "another kernel or initrd", about: ["kernel"], breaks: any("kernel") },
  "boot-changed": { says: "another boot configuration", about: ["boot"], breaks: any("boot") },
  "metadata-changed": { says: "other image metadata", about: ["metadata"], breaks: any("metadata") },
  "config-changed": { says: "another configuration file", about: ["config"], breaks: any("config") },
  any: { says: "a difference", about: diffTopics, breaks: () => true },
} as const satisfies Readonly<Record<string, Rule>>;
export type DiffRule = keyof typeof rules;
export const diffRuleNames = Object.keys(rules) as readonly DiffRule[];

const budgets = ["packages-added", "bytes-added"] as const;
export type DiffBudget = (typeof budgets)[number];
/** All that can be asked for, with its words. */
export const diffRuleWords: Readonly<Record<DiffRule | DiffBudget, string>> = {
  ...(Object.fromEntries(diffRuleNames.map((name) => [name, rules[name].says])) as Record<DiffRule, string>),
  "packages-added": "more new packages than this many",
  "bytes-added": "more bytes of files than this many more",
};

/** What a policy says of a difference: `true` for what is not to be, a number for a budget. */
export const diffRulesSchema = z.strictObject({
  ...(Object.fromEntries(diffRuleNames.map((name) => [name, z.boolean().optional()])) as Record<
    DiffRule,
    z.ZodOptional<z.ZodBoolean>
  >),
  "packages-added": z.int().nonnegative().optional(),
  "bytes-added": z.int().nonnegative().optional(),
});
export type DiffRules = Readonly<z.infer<typeof diffRulesSchema>>;

const violation = z.strictObject({
  /** The rule's name. */
  code: z.enum([...diffRuleNames, ...budgets]),
  /** Of the change; of a budget what is counted; of what could not be seen, that. */
  subject: z.string(),
  seen: z.string(),
});
export type DiffViolation = Readonly<z.infer<typeof violation>>;

/** What `assay diff --json` prints; `reports/diff.schema.json` is made of it. */
export const diffDocumentSchema = imageDiffSchema.extend({ violations: z.array(violation) });

/** A difference, with what of it was not allowed. */
export type DiffDocument = Readonly<z.infer<typeof diffDocumentSchema>>;

/**
 * What of a difference the rules do not let pass, in the rules' order; nothing where all is allowed. Changes that were left out as noise
 * are no violation. What is not known is one of each rule that is about it.
 * @example violations(diff, { "setuid-added": true, "package-removed": true, "packages-added": 3 })
 */
export function violations(diff: ImageDiff, wanted: DiffRules): DiffViolation[] {
  const told = diff.changes.filter(({ filter }) => filter === undefined);
  const found: DiffViolation[] = [];
  const unknown = (code: DiffViolation["code"], about: readonly DiffTopic[]) => {
    for (const { what, why, topics } of diff.unknown)
      if (topics.some((topic) => about.includes(topic)))
        found.push({ code, subject: what, seen: `could not be seen: ${why}` });
  };
  for (const code of diffRuleNames) {
    if (wanted[code] !== true) continue;
    const { about, breaks, says } = rules[code] as Rule;
    unknown(code, about);
    for (const change of told)
      if (breaks(change))
        found.push({ code, subject: change.subject, seen: `${says}: ${change.topic} ${change.kind}` });
  }
  const most = wanted["packages-added"];
  if (most !== undefined) {
    unknown("packages-added", ["package"]);
    const came = told.filter(added("package"));
    if (came.length > most)
      found.push({
        code: "packages-added",
        subject: `${came.length} packages`,
        seen: `at most ${most} may be new: ${came.map(({ subject }) => subject).join(", ")}`,
      });
  }
  const bytes = wanted["bytes-added"];
  if (bytes !== undefined && diff.new.bytes - diff.old.bytes > bytes)
    found.push({
      code: "bytes-added",
      subject: `${diff.new.bytes - diff.old.bytes} bytes`,
      seen: `at most ${bytes} may be more`,
    });
  return found;
}

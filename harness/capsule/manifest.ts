// Decides what a capsule says of itself: who ran what where, what failed, and each file in it with digest and size. Its JSON Schema is
// made of this. Refuses paths that lead anywhere else, and versions it does not know.
import { posix } from "node:path";
import { z } from "zod";
import { reportSchema } from "../reporting/report.ts";

/** Raised when an older Assay would read a capsule wrongly. */
export const capsuleVersion = 1;

/** What a capsule may cost whoever reads it. Contents are held in memory until all of them are known to be good. */
export const capsuleLimits = {
  members: 20_000,
  memberBytes: 32 * 1024 ** 2,
  totalBytes: 128 * 1024 ** 2,
  manifestBytes: 16 * 1024 ** 2,
} as const;

/** What the layout of a scratch project brings itself, or what no capsule has to decide. */
const notOurs = /^project\/(harness|node_modules|reports|\.git)(\/|$)|(^|\/)(node_modules|\.git)(\/|$)/;

/** Whether a name leads to a file below one of a capsule's rooms, and nowhere else, on any system. */
export function isMemberPath(path: string): boolean {
  return (
    /^(project|run|recipes|packages)\/./.test(path) &&
    posix.normalize(path) === path &&
    Buffer.byteLength(path) <= 1024 &&
    path.split("/").every((part) => part !== "" && part !== ".." && Buffer.byteLength(part) <= 255) &&
    // Nothing that a terminal acts on, and no other system's separator.
    !/[\p{Cc}\p{Cf}\\]/u.test(path) &&
    !notOurs.test(path)
  );
}

/** Whether a link of the project stays within it. */
export function isInnerLink(path: string, target: string): boolean {
  const led = posix.normalize(posix.join(posix.dirname(path), target));
  return !target.startsWith("/") && !/[\p{Cc}\\]/u.test(target) && (led === "project" || isMemberPath(led));
}

const path = z.string().refine(isMemberPath, "leads out of the capsule, or has characters that no file here has");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "is no SHA-256");
const text = z.string().max(65_536);
const count = z.int().min(0);
const image = reportSchema.shape.images.element.pick({
  recipe: true,
  tag: true,
  recipeDigest: true,
  treeDigest: true,
  imageId: true,
});

const member = z
  .strictObject({
    path,
    bytes: count.max(capsuleLimits.memberBytes),
    sha256,
    executable: z.literal(true).optional(),
    redacted: z.array(text).optional().describe("names of the secrets that stood in it, in whose place ‹name› stands"),
  })
  .meta({ id: "Member" });

const failure = z
  .strictObject({
    file: text,
    test: text,
    outcome: z.enum(["failed", "errored"]),
    environment: text.optional(),
    check: z
      .strictObject({
        title: text,
        negated: z.boolean(),
        node: text,
        outcome: z.enum(["failed", "errored"]),
        expected: text.optional(),
        seen: text.optional(),
      })
      .optional()
      .describe("the last check that was not met; absent where an assertion of another kind failed"),
    error: z.strictObject({ name: text, message: text, code: text.optional(), at: text.optional() }).optional(),
  })
  .meta({ id: "Failure" });

/** The published shape of `manifest.json`, the first file in a capsule. */
export const manifestSchema = z
  .strictObject({
    capsuleVersion: z.literal(capsuleVersion),
    run: z.string().regex(/^[\w-]{1,64}$/, "is no run"),
    assay: text.describe("version of Assay"),
    startedAt: z.iso.datetime(),
    verdict: reportSchema.shape.verdict,
    exitCode: reportSchema.shape.exitCode,
    command: z.array(text),
    projects: z.array(text).describe("test projects that were run: specs"),
    with: text.optional().describe("what stood in for what, as --with says it"),
    seed: count.describe("of vitest's sequence"),
    host: reportSchema.shape.host,
    project: z.strictObject({
      kind: z.enum(["checkout", "package"]).describe("a checkout of Assay, or a project that Assay is installed in"),
      revision: text.optional().describe("git commit; what was changed since is in the files"),
    }),
    specs: z.array(z.string().refine((file) => isMemberPath(`project/${file}`), "leads out of the project")),
    failures: z.array(failure),
    images: z.array(image),
    nodes: z
      .array(z.strictObject({ node: text, facts: z.record(z.string(), text) }))
      .describe("what was told of the nodes, as environment/node: what runs them, how"),
    secrets: z
      .array(z.strictObject({ name: text, variables: z.array(z.string().regex(/^\w{1,256}$/)) }))
      .describe("registered secrets by name, and the variables of the surroundings that held their values"),
    leftOut: z
      .array(
        z.strictObject({
          path: text,
          because: z.enum(["outside", "too-big", "no-file", "missing"]),
          bytes: count.optional(),
        }),
      )
      .describe("what the specs were made of and is not here"),
    links: z
      .array(z.strictObject({ path, target: text }))
      .describe("symbolic links of the project; the archive itself has none"),
    members: z.array(member).max(capsuleLimits.members),
  })
  .superRefine(({ members, links }, refuse) => {
    const files = new Set<string>();
    let total = 0;
    for (const [at, { path: each, bytes }] of [...members, ...links.map((link) => ({ ...link, bytes: 0 }))].entries()) {
      if (files.has(each)) refuse.addIssue({ code: "custom", path: ["members", at], message: `has ${each} twice` });
      files.add(each);
      total += bytes;
    }
    if (total > capsuleLimits.totalBytes)
      refuse.addIssue({ code: "custom", path: ["members"], message: `${total} bytes are more than a capsule has` });
    for (const each of files) {
      for (let end = each.lastIndexOf("/"); end > 0; end = each.lastIndexOf("/", end - 1)) {
        const above = each.slice(0, end);
        if (!files.has(above)) continue;
        const message = `${each} lies below ${above}, which is no directory`;
        refuse.addIssue({ code: "custom", path: ["members"], message });
      }
    }
    for (const { path: each, target } of links)
      if (!isInnerLink(each, target))
        refuse.addIssue({ code: "custom", path: ["links"], message: `${each} leads out of the project` });
  })
  .meta({ title: "Assay capsule", description: "What a failure needs to be seen again somewhere else." });

export type CapsuleManifest = z.output<typeof manifestSchema>;
export type Failure = CapsuleManifest["failures"][number];
export type CapsuleImage = CapsuleManifest["images"][number];

/** The text of `reports/capsule.schema.json`. */
export function capsuleSchemaText(): string {
  const { $schema, ...rest } = z.toJSONSchema(manifestSchema, { target: "draft-2020-12" });
  return `${JSON.stringify({ $schema, ...rest }, null, 2)}\n`;
}

if (import.meta.main) process.stdout.write(capsuleSchemaText());

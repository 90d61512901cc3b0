// Decides what a difference of two images is, as it is published: one list of changes, what was left out of it and why, and what could not
// be seen. Data and its schema only.
import { z } from "zod";

/** What a change is about, the most important first. */
export const diffTopics = [
  "setuid",
  "capability",
  "writable",
  "user",
  "group",
  "unit",
  "package",
  "port",
  "kernel",
  "boot",
  "metadata",
  "config",
  "file",
] as const;
export type DiffTopic = (typeof diffTopics)[number];

/** Why a change is left out unless all are asked for: code → words. */
export const diffFilters = {
  "package-files": "files that came, went or changed with a package that was added, removed or changed",
  "package-database": "the package manager's own files",
  accounts: "files of accounts, whose lines are told as users and groups",
  caches: "caches",
  bytecode: "compiled Python",
  indexes: "indexes that tools make of other files",
  logs: "logs",
  temporary: "temporary files",
  "machine-id": "the machine's id",
  backups: "copies that tools keep of what they change",
  engine: "files that the engine puts into every container",
  timestamps: "when the image was made",
} as const satisfies Readonly<Record<string, string>>;
export type DiffFilter = keyof typeof diffFilters;

const detail = z.strictObject({
  /** `mode`, `owner`, `contents`, `version`, … */
  of: z.string(),
  /** `null`: there was none. */
  old: z.string().nullable(),
  new: z.string().nullable(),
});

const change = z.strictObject({
  topic: z.enum(diffTopics),
  kind: z.enum(["added", "removed", "changed"]),
  /** A path; a name of a user, a unit, a package; `80/tcp of EXPOSE`. */
  subject: z.string(),
  details: z.array(detail),
  /** Of a version, by the packager's own order. */
  direction: z.enum(["newer", "older"]).optional(),
  /** The package that a file belongs to. */
  package: z.string().optional(),
  /** Which filter leaves it out; only where all were asked for. */
  filter: z.enum(Object.keys(diffFilters) as [DiffFilter, ...DiffFilter[]]).optional(),
});

const side = z.strictObject({
  /** As it was asked for. */
  name: z.string(),
  /** `archive`, `engine`, `recipe`, `rootfs`, … */
  source: z.string(),
  /** `sha256:…` of the image's configuration, `null` where it has none. */
  image: z.string().nullable(),
  /** Regular files at all their names, and their bytes. */
  files: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  /** Of the distribution; `null`: not known. */
  packages: z.int().nonnegative().nullable(),
});

const size = z.strictObject({ name: z.string(), old: z.int().nonnegative(), new: z.int().nonnegative() });

/** Schema of a difference. */
export const imageDiffSchema = z.strictObject({
  schemaVersion: z.literal(1),
  old: side,
  new: side,
  /** `identical`: nothing differs; `equal`: nothing but what the filters leave out; `unknown`: no change, and not all could be seen. */
  verdict: z.enum(["identical", "equal", "different", "unknown"]),
  /** By topic, then by subject. */
  changes: z.array(change),
  filtered: z.array(
    z.strictObject({
      filter: z.enum(Object.keys(diffFilters) as [DiffFilter, ...DiffFilter[]]),
      why: z.string(),
      count: z.int().positive(),
      /** Of `package-files`: how many of each. */
      of: z.array(z.strictObject({ name: z.string(), count: z.int().positive() })).optional(),
    }),
  ),
  /** What could not be compared, and which topics are not whole for it. */
  unknown: z.array(z.strictObject({ what: z.string(), why: z.string(), topics: z.array(z.enum(diffTopics)) })),
  /** Bytes of regular files, of what differs alone; the biggest difference first. A file with several names counts at each. */
  sizes: z.strictObject({ packages: z.array(size), directories: z.array(size) }),
});

/** The difference of two images. @example violations(diff, { "setuid-added": true, "packages-added": 3 }) */
export type ImageDiff = Readonly<z.infer<typeof imageDiffSchema>>;
export type DiffChange = z.infer<typeof change>;
export type DiffDetail = z.infer<typeof detail>;
export type DiffUnknown = ImageDiff["unknown"][number];
export type DiffSize = z.infer<typeof size>;

/** The two sides of a fact, where they differ. */
export function differing(of: string, old: string | null, now: string | null): DiffDetail[] {
  return old === now ? [] : [{ of, old, new: now }];
}

/** Keys of two tables in byte order, each once. */
export function bothKeys<Key>(one: ReadonlyMap<Key, unknown>, other: ReadonlyMap<Key, unknown>): Key[] {
  return [...new Set([...one.keys(), ...other.keys()])].sort();
}

/** Whether something came, went, or is on both sides. */
export function kindOf(old: unknown, now: unknown): DiffChange["kind"] {
  return old === undefined ? "added" : now === undefined ? "removed" : "changed";
}

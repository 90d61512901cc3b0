// Decides what a difference of two images looks like in tests: a small one with some of everything, and one in which every text is foreign.
import type { DiffChange, ImageDiff } from "../../diff/image-diff.ts";
import type { DiffDocument } from "../../diff/violations.ts";

export const diffSide = { name: "old.tar", source: "archive", image: null, files: 2, bytes: 2048, packages: 3 };
/** A file that came, went or changed. */
export const fileChange = (subject: string, kind: DiffChange["kind"], said: string): DiffChange => ({
  topic: "file",
  kind,
  subject,
  details: [{ of: "file", old: kind === "removed" ? said : null, new: kind === "added" ? said : null }],
});
/** With a change of five topics, what was left out, what was not seen. */
export const sampleDiff: ImageDiff = {
  schemaVersion: 1,
  old: diffSide,
  new: { ...diffSide, name: "new.tar" },
  verdict: "different",
  changes: [
    {
      topic: "setuid",
      kind: "added",
      subject: "/usr/bin/env",
      details: [{ of: "mode", old: "0755", new: "4755" }],
      package: "coreutils",
    },
    { topic: "group", kind: "changed", subject: "adm", details: [{ of: "members", old: null, new: "ops" }] },
    {
      topic: "package",
      kind: "changed",
      subject: "bash",
      details: [{ of: "version", old: "5.2-1", new: "5.1-1" }],
      direction: "older",
    },
    {
      topic: "config",
      kind: "changed",
      subject: "/etc/a",
      details: [{ of: "contents", old: `1 bytes, sha256:${"a".repeat(64)}`, new: "2 bytes" }],
    },
    fileChange("/opt/app", "added", "directory, 0755 root:root (0:0)"),
    fileChange("/opt/app/a", "added", "file of 1 bytes, 0644 root:root (0:0)"),
    fileChange("/opt/app/b/c", "added", "file of 1 bytes, 0644 root:root (0:0)"),
    fileChange("/opt/application", "added", "file of 1 bytes, 0644 root:root (0:0)"),
  ],
  filtered: [
    { filter: "package-files", why: "files of packages", count: 312, of: [{ name: "foo", count: 312 }] },
    { filter: "logs", why: "logs", count: 1 },
  ],
  unknown: [{ what: "packages", why: "rpm", topics: ["package"] }],
  sizes: { packages: [{ name: "foo", old: 0, new: 2048 }], directories: [] },
};

/** What of it a rule does not let pass. */
export const violated: DiffDocument["violations"] = [
  { code: "setuid-added", subject: "/usr/bin/env", seen: "a setuid or setgid file that was none" },
];

/** As `assay diff --json` tells it, of images with these digests. */
export function differing(images: { readonly old?: string; readonly new?: string } = {}): DiffDocument {
  return {
    ...sampleDiff,
    old: { ...sampleDiff.old, image: images.old ?? null },
    new: { ...sampleDiff.new, image: images.new ?? null },
    violations: violated,
  };
}

/** A difference in which every text that others can choose is `text`. */
export function diffSaying(text: string): DiffDocument {
  return {
    ...sampleDiff,
    old: { ...diffSide, name: text, source: text },
    new: { ...diffSide, name: text, source: text },
    changes: [
      { ...fileChange(text, "added", text), package: text },
      { topic: "user", kind: "changed", subject: text, details: [{ of: text, old: text, new: text }] },
    ],
    filtered: [{ filter: "package-files", why: text, count: 1, of: [{ name: text, count: 1 }] }],
    unknown: [{ what: text, why: text, topics: [] }],
    sizes: { packages: [{ name: text, old: 1, new: 2 }], directories: [{ name: text, old: 1, new: 2 }] },
    violations: [{ code: "any", subject: text, seen: text }],
  };
}

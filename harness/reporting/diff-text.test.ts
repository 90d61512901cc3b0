// Decides that a difference is told the most important first, gathered, and that no foreign name does anything to a terminal or a page.
import { expect, test } from "vitest";
import type { DiffChange, ImageDiff } from "../diff/image-diff.ts";
import { diffSection } from "./diff-html.ts";
import { diffLines } from "./diff-text.ts";

const side = { name: "old.tar", source: "archive", image: null, files: 2, bytes: 2048, packages: 3 };
const file = (subject: string, kind: DiffChange["kind"], said: string): DiffChange => ({
  topic: "file",
  kind,
  subject,
  details: [{ of: "file", old: kind === "removed" ? said : null, new: kind === "added" ? said : null }],
});
const diff: ImageDiff = {
  schemaVersion: 1,
  old: side,
  new: { ...side, name: "new.tar" },
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
    file("/opt/app", "added", "directory, 0755 root:root (0:0)"),
    file("/opt/app/a", "added", "file of 1 bytes, 0644 root:root (0:0)"),
    file("/opt/app/b/c", "added", "file of 1 bytes, 0644 root:root (0:0)"),
    file("/opt/application", "added", "file of 1 bytes, 0644 root:root (0:0)"),
  ],
  filtered: [
    { filter: "package-files", why: "files of packages", count: 312, of: [{ name: "foo", count: 312 }] },
    { filter: "logs", why: "logs", count: 1 },
  ],
  unknown: [{ what: "packages", why: "rpm", topics: ["package"] }],
  sizes: { packages: [{ name: "foo", old: 0, new: 2048 }], directories: [] },
};

test("text", () => {
  const violations = [
    { code: "setuid-added", subject: "/usr/bin/env", seen: "a setuid or setgid file that was none" },
  ] as const;
  expect(diffLines(diff, { violations })).toEqual([
    "old  old.tar (archive): 2 files, 2.0 KiB, 3 packages",
    "new  new.tar (archive): 2 files, 2.0 KiB, 3 packages",
    "",
    "Setuid and setgid files: 1 added",
    "  + /usr/bin/env (coreutils): mode 0755 → 4755",
    "",
    "Groups: 1 changed",
    "  ~ adm: members none → ops",
    "",
    "Packages: 1 changed",
    "  ~ bash: version 5.2-1 → 5.1-1, older",
    "",
    "Configuration files: 1 changed",
    "  ~ /etc/a: contents 1 bytes, sha256:aaaaaaaaaaaa… → 2 bytes",
    "",
    "Other files: 4 added",
    "  + /opt/app: directory, 0755 root:root (0:0), with 2 in it",
    "  + /opt/application: file of 1 bytes, 0644 root:root (0:0)",
    "",
    "Size by package",
    "  +2.0 KiB  foo (0 B → 2.0 KiB)",
    "",
    "Left out (--all shows it)",
    "  files of packages: 312 (312 of foo)",
    "  logs: 1",
    "",
    "Not compared",
    "  packages: rpm",
    "",
    "Not allowed",
    "  setuid-added: /usr/bin/env: a setuid or setgid file that was none",
    "",
    "8 differences, 313 left out",
  ]);
  expect(diffLines(diff, { all: true }).filter((line) => line.includes("/opt/app"))).toHaveLength(4);
});

test("a thousand lines of one topic are counted, and all are told where all are asked for", () => {
  const changes = Array.from({ length: 1000 }, (_, each) =>
    file(`/srv/${String(each).padStart(4, "0")}`, "removed", "file of 1 bytes"),
  );
  const lines = diffLines({ ...diff, changes });
  expect(lines).toContain("  and 960 more; --all shows them");
  expect(lines.filter((line) => line.startsWith("  - /srv"))).toHaveLength(40);
  expect(diffLines({ ...diff, changes }, { all: true }).filter((line) => line.startsWith("  - /srv"))).toHaveLength(
    1000,
  );
});

test("names that would do something are shown harmlessly", () => {
  const evil = "\x1b[2J\x1b]0;pwned\x07/x\n  + /safe\u202e<script>alert(1)</script>\x9b31m";
  const named = {
    ...diff,
    old: { ...side, name: evil },
    changes: [{ ...file(evil, "added", evil), package: evil }],
    filtered: [{ filter: "package-files" as const, why: "x", count: 1, of: [{ name: evil, count: 1 }] }],
    unknown: [{ what: evil, why: evil, topics: [] }],
    sizes: { packages: [{ name: evil, old: 1, new: 2 }], directories: [] },
  };
  const violations = [{ code: "any", subject: evil, seen: evil }] as const;
  const lines = diffLines(named, { violations });
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(lines.filter((line) => line.trim().startsWith("+ /safe"))).toEqual([]);
  const { text } = diffSection(named, violations);
  expect(text).not.toMatch(/<script|\u202e|[^\P{Cc}\n]/u);
  expect(text).toContain("&lt;script&gt;");
});

test("the page's section has every topic's table, what was left out and what is not allowed", () => {
  const { text } = diffSection(diff, [{ code: "setuid-added", subject: "/usr/bin/env", seen: "no" }]);
  expect([...text.matchAll(/<summary>([^<]*)</g)].map((match) => match[1])).toEqual([
    "Setuid and setgid files: 1",
    "Groups: 1",
    "Packages: 1",
    "Configuration files: 1",
    "Other files: 4",
  ]);
  for (const word of [
    "setuid-added: /usr/bin/env",
    "312 files of packages",
    "packages: rpm",
    '<tr class="diff added">',
  ])
    expect(text).toContain(word);
});

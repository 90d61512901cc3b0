// Decides that a difference is told the most important first, gathered, and that no foreign name does anything to a terminal.
import { expect, test } from "vitest";
import { diffLines } from "./diff-text.ts";
import { sampleDiff as diff, diffSaying, fileChange as file, violated } from "./testing/differing.ts";

test("text", () => {
  expect(diffLines(diff, { violations: violated })).toEqual([
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
  const { violations, ...named } = diffSaying(evil);
  const lines = diffLines(named, { violations });
  for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(lines.filter((line) => line.trim().startsWith("+ /safe"))).toEqual([]);
});

// Decides that the page's section of image differences has every topic, what was left out and what is not allowed, says whether the run was on
// those images, and stays small. What it does in a browser is in page.contract.test.ts.
import { expect, test } from "vitest";
import { htmlOf } from "./html.ts";
import { diffsSection } from "./html-diff.ts";
import { reportOf } from "./report.ts";
import { sampleRun } from "./sample.ts";
import { differing, fileChange } from "./testing/differing.ts";

const report = reportOf(sampleRun());
const tested = `sha256:${"c".repeat(64)}`;
const other = `sha256:${"d".repeat(64)}`;
const text = (...diffs: Parameters<typeof diffsSection>[0]) => diffsSection(diffs, report)?.text ?? "";

test("without a difference there is no section", () => {
  expect(diffsSection([], report)).toBeUndefined();
  expect(htmlOf(report)).not.toContain('id="differences"');
  expect(htmlOf(report, { diffs: [differing()] })).toContain('<a href="#differences">Image differences</a>');
});

test("every topic has its table, the most important first; then sizes, what was left out and what was not compared", () => {
  expect([...text(differing()).matchAll(/<summary>([^<]*)</g)].map((match) => match[1])).toEqual([
    "Setuid and setgid files: 1",
    "Groups: 1",
    "Packages: 1",
    "Configuration files: 1",
    "Other files: 4",
    "Size by package: 1",
    "Left out: 2",
    "Not compared: 1",
  ]);
  for (const word of [
    "<code>setuid-added</code> /usr/bin/env: a setuid or setgid file that was none",
    "mode 0755 → 4755",
    "version 5.2-1 → 5.1-1</td>".replace("</td>", ", older"),
    "312: files of packages",
    "packages: rpm",
    "+2.0 KiB  foo",
    "8 differences, 313 left out.",
  ])
    expect(text(differing())).toContain(word);
});

test.each([
  [{ old: other, new: tested }, "this run was on the new one"],
  [{ old: tested, new: other }, "this run was on the old one"],
  [{ old: other, new: other }, "this run was on neither of them"],
  [{ old: other }, "whether this run was on it is not known"],
])("of images %j it says: %s", (images, words) => {
  expect(text(differing(images))).toContain(words);
});

test("of ten thousand files a table has five hundred, and says how many more there are", () => {
  const changes = Array.from({ length: 10_000 }, (_, each) => fileChange(`/srv/${each}`, "added", "file of 1 bytes"));
  const page = text({ ...differing(), changes });
  expect(page.match(/<tr class="diff"/g)).toHaveLength(500);
  expect(page).toContain("… and 9500 more: assay diff --json has all.");
});

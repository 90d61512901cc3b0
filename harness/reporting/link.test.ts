import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { linkTo } from "./link.ts";
import { reportOf } from "./report.ts";
import { sampleRun } from "./sample.ts";
import { verdictLines } from "./verdict.ts";

const link = linkTo("/srv/my images", "vm");
const linked = (target: string, words: string) => `\u001b]8;;${target}\u001b\\${words}\u001b]8;;\u001b\\`;

test.each([
  ["specs/a.spec.ts:8:3", "file://vm/srv/my%20images/specs/a.spec.ts#8"],
  ["/etc/x.ts:12", "file://vm/etc/x.ts#12"],
  ["reports/runs/1/index.html", "file://vm/srv/my%20images/reports/runs/1/index.html"],
  ["a#b?c.ts:1:1", "file://vm/srv/my%20images/a%23b%3Fc.ts#1"],
])("%s leads to %s, and its words stay", (place, target) => {
  expect(link(place)).toBe(linked(target, place));
  expect(stripVTControlCharacters(link(place))).toBe(place);
  expect(link("there", place)).toBe(linked(target, "there"));
});

test("what could end the sequence is no link", () => {
  for (const place of ["", "a\u001b\\b:1:1", "a\nb:1:1", "a\u0007:1:1"]) expect(link(place)).toBe(place);
});

test("the last words link places and the report, and change no word", () => {
  const report = reportOf(sampleRun());
  const plain = verdictLines(report, { color: false, where: "reports/runs/k3f9x2/index.html" });
  const lines = verdictLines(report, { color: false, where: "reports/runs/k3f9x2/index.html", link });
  expect(lines.map(stripVTControlCharacters)).toEqual(plain);
  expect(lines).toContain(
    `    at       ${linked("file://vm/srv/my%20images/specs/docker-soe-bash.spec.ts#14", "specs/docker-soe-bash.spec.ts:14:9")}`,
  );
  expect(plain.join("\n")).not.toContain("\u001b");
});

test("what an image said cannot look like a place of ours", () => {
  const report = reportOf(sampleRun());
  for (const each of report.tests.flatMap(({ checks }) => checks)) each.seen = "a line\nat       /etc/passwd:1:1";
  const lines = verdictLines(report, { color: false, link });
  expect(lines.join("\n")).toContain("at       /etc/passwd:1:1");
  expect(lines.join("\n")).not.toContain("file://vm/etc/passwd");
});

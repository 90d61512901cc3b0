// Decides how rules on the command line are read, and what is refused before any image is opened.
import { expect, test } from "vitest";
import { diffRuleWords } from "../diff/violations.ts";
import { diffCommand, readRules } from "./diff.ts";
import { readSince } from "./diff-since.ts";
import { commandTable } from "./table.ts";

test("rules and budgets", () => {
  expect(readRules("")).toEqual({});
  expect(readRules("setuid-added, package-removed,packages-added=3,bytes-added=10m")).toEqual({
    "setuid-added": true,
    "package-removed": true,
    "packages-added": 3,
    "bytes-added": 10 * 1024 ** 2,
  });
});

test.each([
  ["setuid", /did you mean "setuid-added"|there are/],
  ["setuid-aded", /did you mean "setuid-added"/],
  ["packages-added", /there are .*packages-added=3/],
  ["packages-added=-1", /there are/],
  ["packages-added=1e9", /there are/],
  ["setuid-added=1", /there are/],
  ["__proto__", /there are/],
  ["bytes-added=10", /size/],
])("--fail-on %s is refused", (word, words) => {
  expect(() => readRules(word)).toThrow(words);
});

test("a wrong rule is told before an image is looked for", async () => {
  await expect(diffCommand(["./no-such-1.tar", "./no-such-2.tar"], { failOn: "x" })).rejects.toMatchObject({
    code: "bad-rule",
  });
  await expect(diffCommand(["./no-such-1.tar", "./no-such-2.tar"], {})).rejects.toMatchObject({
    code: "image-missing",
  });
});

test("the help names every rule", () => {
  const help = commandTable.find(({ usage }) => usage.startsWith("diff "))?.teaches ?? "";
  for (const name of Object.keys(diffRuleWords)) expect(help).toContain(name);
});

test("older images for the gate", () => {
  expect(readSince(undefined)).toEqual([]);
  expect(readSince("vfx-studio-soe=./a=b.tar,web=studio/web:1")).toEqual([
    ["vfx-studio-soe", "./a=b.tar"],
    ["web", "studio/web:1"],
  ]);
  for (const wrong of ["soe", "=a", "soe=", "../x=a"]) expect(() => readSince(wrong)).toThrow(/names no recipe/);
});

// Decides that what is read as a report is one: half a one, a huge one and what is none are refused in words, soon and in little memory.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import { readDiff, readReport } from "./read.ts";
import { reportOf } from "./report.ts";
import { sampleRun } from "./sample.ts";
import { differing } from "./testing/differing.ts";

const here = mkdtempSync(join(tmpdir(), "assay-read-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));
const whole = `${JSON.stringify(reportOf(sampleRun()), null, 2)}\n`;

function refusal(path: string, read: (path: string) => unknown = readReport): DeclarationError {
  try {
    read(path);
  } catch (error) {
    if (error instanceof DeclarationError) return error;
    throw error;
  }
  throw new Error("it was read");
}

function file(name: string, text: string): string {
  const path = join(here, name);
  writeFileSync(path, text);
  return path;
}

describe("a report", () => {
  test("is read as it was written", () => {
    expect(readReport(file("whole.json", whole))).toEqual(JSON.parse(whole));
  });

  // At every place: within a word, a text, a number, between two tests.
  test("of which a part is missing says so, wherever it was cut", () => {
    for (let at = 1; at < whole.length - 3; at += 211) {
      const { code, message } = refusal(file("half.json", whole.slice(0, at)));
      expect({ at, code }).toEqual({ at, code: "bad-report" });
      expect(message).toContain(`half.json is no report: it ends in the middle, after ${at} characters`);
    }
  });

  test.each([
    ["nothing", "", "bad-report", /it ends in the middle, after 0 characters/],
    ["a web page", "<html>", "bad-report", /is no report: Unexpected token/],
    ["a list", "[]", "bad-report", /the document: Invalid input: expected object/],
    ["null", "null", "bad-report", /the document: Invalid input/],
    [
      "a verdict that is said twice",
      whole.replace('"verdict": ', '"verdict": "met", "verdict": '),
      "bad-report",
      /an object of it has a key twice/,
    ],
    [
      "another version",
      whole.replace('"schemaVersion": 1', '"schemaVersion": 2'),
      "bad-report",
      /its schemaVersion is 2/,
    ],
    ["an unknown word", whole.replace('"verdict"', '"odd": 1, "verdict"'), "bad-report", /Unrecognized key: "odd"/],
    [
      "a run that is a path",
      whole.replace('"k3f9x2"', '"../x"'),
      "bad-report",
      /is no report: run: no run is called so/,
    ],
    [
      "escapes in its words",
      whole.replace('"met"', '"x"').replace('"verdict": "', '"\\u001b[2J": "'),
      "bad-report",
      /^\P{Cc}*$/u,
    ],
    [
      "wrong things without end",
      `{"schemaVersion":1,"tests":[${"0,".repeat(500_000)}0]}`,
      "bad-report",
      /more is wrong in it/,
    ],
    ["values without end", `[${"0,".repeat(1_000_001)}0]`, "too-large", /has more than 1000000 values/],
    ["brackets without end", "[".repeat(900_000), "bad-report", /its values lie more than 64 deep/],
    [
      "a version of brackets",
      `{"schemaVersion":${"[".repeat(60)}${"]".repeat(60)}}`,
      "bad-report",
      /its schemaVersion is no number/,
    ],
  ])("that is %s is refused in words", (_, text, code, words) => {
    const error = refusal(file("odd.json", text));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
  });

  test("of 100 MB is not read at all", () => {
    const path = file("huge.json", whole);
    truncateSync(path, 100_000_000);
    const before = process.memoryUsage().rss;
    const error = refusal(path);
    expect(error.code).toBe("too-large");
    expect(error.message).toContain("has 100000000 bytes, and no report has more than 67108864");
    expect(process.memoryUsage().rss - before).toBeLessThan(16 * 1024 ** 2);
  });

  test("that is a directory, a pipe nobody writes to, a device or nothing is refused at once", () => {
    const pipe = join(here, "pipe");
    execFileSync("mkfifo", [pipe]);
    symlinkSync("/dev/zero", join(here, "zero"));
    expect([pipe, here, join(here, "zero"), join(here, "none")].map((path) => refusal(path).code)).toEqual([
      "not-a-file",
      "not-a-file",
      "not-a-file",
      "no-report",
    ]);
  });
});

describe("a difference of images", () => {
  const text = JSON.stringify(differing());

  test("is read as assay diff --json printed it", () => {
    expect(readDiff(file("diff.json", text))).toEqual(differing());
  });

  test.each([
    ["half of one", text.slice(0, 200), "bad-diff", /is no diff: it ends in the middle, after 200 characters/],
    ["a report", whole, "bad-diff", /is no diff: .*: Invalid input/],
    [
      "one of another version",
      text.replace('"schemaVersion":1', '"schemaVersion":2'),
      "bad-diff",
      /its schemaVersion is 2/,
    ],
    ["one of another topic", text.replace('"topic":"setuid"', '"topic":"x"'), "bad-diff", /changes\.0\.topic: Invalid/],
  ])("that is %s is refused in words", (_, wrong, code, words) => {
    const error = refusal(file("odd-diff.json", wrong), readDiff);
    expect(error).toMatchObject({ code, hint: expect.stringContaining("assay diff <old> <new> --json") });
    expect(error.message).toMatch(words);
  });

  test("that is not there is refused as that", () => {
    expect(refusal(join(here, "none"), readDiff).code).toBe("no-diff");
  });
});

// Decides how the options of `assay repro` are read, how a secret comes back into the files in which it stood, and which node is entered.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Capsule } from "../capsule/unpack.ts";
import { redact } from "../model/secret.ts";
import { againLines, differenceLines, nodeToEnter } from "./repro-lines.ts";
import { readReproOptions, secretsGiven } from "./repro-options.ts";

const here = mkdtempSync(join(tmpdir(), "assay-secrets-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));
const put = (name: string, text: string) => {
  writeFileSync(join(here, name), text);
  return join(here, name);
};

test("options: numbers and times that cannot be meant are refused", () => {
  expect(readReproOptions({})).toEqual({ check: false, all: false, json: false, keepMs: 3_600_000, secrets: [] });
  expect(readReproOptions({ loop: "50", all: true })).toMatchObject({ loop: 50, all: true });
  for (const words of [
    { loop: "0" },
    { loop: "1.5" },
    { loop: "many" },
    { loop: "100000" },
    { loop: "2", check: true },
    { keepFor: "0s" },
  ])
    expect(() => readReproOptions(words)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^bad-/) }));
});

const bytes = (text: string) => Buffer.from(text);
const capsule = {
  manifest: {
    secrets: [
      { name: "db password", variables: [] },
      { name: "key", variables: [] },
    ],
    members: [
      { path: "project/a.ts", redacted: ["db password"] },
      { path: "project/key", redacted: ["key"] },
      { path: "project/b.ts" },
    ],
  },
  contents: new Map([
    ["project/a.ts", Buffer.concat([Buffer.from([0xff, 0]), bytes('secret("db password", "‹db password›") ‹key›')])],
    ["project/key", bytes("‹key›")],
    ["project/b.ts", bytes("‹db password›")],
  ]),
} as unknown as Capsule;

test("a secret comes back where it stood and nowhere else; a file that was nothing but the secret, with its last line end", () => {
  const given = secretsGiven(capsule, [
    `db password=@${put("pw", "hunter-2-hunter\n")}`,
    `key=@${put("key", "---\nabcdefgh\n---\n")}`,
  ]);
  expect(given.contents.get("project/a.ts")).toEqual(
    Buffer.concat([Buffer.from([0xff, 0]), bytes('secret("db password", "hunter-2-hunter") ---\nabcdefgh\n---')]),
  );
  expect(given.contents.get("project/key")?.toString()).toBe("---\nabcdefgh\n---\n");
  expect(given.contents.has("project/b.ts")).toBe(false);
  expect([...given.names]).toEqual(["db password", "key"]);
  // From here on it is in no output.
  expect(redact("it is hunter-2-hunter")).toBe("it is ‹db password›");
});

test.each([
  ["db password=hunter22", "bad-option", "names no file"],
  ["db pasword=@x", "unknown-secret", 'did you mean "db password"'],
  ["key=@/no/such/file", "bad-option", "ENOENT"],
  [`key=@${put("short", "abc\n")}`, "bad-option", "no secret of 4 characters"],
])("--secret %s is refused, and its value is not said", (word, code, said) => {
  expect(() => secretsGiven(capsule, [word])).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(said) }),
  );
  expect(() => secretsGiven(capsule, [word])).not.toThrow(/hunter22/);
});

const check = { title: "file /a exists", negated: false, node: "studio/two", outcome: "failed" as const };
const failure = { file: "a.spec.ts", test: "t", outcome: "failed" as const, check };

test("the node that was asked is entered, else the first that stands, else none", () => {
  const node = (name: string) => ({ node: name, kind: "container" as const, name: `assay-${name}` });
  const stands = [{ environment: "studio", scope: "p1n1", nodes: [node("one"), node("two")], resources: [] }];
  const report = (kept: boolean) => ({ run: "r", teardown: { ...(kept ? { kept: { stands } } : {}) } }) as never;
  expect(nodeToEnter([{ here: failure }], report(true))).toBe("r/p1n1/two");
  expect(nodeToEnter([{ here: { ...failure, check: { ...check, node: "host" } } }], report(true))).toBe("r/p1n1/one");
  expect(nodeToEnter([{ here: failure }], report(false))).toBeUndefined();
});

test("what is told: images by their reasons, and of one that was not seen what else may be tried", () => {
  const image = { what: "image soe:1", there: "a", here: "b", because: ["another tree", "curl 1 → 2"] };
  expect(differenceLines([image, { what: "kernel", there: "6", here: "7" }])).toEqual([
    "image soe:1: another tree",
    "image soe:1: curl 1 → 2",
    "kernel: 6 there, 7 here",
  ]);
  const seen = (again: "same" | "passed") => [{ file: "a.spec.ts", test: "t", there: failure, again }];
  expect(againLines(seen("same"), { all: false, exitCode: 1 })).toEqual([
    "seen again a.spec.ts > t: file /a exists, on studio/two",
  ]);
  expect(againLines(seen("passed"), { all: false, exitCode: 0 }).at(-1)).toMatch(/^--all .*--loop 50/);
});

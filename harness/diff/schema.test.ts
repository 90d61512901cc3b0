// Decides that the published schema of a difference is the one the code has, and that it refuses what is none.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { diffSchemaText } from "./schema.ts";

const published = readFileSync(new URL("../../reports/diff.schema.json", import.meta.url), "utf8");
const validate = new Ajv2020({ strict: true, validateFormats: false, allErrors: true }).compile(JSON.parse(published));

const side = { name: "a", source: "archive", image: null, files: 1, bytes: 1, packages: null };
const document = {
  schemaVersion: 1,
  old: side,
  new: side,
  verdict: "different",
  changes: [{ topic: "setuid", kind: "added", subject: "/x", details: [{ of: "mode", old: null, new: "4755" }] }],
  filtered: [{ filter: "logs", why: "logs", count: 1 }],
  unknown: [{ what: "packages", why: "rpm", topics: ["package"] }],
  sizes: { packages: [{ name: "bash", old: 1, new: 2 }], directories: [] },
  violations: [{ code: "setuid-added", subject: "/x", seen: "x" }],
};

test("it is the one made of the definition; else run node harness/diff/schema.ts > reports/diff.schema.json", () => {
  expect(published).toBe(diffSchemaText());
});

test("a difference keeps it", () => {
  expect(validate(document) ? [] : validate.errors).toEqual([]);
});

test.each([
  ["another version", { schemaVersion: 2 }],
  ["an unknown verdict", { verdict: "fine" }],
  ["an unknown topic", { changes: [{ ...document.changes[0], topic: "colour" }] }],
  ["a filter that filtered nothing", { filtered: [{ filter: "logs", why: "logs", count: 0 }] }],
  ["something more", { extra: 1 }],
  ["an unknown rule", { violations: [{ code: "x", subject: "/x", seen: "x" }] }],
])("%s breaks it", (_, change) => {
  expect(validate({ ...document, ...change })).toBe(false);
});

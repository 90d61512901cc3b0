// Decides that a policy's budgets are held against the difference of two images, and that what was not seen is within none.
import { expect, test } from "vitest";
import type { DiffChange, ImageDiff } from "../diff/image-diff.ts";
import { definePolicy } from "../model/policy.ts";
import { changeOf } from "./diff-change.ts";
import { decide } from "./gate.ts";
import { reportOf } from "./report.ts";
import { sampleRun } from "./sample.ts";

const side = { name: "x", source: "archive", image: null, files: 1, bytes: 1, packages: 1 };
const change = (topic: DiffChange["topic"], kind: DiffChange["kind"], subject: string): DiffChange => ({
  topic,
  kind,
  subject,
  details: [],
});
const diff: ImageDiff = {
  schemaVersion: 1,
  old: side,
  new: side,
  verdict: "different",
  changes: [
    change("setuid", "added", "/usr/bin/env"),
    change("setuid", "changed", "/usr/bin/su"),
    change("package", "added", "bash"),
    change("package", "removed", "dash"),
    change("package", "changed", "sed"),
  ],
  filtered: [],
  unknown: [],
  sizes: { packages: [], directories: [] },
};

test("what came and went by name", () => {
  expect(changeOf("soe", diff)).toEqual({
    recipe: "soe",
    packagesAdded: ["bash"],
    packagesRemoved: ["dash"],
    setuidAdded: ["/usr/bin/env"],
  });
});

test.each([
  [{ setuidAdded: 0 }, diff, "too-much-changed"],
  [{ setuidAdded: 1, packagesAdded: 1, packagesRemoved: 1 }, diff, undefined],
  [
    { packagesRemoved: 9 },
    { ...diff, unknown: [{ what: "packages", why: "rpm", topics: ["package" as const] }] },
    "change-unknown",
  ],
])("a budget of %j", (budget, seen, code) => {
  const policy = definePolicy({
    required: { "specs/a.spec.ts": "every" },
    maxAge: "24h",
    budgets: { images: { soe: budget } },
  });
  const told = changeOf("soe", seen);
  const decision = decide(
    policy,
    { report: reportOf(sampleRun()), statements: [], ...(told === undefined ? {} : { changes: [told] }) },
    Date.now(),
  );
  const about = decision.refusals.filter((refusal) => refusal.about === "soe").map((refusal) => refusal.code);
  expect(about).toEqual(code === undefined ? [] : [code]);
});

// Decides what a report keeps of preferred images, and how it says it.
import { expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { preferencesIn } from "./inventory.ts";
import { sayPreference } from "./preference.ts";
import { reportOf } from "./report.ts";
import { runEnded, runStarted } from "./sample.ts";
import { summaryOf } from "./summary.ts";

const event = (more: { readonly imageId?: string; readonly why: string }): RunEvent => ({
  event: "preference",
  at: 1,
  recipe: "mongodb",
  reference: "mongo:7",
  ...more,
});
const used = event({ imageId: `sha256:${"a".repeat(64)}`, why: "the registry has it" });
const not = event({ why: "lookup \u001b[31mregistry: no such host" });

test("nothing was preferred: nothing is said", () => {
  expect(preferencesIn([runStarted()])).toEqual({});
});

test("which it was, by digest, and why", () => {
  const { preferences = [] } = reportOf([runStarted(), used, not, runEnded()]);
  expect(preferences.map(sayPreference)).toEqual([
    `mongodb is mongo:7, sha256:${"a".repeat(64)}: the registry has it`,
    expect.stringMatching(/^mongodb is the recipe's, not mongo:7: lookup .*registry: no such host$/),
  ]);
});

test("it is in the summary, and what a registry says is shown there harmlessly", () => {
  const summary = summaryOf(reportOf([runStarted(), used, not, runEnded()]));
  expect(summary).toMatch(/## Preferred images\n+- mongodb is mongo:7/);
  expect(summary).toContain("registry: no such host");
  expect(summary).not.toContain("\u001b");
});

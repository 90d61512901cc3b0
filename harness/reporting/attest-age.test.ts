// Decides of what time a statement is: when a decision was made, when a run ended, and nothing where it does not say so in so many words.
import { expect, test } from "vitest";
import { ageObjection } from "./attest-age.ts";
import { summaryType } from "./attest-summary.ts";
import { reportConfiguration, testResultType } from "./gate-evidence.ts";

const now = Date.parse("2026-11-22T12:00:00Z");
const objection = (predicateType: string, predicate: unknown) =>
  ageObjection({ predicateType, predicate }, { maxAgeMs: 3_600_000, said: "1h", now });
const decision = (timeVerified?: unknown) => objection(summaryType, { verificationResult: "PASSED", timeVerified });
const configuration = (endedAt?: unknown, name = reportConfiguration) => ({ name, annotations: { endedAt } });
const result = (...configurations: readonly unknown[]) =>
  objection(testResultType, { result: "PASSED", configuration: configurations });

test.each([
  ["a decision", decision],
  ["a run", (endedAt: unknown) => result(configuration(endedAt))],
] as const)("%s counts from its hour until the next, wherever its clock is", (_, of) => {
  expect(of("2026-11-22T11:00:00Z")).toBeUndefined();
  expect(of("2026-11-22T12:00:00+01:00")).toBeUndefined();
  expect(of("2026-11-22T10:59:59.999Z")).toBe("it is of 2026-11-22T10:59:59.999Z, and may be 1h old");
  expect(of("2026-11-22T12:02:00Z")).toBeUndefined();
  expect(of("2026-11-22T12:02:01Z")).toMatch(/after now, 2026-11-22T12:00:00/);
});

test.each([
  ["no time", decision()],
  ["a time in other words", decision("today")],
  ["a number", decision(now)],
  ["a time without a zone", decision("2026-11-22T12:00:00")],
  ["a day that there is not", decision("2026-02-30T12:00:00Z")],
  ["no report among what was run", result(configuration("2026-11-22T12:00:00Z", "specs/a.spec.ts"))],
  ["two reports", result(configuration("2026-11-22T12:00:00Z"), configuration("2026-11-22T12:00:00Z"))],
  ["a run that never ended", result(configuration())],
  ["another statement", objection("https://example/other", { timeVerified: "2026-11-22T12:00:00Z" })],
])("%s is no age", (_, said) => {
  expect(said).toBe("it does not say of when it is, so that nobody knows how old it is");
});

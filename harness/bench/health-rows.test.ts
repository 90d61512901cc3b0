// Decides that a run's share is of its whole time, that all three count, and that a run which proves nothing is no figure.
import { expect, test } from "vitest";
import type { Report } from "../reporting/report.ts";
import { healthRows, overheadOf } from "./health-rows.ts";
import { verdictOf } from "./table.ts";

const outcomes = (...outcomes: readonly string[]) => outcomes.map((outcome) => ({ outcome })) as Report["tests"];
const report = (healthMs: number, tests = outcomes("passed", "passed")) => ({
  ms: 10_000,
  overhead: { ledgerMs: 100, evidenceMs: 50, healthMs },
  tests,
});
const rows = (...reports: ReturnType<typeof report>[]) => healthRows({ of: "nothing", by: "assay run", reports });

test("ledger, evidence and health together are held against the limit", () => {
  expect(overheadOf(report(350))).toBe(5);
  expect(rows(report(350)).map(verdictOf)).toEqual(["met", "for information", "for information"]);
  expect(rows(report(351)).map(verdictOf)[0]).toBe("not met");
});

test("health is told by itself, and for each test", () => {
  const medians = rows(report(300)).map(({ ours }) => ("sample" in ours ? ours.sample.median : undefined));
  expect(medians).toEqual([4.5, 3, 150]);
});

test.each([
  ["a test that failed", report(1, outcomes("passed", "failed"))],
  ["a test that was skipped", report(1, outcomes("skipped"))],
  ["no test", report(1, [])],
])("%s is no figure", (_, one) => {
  expect(() => rows(one)).toThrow("says nothing");
});

test("a report without its overhead is no figure", () => {
  expect(() =>
    healthRows({ of: "x", by: "y", reports: [{ ms: 1, tests: outcomes("passed"), overhead: undefined }] }),
  ).toThrow("tells of no overhead");
});

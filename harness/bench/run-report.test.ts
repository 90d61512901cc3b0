// Decides that a bench takes the report of its own run, once, where the command line writes it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reportOf } from "../reporting/report.ts";
import { releasable, soeDigest } from "../reporting/testing/attested.ts";
import { writeReport } from "../reporting/write.ts";
import { takeReport } from "./run-report.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-bench-"));
});
afterAll(() => rmSync(directory, { recursive: true }));
const write = (run: string) =>
  writeReport(
    join(directory, run),
    reportOf(releasable({ run, imageId: soeDigest, file: "specs/a.spec.ts", sha256: "0".repeat(64) })),
  );

test("the one that is there is taken, and is gone", async () => {
  await write("k1");
  expect(takeReport(directory)).toMatchObject({ run: "k1", verdict: "met" });
  expect(() => takeReport(directory)).toThrow("has no report");
});

test("of two none is taken", async () => {
  await write("k1");
  await write("k2");
  expect(() => takeReport(directory)).toThrow("reports of several runs");
});

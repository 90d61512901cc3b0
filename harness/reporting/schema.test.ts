// Decides that the published schema is the one the code has, and that real reports keep it.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { reportOf } from "./report.ts";
import { runEnded, runStarted, sampleRun } from "./sample.ts";
import { schemaText } from "./schema.ts";

const published = readFileSync(new URL("../../reports/report.schema.json", import.meta.url), "utf8");
const validate = new Ajv2020({ strict: true, validateFormats: false, allErrors: true }).compile(JSON.parse(published));

describe("the published schema", () => {
  test("is the one made of the definition; else run node harness/reporting/schema.ts > reports/report.schema.json", () => {
    expect(published).toBe(schemaText());
  });

  test.each([
    ["every outcome", sampleRun()],
    ["nothing at all", [runStarted(), runEnded()]],
    ["a run without an end", sampleRun().slice(0, -3)],
    ["a cancelled run", [...sampleRun().slice(0, -1), runEnded({}, { cancelled: "SIGTERM" })]],
    ["a leak", [...sampleRun().slice(0, -1), runEnded({ leaked: ["container x"] })]],
  ])("a report of %s keeps it", (_, events) => {
    const report = JSON.parse(JSON.stringify(reportOf(events)));
    expect(validate(report) ? [] : validate.errors).toEqual([]);
  });

  test.each([
    ["an unknown property", { extra: 1 }],
    ["an unknown verdict", { verdict: "fine" }],
    ["another version", { schemaVersion: 2 }],
    ["an undocumented exit code", { exitCode: 7 }],
    ["a time that is none", { startedAt: "yesterday" }],
  ])("%s breaks it", (_, change) => {
    expect(validate({ ...JSON.parse(JSON.stringify(reportOf(sampleRun()))), ...change })).toBe(false);
  });
});

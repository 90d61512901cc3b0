// Decides that a statement says of an image what the report says of it and no more, and that what is no result is not attested.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { testedIn, testResultOf } from "./attest-statement.ts";
import { testResultSchema } from "./gate-evidence.ts";
import { type Report, reportOf } from "./report.ts";
import { runEnded, runStarted, sampleRun } from "./sample.ts";
import {
  attestedRun,
  diskDigest,
  failed,
  passedToo,
  reportDigest,
  skipped,
  soeDigest,
  statementOn,
} from "./testing/attested.ts";

describe("the images of a run", () => {
  test("are those that its nodes were made of, by what the engine said", () => {
    expect(testedIn(reportOf(attestedRun())).map(({ name, kind, sha256 }) => ({ name, kind, sha256 }))).toEqual([
      { name: "soe:1", kind: "config", sha256: soeDigest },
      { name: "desk:1", kind: "disk", sha256: diskDigest },
    ]);
  });

  test("that a tag stands for by now is another one: what the container was made of counts", () => {
    const report = reportOf(attestedRun());
    for (const image of report.images) image.imageId = `sha256:${"9".repeat(64)}`;
    expect(testedIn(report)[0]).toMatchObject({ name: "docker-soe/soe", sha256: soeDigest });
    expect(testedIn(report)[0]).not.toHaveProperty("recipeSha256");
  });

  test("of which no digest is known are none", () => {
    expect(testedIn(reportOf(sampleRun()))).toEqual([]);
  });
});

describe("a statement", () => {
  test("has the digest of what was tested, the report and the recipe by digest, and the tests that were made on it alone", () => {
    const statement = statementOn("soe:1");
    expect(statement).toMatchObject({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "config", digest: { sha256: soeDigest } }],
      predicateType: "https://in-toto.io/attestation/test-result/v0.1",
      predicate: {
        result: "PASSED",
        passedTests: ["specs/soe.spec.ts > the prompt is ours"],
        warnedTests: [],
        failedTests: [],
      },
    });
    const { configuration } = testResultSchema.parse(statement.predicate);
    expect(configuration.map(({ name, digest }) => [name, digest?.["sha256"]])).toEqual([
      ["report.json", reportDigest],
      ["recipe soe:1", "a".repeat(64)],
    ]);
    expect(statementOn("desk:1").subject).toEqual([{ name: "desk:1", digest: { sha256: diskDigest } }]);
  });

  test("has what the specs were made of, where the report knows it", () => {
    const inputs = [{ path: "specs/soe.spec.ts", sha256: "e".repeat(64) }];
    const { configuration } = testResultSchema.parse(
      statementOn("soe:1", { ...reportOf(attestedRun()), inputs } as Report).predicate,
    );
    expect(configuration.at(-1)).toEqual({ name: "specs/soe.spec.ts", digest: { sha256: "e".repeat(64) } });
  });

  test("names the manifest first where a registry has one", () => {
    const report = reportOf(attestedRun());
    const [soe] = testedIn(report);
    const manifest = { name: "registry.example/soe", sha256: "d".repeat(64) };
    const { subject } = testResultOf({ report, sha256: reportDigest }, soe as never, { manifest });
    expect(subject.map(({ name }) => name)).toEqual(["registry.example/soe", "config"]);
  });

  test.each([
    ["a skipped test is no pass", [skipped], "WARNED", "specs/soe.spec.ts > SELinux label"],
    [
      "a name that passed once and was skipped once counts as skipped",
      [...passedToo, { ...skipped, test: "the prompt is ours" } as RunEvent],
      "WARNED",
      "specs/soe.spec.ts > the prompt is ours",
    ],
  ])("%s", (_, events, result, name) => {
    const predicate = testResultSchema.parse(statementOn("soe:1", reportOf(attestedRun(...events))).predicate);
    expect(predicate.result).toBe(result);
    expect(predicate.warnedTests).toEqual([name]);
    expect(predicate.passedTests).not.toContain(name);
  });

  test("a flaky test is no clean pass", () => {
    const report = reportOf(attestedRun());
    const tests = report.tests.map((each) => ({ ...each, flaky: { failedIn: ["earlier"] } }));
    expect(() => statementOn("soe:1", { ...report, tests } as Report)).toThrow(/no test was made/);
  });

  test("of a run that failed anywhere says FAILED", () => {
    const report = reportOf(attestedRun(...failed));
    expect(statementOn("soe:1", report).predicate).toMatchObject({ result: "FAILED", failedTests: [] });
    expect(statementOn("desk:1", report).predicate).toMatchObject({
      result: "FAILED",
      failedTests: ["specs/kvm.spec.ts > the clock is right"],
    });
  });
});

describe("no statement is made of", () => {
  const good = () => reportOf(attestedRun());
  const [soe] = testedIn(good());
  test.each<[string, string, (report: Report) => Report]>([
    ["a shard", "shard", (report) => ({ ...report, shard: { index: 1, count: 2 } })],
    [
      "a report of which a failed test was mended",
      "contradicts-itself",
      () => ({ ...reportOf(attestedRun(...failed)), verdict: "met", exitCode: 0 }),
    ],
    [
      "a report of which a test was made to fail",
      "contradicts-itself",
      (report) => ({ ...report, tests: report.tests.map((each) => ({ ...each, outcome: "failed" as const })) }),
    ],
    [
      "a run that leaked",
      "not-concluded",
      () => reportOf([...attestedRun().slice(0, -1), runEnded({ leaked: ["container x"] })]),
    ],
    [
      "a run that was cancelled",
      "not-concluded",
      () => reportOf([...attestedRun().slice(0, -1), runEnded({}, { cancelled: "SIGINT" })]),
    ],
    ["a run without an end", "not-concluded", () => reportOf(attestedRun().slice(0, -1))],
    ["a run of nothing", "not-concluded", () => reportOf([runStarted(), runEnded()])],
    [
      "an image on which every test was skipped",
      "nothing-tested",
      (report) => ({
        ...report,
        tests: report.tests.map((each) =>
          each.environment === "docker-soe" ? { ...each, outcome: "skipped" as const } : each,
        ),
      }),
    ],
  ])("%s", (_, code, change) => {
    expect(() => testResultOf({ report: change(good()), sha256: reportDigest }, soe as never)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

// Decides how a report looks to what reads CTRF (Common Test Report Format, specification 0.0.0 of ctrf-io/ctrf). What could not be asked is
// `failed` there, with the raw status `errored`: readers gate on `failed` alone, and CTRF's `other` would pass them.
import { type Case, casesOf, placeOf } from "./cases.ts";
import { oneLine, plain } from "./escape.ts";
import type { Report } from "./report.ts";

/** `ctrf.json` of a report, times in ms. */
export function ctrfOf(report: Report): string {
  const cases = casesOf(report);
  const count = (...outcomes: string[]) => cases.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const start = Date.parse(report.startedAt);
  const document = {
    reportFormat: "CTRF",
    specVersion: "0.0.0",
    runId: oneLine(report.run),
    timestamp: report.endedAt,
    generatedBy: `assay ${oneLine(report.version)}`,
    extra: { verdict: report.verdict, exitCode: report.exitCode, reason: plain(report.reason) },
    results: {
      tool: { name: "assay", version: oneLine(report.version) },
      summary: {
        tests: cases.length,
        passed: count("passed"),
        failed: count("failed", "errored"),
        skipped: count("skipped"),
        pending: 0,
        other: 0,
        flaky: cases.filter(({ test }) => test?.flaky !== undefined).length,
        suites: new Set(cases.map(({ file }) => file)).size,
        start,
        stop: Date.parse(report.endedAt),
        duration: Math.round(report.ms),
      },
      tests: cases.map(testOf),
      environment: {
        appName: report.images.map(({ tag }) => oneLine(tag)).join(", "),
        osPlatform: "linux",
        osRelease: oneLine(report.host.kernel),
        extra: {
          hostname: oneLine(report.host.hostname),
          images: report.images.map(({ tag, imageId, recipeDigest, treeDigest }) => ({
            tag: oneLine(tag),
            imageId: oneLine(imageId),
            recipeDigest: oneLine(recipeDigest),
            treeDigest: oneLine(treeDigest),
          })),
        },
      },
    },
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function testOf({ file, name, outcome, ms, startedAt, told, code, at, test }: Case) {
  const start = startedAt === undefined ? undefined : Date.parse(startedAt);
  const line = at === undefined ? undefined : placeOf(at).line;
  const trace = test?.errors.map(({ stack }) => stack ?? "").find((stack) => stack !== "");
  return {
    name: oneLine(name) || "(without a name)",
    status: outcome === "errored" ? "failed" : outcome,
    rawStatus: outcome,
    duration: Math.round(ms),
    ...(start === undefined ? {} : { start, stop: Math.round(start + ms) }),
    suite: [oneLine(file)],
    ...(test?.flaky === undefined ? {} : { flaky: true }),
    filePath: oneLine(file),
    ...(line === undefined ? {} : { line }),
    ...(told.length === 0 ? {} : { message: plain(told.join("\n\n"), 8000) }),
    ...(trace === undefined ? {} : { trace: plain(trace, 8000) }),
    extra: {
      ...(code === undefined ? {} : { code: oneLine(code) }),
      ...(test?.environment === undefined ? {} : { environment: oneLine(test.environment) }),
      ...(test === undefined ? {} : { checks: test.checks.length }),
    },
  };
}

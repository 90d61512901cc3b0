// Decides how a report looks to what reads SARIF 2.1.0 (OASIS): a result is a check that failed, and blames the image; what could not be
// asked is a notification of an invocation that did not succeed, and blames nobody.
import { createHash } from "node:crypto";
import { accountsOf, sayAccount, sayCheck } from "./account.ts";
import { type Case, casesOf, placeOf } from "./cases.ts";
import { oneLine, plain } from "./escape.ts";
import type { Report, TestReport } from "./report.ts";

const rules = [
  { id: "check-not-met", text: "A check of an image was not met" },
  { id: "test-failed", text: "A test failed otherwise than by a check" },
] as const;

/** `results.sarif` of a report. Paths are relative to the project. */
export function sarifOf(report: Report): string {
  const cases = casesOf(report);
  const errored = cases.filter(({ outcome }) => outcome === "errored");
  const document = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "Assay",
            version: oneLine(report.version) || "0",
            rules: rules.map(({ id, text }) => ({ id, shortDescription: { text } })),
          },
        },
        automationDetails: { id: `assay/${encodeURIComponent(oneLine(report.run))}` },
        invocations: [
          {
            executionSuccessful: errored.length === 0 && report.cancelled === undefined && report.exitCode <= 1,
            exitCode: report.exitCode,
            exitCodeDescription: plain(report.reason),
            commandLine: oneLine(report.command.join(" ")),
            startTimeUtc: report.startedAt,
            endTimeUtc: report.endedAt,
            toolExecutionNotifications: errored.map((each) => ({
              level: "error",
              message: { text: textOf(each.told, each.name) },
              descriptor: { id: oneLine(each.code ?? "could-not-ask") || "could-not-ask" },
              locations: [locationOf(each.file, each.at)],
            })),
          },
        ],
        results: cases.filter(({ outcome }) => outcome === "failed").flatMap(resultsOf),
        columnKind: "utf16CodeUnits",
      },
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function resultsOf({ file, name, told, at, test }: Case): object[] {
  if (test === undefined) return [resultOf("test-failed", textOf(told, name), { file, at, key: [file, name] })];
  return accountsOf(test).map((account) => {
    const place = account.facts.find(([label]) => label === "at")?.[1] ?? at;
    const { check } = account;
    const key = [file, name, ...(check === undefined ? [account.heading] : [check.node, sayCheck(check)])];
    const text = textOf([`${oneLine(name)}:\n${sayAccount(account).join("\n")}`], name);
    return resultOf(check === undefined ? "test-failed" : "check-not-met", text, { file, at: place, key, test });
  });
}

interface Where {
  readonly file: string;
  readonly at: string | undefined;
  /** The same for the same finding of another run. */
  readonly key: readonly string[];
  readonly test?: TestReport;
}

function resultOf(ruleId: (typeof rules)[number]["id"], text: string, { file, at, key, test }: Where): object {
  return {
    ruleId,
    ruleIndex: rules.findIndex(({ id }) => id === ruleId),
    level: "error",
    kind: "fail",
    message: { text },
    locations: [locationOf(file, at)],
    partialFingerprints: { "assayFinding/v1": createHash("sha256").update(JSON.stringify(key)).digest("hex") },
    ...(test?.environment === undefined ? {} : { properties: { environment: oneLine(test.environment) } }),
  };
}

function locationOf(file: string, at: string | undefined): object {
  const { file: path, line = 1, column } = at === undefined ? { file } : placeOf(at);
  return {
    physicalLocation: {
      // Foreign text in a path is a path and no scheme, host or query.
      artifactLocation: { uri: oneLine(path, 1000).split("/").map(encodeURIComponent).join("/") },
      region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) },
    },
  };
}

function textOf(told: readonly string[], name: string): string {
  return plain(told.join("\n\n"), 8000) || oneLine(name) || "failed";
}

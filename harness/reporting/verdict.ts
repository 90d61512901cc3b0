// Decides the last words of a run in a terminal: what did not pass and why, what is left, where the report is, the count.
import { styleText } from "node:util";
import { sayMs } from "../model/duration.ts";
import { accountsOf, sayAccount, troubleOf } from "./account.ts";
import type { Verdict } from "./conclusion.ts";
import { oneLine } from "./escape.ts";
import { keptLines } from "./kept.ts";
import type { Link } from "./link.ts";
import type { Report, TestReport } from "./report.ts";

type Style = Parameters<typeof styleText>[0];

/** A verdict as a heading. */
export function sayVerdict(verdict: Verdict): string {
  return {
    met: "Met",
    failed: "Failed",
    "could-not-ask": "Could not ask",
    leaked: "Leaked",
    cancelled: "Cancelled",
    usage: "Not run as asked",
  }[verdict];
}

/** `k3f9x2, shard 1/2, on builder-7: Met`. */
export function sayPart({ run, shard, host, verdict }: NonNullable<Report["mergedFrom"]>[number]): string {
  const part = shard === undefined ? "" : `, shard ${shard.index}/${shard.count}`;
  return `${run}${part}, on ${host.hostname}: ${sayVerdict(verdict)}`;
}

/**
 * Lines without newlines. The last is always `N passed, N failed, N skipped`: tests, where an errored one and a trouble
 * outside any test (a spec file that cannot be read) count as failed, because neither is a pass.
 *
 * @example
 * for (const line of verdictLines(report, { color: config.color, where: paths.html })) console.log(line);
 */
export function verdictLines(
  report: Report,
  options: {
    readonly color: boolean;
    /** Path of the report, for the reader. */
    readonly where?: string;
    /** The same, absolute: what `where` leads to. */
    readonly page?: string;
    /** Where the reader can click: places in files, and the report. */
    readonly link?: Link | undefined;
  },
): string[] {
  const paint = (style: Style, text: string) =>
    options.color ? styleText(style, text, { validateStream: false }) : text;
  const link = options.link ?? ((place) => place);
  const headed = (test: TestReport, style: Style) => [
    "",
    `${paint(style, test.outcome)} ${oneLine(test.file)} > ${oneLine(test.name)}`,
    ...accountsOf(test).flatMap((account) => sayAccount(account, "  ", link)),
  ];
  const having = (outcome: string) => report.tests.filter((test) => test.outcome === outcome);
  const skipped = having("skipped");
  const { teardown, counts } = report;
  const good = report.verdict === "met";
  return [
    ...having("failed").flatMap((test) => headed(test, "red")),
    ...having("errored").flatMap((test) => headed(test, "yellow")),
    ...report.troubles.flatMap((trouble) => [
      "",
      `${paint(trouble.outcome === "failed" ? "red" : "yellow", trouble.outcome)} outside any test`,
      ...sayAccount(troubleOf(trouble), "  ", link),
    ]),
    ...report.tests.flatMap(({ file, name, flaky }) =>
      flaky === undefined
        ? []
        : [
            "",
            `${paint("yellow", "flaky")} ${oneLine(file)} > ${oneLine(name)}`,
            `  passed, and failed on the same inputs and images in ${oneLine(flaky.failedIn.join(", "))}`,
          ],
    ),
    ...(skipped.length === 0 ? [] : [""]),
    ...skipped.map(
      (test) =>
        `${paint("dim", "skipped")} ${oneLine(test.file)} > ${oneLine(test.name)}: ${oneLine(test.reason ?? "")}`,
    ),
    "",
    `teardown  ${teardown.created} created, ${teardown.destroyed} destroyed, ${
      teardown.leaked.length === 0 ? "0 leaked" : paint("red", `${teardown.leaked.length} leaked`)
    }${teardown.inventoried ? "" : " (no inventory was taken)"}`,
    ...teardown.leaked.map((each) => `          ${oneLine(each)}`),
    ...(teardown.kept === undefined ? [] : keptLines(report.run, teardown.kept)),
    ...(report.mergedFrom ?? []).map((part) => `merged    ${oneLine(sayPart(part))}`),
    ...(options.where === undefined ? [] : [`report    ${link(oneLine(options.where), options.page)}`]),
    `verdict   ${paint(good ? ["green", "bold"] : ["red", "bold"], sayVerdict(report.verdict))}: ${report.reason} (${sayMs(report.ms)}, exit code ${report.exitCode})`,
    `${counts.tests.passed} passed, ${counts.tests.failed + counts.tests.errored + counts.troubles} failed, ${counts.tests.skipped} skipped`,
  ];
}

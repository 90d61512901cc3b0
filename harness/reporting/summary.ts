// Decides how a report reads on the page of a CI job: verdict first, then only what somebody must look at.

import { sayMs } from "../model/duration.ts";
import { type Account, accountsOf, sayFlaky, troubleOf } from "./account.ts";
import { codeSpan, markdown } from "./escape.ts";
import { sayHealth } from "./health.ts";
import { sayPreference } from "./preference.ts";
import { remarksOf } from "./remarks.ts";
import type { Report, TestReport } from "./report.ts";
import { sayPart, sayVerdict } from "./verdict.ts";

/** Job pages refuse summaries over 1 MiB; report.json has the rest. */
const most = 50;

/** `summary.md` of a report: GitHub's Markdown. */
export function summaryOf(report: Report): string {
  const { counts, teardown } = report;
  const wrong = report.tests.filter(({ outcome }) => outcome === "failed" || outcome === "errored");
  const skipped = report.tests.filter(({ outcome }) => outcome === "skipped");
  const lines = [
    `# ${symbol(report)} ${sayVerdict(report.verdict)}`,
    "",
    `${markdown(report.reason)}. Run ${codeSpan(report.run)} took ${sayMs(report.ms)} on ${codeSpan(report.host.hostname)}; exit code ${report.exitCode}.`,
    "",
    "| | passed | failed | errored | skipped |",
    "|---|---:|---:|---:|---:|",
    row("tests", counts.tests),
    row("checks", counts.checks),
    "",
    `${counts.planned} planned in ${counts.files} spec files, ${counts.ran} ran.`,
    ...section(
      "Merged from",
      (report.mergedFrom ?? []).map((part) => `- ${markdown(sayPart(part))}`),
    ),
    ...section(
      "Outside any test",
      report.troubles.map((trouble) => bulleted(troubleOf(trouble, 600), trouble.outcome)),
    ),
    ...section(
      "Flaky",
      report.tests.flatMap(({ file, name, flaky }) =>
        flaky === undefined
          ? []
          : [`- ${markdown(file)} › ${markdown(name)}: passed, and ${markdown(sayFlaky(flaky))}`],
      ),
    ),
    ...section("Failed", wrong.filter(({ outcome }) => outcome === "failed").map(told)),
    ...section("Could not be asked", wrong.filter(({ outcome }) => outcome === "errored").map(told)),
    ...section(
      "Health",
      sayHealth(report.health ?? { nodes: [], findings: [] }).map((line) => `- ${markdown(line, 600)}`),
    ),
    ...section(
      "Skipped",
      skipped.map((test) => `- ${markdown(test.file)} › ${markdown(test.name)}: ${markdown(test.reason ?? "")}`),
    ),
    ...imagesOf(report),
    ...section(
      "Preferred images",
      (report.preferences ?? []).map((each) => `- ${markdown(sayPreference(each))}`),
    ),
    "",
    "## Teardown",
    "",
    `${teardown.created} created, ${teardown.destroyed} destroyed, ${teardown.leaked.length} leaked${teardown.inventoried ? "" : " (no inventory was taken)"}.`,
    ...(teardown.leaked.length === 0 ? [] : ["", ...cut(teardown.leaked.map((each) => `- ${codeSpan(each)}`))]),
    ...remarked(report),
    ...keptOf(report),
  ];
  return `${lines.join("\n")}\n`;
}

function remarked(report: Report): string[] {
  const remarks = remarksOf(report).map(({ where, text }) => `- ${codeSpan(where)}: ${markdown(text, 600)}`);
  return remarks.length === 0 ? [] : ["", "Remarked on the way:", "", ...cut(remarks)];
}

function keptOf({ run, teardown: { kept } }: Report): string[] {
  if (kept === undefined) return [];
  const until = kept.until ?? "it is taken down";
  const nodes = kept.stands.flatMap(({ environment, nodes }) =>
    nodes.map(({ node, name }) => `- ${codeSpan(`${environment}/${node}`)}: ${codeSpan(name)}`),
  );
  return ["", `Left standing until ${until}; ${codeSpan(`assay down ${run}`)} ends it now.`, "", ...cut(nodes)];
}

function symbol({ verdict }: Report): string {
  return verdict === "met" ? "✅" : verdict === "failed" ? "❌" : "⚠️";
}

function row(what: string, counts: Report["counts"]["tests"]): string {
  return `| ${what} | ${counts.passed} | ${counts.failed} | ${counts.errored} | ${counts.skipped} |`;
}

function told(test: TestReport): string {
  const accounts = accountsOf(test, 600).map((account) => bulleted(account));
  return [`### ${markdown(test.file)} › ${markdown(test.name)}`, "", ...accounts, ""].join("\n");
}

function bulleted({ heading, facts }: Account, outcome?: string): string {
  return [
    `- ${outcome === undefined ? "" : `${outcome}: `}**${markdown(heading, 600)}**`,
    ...facts.map(([label, text]) => `  - ${label}: ${codeSpan(text, 600)}`),
  ].join("\n");
}

function section(title: string, entries: readonly string[]): string[] {
  return entries.length === 0 ? [] : ["", `## ${title}`, "", ...cut(entries)];
}

function cut(entries: readonly string[]): readonly string[] {
  const rest = entries.length - most;
  return rest <= 0 ? entries : [...entries.slice(0, most), "", `… and ${rest} more in report.json.`];
}

function imagesOf({ images }: Report): string[] {
  if (images.length === 0) return [];
  return [
    "",
    "## Images",
    "",
    ...images.map(
      ({ tag, imageId, recipeDigest, built }) =>
        `- ${codeSpan(tag)}, ${built ? "built now" : "from the store"}: image ${codeSpan(imageId)}, recipe ${codeSpan(recipeDigest)}`,
    ),
  ];
}

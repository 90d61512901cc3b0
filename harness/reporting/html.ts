// Decides the page a person opens: verdict first, then plan, tests, environments, images, evidence, teardown.
// One file that fetches nothing, runs its own script alone, and can be mailed; foreign text enters by `markup` alone.
import { createHash } from "node:crypto";
import type { DiffDocument } from "../diff/violations.ts";
import { sayMs } from "../model/duration.ts";
import { sayFlaky } from "./account.ts";
import type { Comparison } from "./compare.ts";
import { Markup, markup, oneLine } from "./escape.ts";
import type { ExcerptsOf } from "./excerpt.ts";
import { compareSection } from "./html-compare.ts";
import { diffsSection } from "./html-diff.ts";
import { healthSection } from "./html-health.ts";
import { mark, outcomes, said } from "./html-mark.ts";
import { pictureSection } from "./html-picture.ts";
import { script } from "./html-script.ts";
import { style } from "./html-style.ts";
import { testsSection } from "./html-tests.ts";
import { timelineSection } from "./html-timeline.ts";
import { hrefOf, wrongSection } from "./html-wrong.ts";
import { remarksOf } from "./remarks.ts";
import type { Report } from "./report.ts";
import { sayPart, sayVerdict } from "./verdict.ts";

const mostReasons = 50;
const mostInputs = 500;

/** What a page shows beside its report. */
export interface PageOptions {
  /** Excerpts of the run's evidence; none without. */
  readonly excerpts?: ExcerptsOf;
  /** With an earlier run. */
  readonly compared?: Comparison | undefined;
  /** Differences of images, as `assay diff --json` tells them. */
  readonly diffs?: readonly DiffDocument[];
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
/** Nothing is loaded, sent or framed; style and script are these two texts and no other. */
const policy = `default-src 'none'; style-src ${hashOf(style)}; script-src ${hashOf(script)}; base-uri 'none'; form-action 'none'`;

/** `index.html` of a report. Links to evidence are relative to the run's directory. */
export function htmlOf(report: Report, { excerpts = () => [], compared, diffs = [] }: PageOptions = {}): string {
  const wrong = wrongSection(report, excerpts);
  const comparison = compareSection(compared);
  const differences = diffsSection(diffs, report);
  const pictures = pictureSection(report);
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">
<title>${sayVerdict(report.verdict)}: ${report.counts.tests.passed} of ${report.tests.length} tests passed, Assay run ${oneLine(report.run)}</title>
<style>${new Markup(style)}</style></head>
<body><a class="skip" href="#main">To the verdict's reasons</a>${top(report, [
    ...(wrong === undefined ? [] : [["wrong", "What went wrong"] as const]),
    ...(comparison === undefined ? [] : [["compared", "Compared"] as const]),
    ...(differences === undefined ? [] : [["differences", "Image differences"] as const]),
    ["plan", "Plan"],
    ["tests", "Tests"],
    ...(pictures === undefined ? [] : [["pictures", "What was stood up"] as const]),
    ["environments", "Time line"],
    ["health", "Health"],
    ["images", "Images"],
    ["evidence", "Evidence"],
    ["teardown", "Teardown"],
  ])}
<main id="main">
${tiles(report)}
${wrong}
${comparison}
${differences}
${planSection(report)}
${testsSection(report)}
${pictures}
${timelineSection(report)}
${imagesSection(report)}
${evidenceSection(report)}
${healthSection(report)}
${teardownSection(report)}
<footer>Assay ${oneLine(report.version)}. The same facts for programs: <a href="report.json">report.json</a>, <a href="junit.xml">junit.xml</a>, <a href="ctrf.json">ctrf.json</a>, <a href="results.tap">results.tap</a>, <a href="results.sarif">results.sarif</a>, <a href="summary.md">summary.md</a>.</footer>
</main><script>${new Markup(script)}</script></body></html>
`;
  return page.text;
}

function tone({ verdict }: Report): string {
  return verdict === "met" ? "passed" : verdict === "failed" || verdict === "leaked" ? "failed" : "errored";
}

function top(report: Report, sections: readonly (readonly [id: string, title: string])[]): Markup {
  const { host } = report;
  const gib = (host.memoryBytes / 1024 ** 3).toFixed(1);
  const facts: [string, string][] = [
    ["run", report.run],
    ["started", report.startedAt.replace("T", " ").replace(/\.\d+Z$/, " UTC")],
    ["took", sayMs(report.ms)],
    ["exit code", String(report.exitCode)],
    ["host", `${host.hostname}, Linux ${host.kernel}, ${host.cpus} CPUs, ${gib} GiB, Node ${host.node}`],
    ...Object.entries(host.engines),
    ["command", report.command.join(" ")],
    ...(report.mergedFrom ?? []).map((part): [string, string] => ["merged from", sayPart(part)]),
  ];
  return markup`<header class="top tone-${tone(report)}"><div>
<h1>${sayVerdict(report.verdict)}</h1><p>${report.reason}.</p>
<dl class="facts">${facts.map(([name, text]) => markup`<div><dt>${oneLine(name)}</dt><dd>${oneLine(text)}</dd></div>\n`)}</dl>
<nav aria-label="sections">${sections.map(([id, title]) => markup`<a href="#${id}">${title}</a>`)}</nav>
</div></header>`;
}

function tiles(report: Report): Markup {
  const { counts, teardown } = report;
  const tile = (count: number, label: string, look: string) =>
    markup`<div class="tile ${count === 0 ? "none" : look}"><b>${count}</b>${label}</div>`;
  const checks = outcomes.reduce((sum, outcome) => sum + counts.checks[outcome], 0);
  const all = Math.max(1, report.tests.length);
  let from = 0;
  const share = outcomes
    .filter((outcome) => counts.tests[outcome] > 0)
    .map((outcome) => {
      const x = from;
      from += (counts.tests[outcome] / all) * 100;
      return markup`<rect class="is-${outcome}" x="${x.toFixed(2)}%" width="${(from - x).toFixed(2)}%" y="0" height="8"><title>${`${counts.tests[outcome]} ${outcome}`}</title></rect>`;
    });
  return markup`<div class="tiles">${outcomes.map((outcome) => tile(counts.tests[outcome], `tests ${outcome}`, `tone-${outcome}`))}${tile(
    checks,
    "checks made",
    "",
  )}${tile(teardown.leaked.length, "resources leaked", "tone-failed")}</div>
<svg class="share" role="img" aria-label="${`tests by outcome: ${outcomes.map((outcome) => `${counts.tests[outcome]} ${outcome}`).join(", ")}`}">${share}</svg>`;
}

function planSection(report: Report): Markup {
  const files = [...new Set(report.tests.map(({ file }) => file))].map((file) => {
    const tests = report.tests.filter((test) => test.file === file);
    return { file, tests, planned: tests.filter(({ planned }) => planned).length };
  });
  const cell = (count: number) => markup`<td class="n ${count === 0 ? "zero" : ""}">${count}</td>`;
  const { counts } = report;
  return markup`<section id="plan"><h2>Plan</h2>
<p>${said(counts.planned, "test")} planned in ${said(counts.files, "spec file")}; ${counts.ran} ran, ${counts.tests.skipped} skipped.</p>
${reasonsOf(report)}
${
  files.length > 0 &&
  markup`<div class="card scroll"><table><thead><tr><th scope="col">spec file</th><th scope="col" class="n">planned</th>${outcomes.map((outcome) => markup`<th scope="col" class="n">${outcome}</th>`)}<th scope="col" class="n">checks</th><th scope="col" class="n">test time</th></tr></thead>
<tbody>${files.map(
    ({ file, tests, planned }) =>
      markup`<tr><td>${mark(worst(tests))} ${oneLine(file)}</td>${cell(planned)}${outcomes.map((outcome) => cell(tests.filter((test) => test.outcome === outcome).length))}${cell(tests.reduce((sum, { checks }) => sum + checks.length, 0))}<td class="n">${sayMs(tests.reduce((sum, { ms }) => sum + ms, 0))}</td></tr>\n`,
  )}</tbody></table></div>`
}</section>`;
}

/** Why tests were skipped, and how many for each reason; which passed and are not to be trusted. */
function reasonsOf({ tests }: Report): Markup | undefined {
  const reasons = new Map<string, number>();
  for (const { outcome, reason = "" } of tests)
    if (outcome === "skipped") reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const flaky = tests.map((test, index) => ({ test, index })).filter(({ test }) => test.flaky !== undefined);
  if (reasons.size + flaky.length === 0) return undefined;
  return markup`<ul>${[...reasons].slice(0, mostReasons).map(([reason, count]) => markup`<li>${count} skipped: ${oneLine(reason)}</li>`)}${
    reasons.size > mostReasons && markup`<li>… and for ${reasons.size - mostReasons} more reasons</li>`
  }${flaky
    .slice(0, mostReasons)
    .map(
      ({ test, index }) =>
        markup`<li><span class="badge tone-errored">flaky</span> <a href="#t${index}">${oneLine(test.name)}</a> passed, and ${test.flaky && sayFlaky(test.flaky)}</li>`,
    )}</ul>`;
}

function worst(tests: Report["tests"]): (typeof outcomes)[number] {
  const order = ["failed", "errored", "passed"] as const;
  return order.find((outcome) => tests.some((test) => test.outcome === outcome)) ?? "skipped";
}

function imagesSection({ images, inputs = [] }: Report): Markup {
  return markup`<section id="images"><h2>Images</h2>
${
  images.length === 0
    ? markup`<p class="soft">No image came from a recipe.</p>`
    : markup`<div class="card scroll"><table><thead><tr><th scope="col">image</th><th scope="col">digests</th><th scope="col">where from</th></tr></thead><tbody>${images.map(imageRow)}</tbody></table></div>`
}${
  inputs.length > 0 &&
  markup`<details><summary class="soft">${said(inputs.length, "file")} that the run was made of, by content</summary><div class="card scroll"><table><thead><tr><th scope="col">file</th><th scope="col">sha256</th></tr></thead><tbody>${inputs.slice(0, mostInputs).map(({ path, sha256 }) => markup`<tr><td>${oneLine(path)}</td><td><code>${sha256}</code></td></tr>\n`)}</tbody></table></div>${inputs.length > mostInputs && markup`<p class="soft">… and ${inputs.length - mostInputs} more in report.json.</p>`}</details>`
}</section>`;
}

function imageRow({ tag, recipe, imageId, recipeDigest, treeDigest, ...how }: Report["images"][number]): Markup {
  const { built, ms, from, steps = [], declaredAt } = how;
  const digest = (text: string, what: string) =>
    markup`<div><code>${oneLine(text)}</code> <span class="soft small">${what}</span></div>`;
  return markup`<tr><td><b>${oneLine(tag)}</b><br><span class="soft">recipe ${oneLine(recipe)}</span>${declaredAt !== undefined && markup`<br><span class="soft small">${oneLine(declaredAt)}</span>`}</td><td>${digest(imageId, "image")}${digest(recipeDigest, "recipe: what went in")}${digest(treeDigest, "files: what came out")}</td><td>${built ? `built now in ${sayMs(ms)}` : `found in the store in ${sayMs(ms)}`}${
    from !== undefined &&
    markup`<br>from ${oneLine(from)}${steps.length > 0 && markup`<ol class="small">${steps.map((step) => markup`<li>${oneLine(step)}</li>`)}</ol>`}`
  }</td></tr>\n`;
}

function evidenceSection({ evidence }: Report): Markup {
  return markup`<section id="evidence"><h2>Evidence</h2>
${
  evidence.length === 0
    ? markup`<p class="soft">None was collected.</p>`
    : markup`<div class="card scroll"><table><thead><tr><th scope="col">node</th><th scope="col">what</th><th scope="col">file</th></tr></thead><tbody>${evidence.map(
        ({ environment, node, scope, title, path }) =>
          markup`<tr><td>${oneLine(`${environment}/${node}`)}${scope !== undefined && markup` <span class="soft small">${oneLine(scope)}</span>`}</td><td>${oneLine(title)}</td><td><a href="${hrefOf(path)}">${oneLine(path)}</a></td></tr>\n`,
      )}</tbody></table></div>`
}</section>`;
}

function teardownSection(report: Report): Markup {
  const { run, teardown, resources, startedAt } = report;
  const remarks = remarksOf(report);
  const from = Date.parse(startedAt);
  const at = (time: string | undefined) => (time === undefined ? "" : sayMs(Math.max(0, Date.parse(time) - from)));
  return markup`<section id="teardown"><h2>Teardown</h2>
<p>${said(teardown.created, "resource")} created, ${teardown.destroyed} destroyed, <b>${teardown.leaked.length} leaked</b>. ${
    teardown.inventoried
      ? "Counted by an inventory of the engine after teardown."
      : "No inventory was taken: the run never said its end."
  }</p>
${teardown.leaked.length > 0 && markup`<div class="account tone-failed"><b>Still there</b><ul class="plain">${teardown.leaked.map((each) => markup`<li><code>${oneLine(each)}</code></li>`)}</ul></div>`}
${remarks.length > 0 && markup`<div class="account tone-errored"><b>Remarked on the way</b><ul class="plain">${remarks.map(({ where, text }) => markup`<li><code>${oneLine(where)}</code> ${oneLine(text)}</li>`)}</ul></div>`}
${
  teardown.kept !== undefined &&
  markup`<div class="card"><b>Left standing</b> until ${teardown.kept.until ?? "it is taken down"}; <code>assay down ${oneLine(run)}</code> ends it now.<ul class="plain">${teardown.kept.stands.flatMap(
    ({ environment, nodes }) =>
      nodes.map(
        ({ node, name }) => markup`<li>${oneLine(`${environment}/${node}`)} <code>${oneLine(name)}</code></li>`,
      ),
  )}</ul></div>`
}
${
  resources.length > 0 &&
  markup`<details class="card"><summary>${said(resources.length, "resource")}, each with its end</summary><div class="scroll"><table><thead><tr><th scope="col">kind</th><th scope="col">name</th><th scope="col">environment</th><th scope="col">last said to be</th><th scope="col" class="n">created at</th><th scope="col" class="n">gone at</th></tr></thead><tbody>${resources.map(
    ({ kind, name, environment, state, createdAt, goneAt }) =>
      markup`<tr><td>${kind}</td><td><code>${oneLine(name)}</code></td><td>${oneLine(environment)}</td><td>${state}</td><td class="n">${at(createdAt)}</td><td class="n">${at(goneAt)}</td></tr>\n`,
  )}</tbody></table></div></details>`
}</section>`;
}

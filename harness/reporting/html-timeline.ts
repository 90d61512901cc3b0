// Decides how time is drawn: one axis for the whole run, a row a node, a bar a phase. SVG, whose places are attributes and no style, so
// that the page's policy can forbid styles; every bar says its figures.
import { sayMs } from "../model/duration.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import type { PhaseReport, Report, StandUp } from "./report.ts";

/** Phases that have a colour of their own, in the order of a node's life. */
const drawn = ["build", "create", "start", "connect", "ready", "destroy"];

interface Scale {
  readonly from: number;
  readonly ms: number;
}

/** Environments and their nodes over the time of the run, with the tests that ran in them. */
export function timelineSection(report: Report): Markup {
  const scale = { from: Date.parse(report.startedAt), ms: Math.max(1, report.ms) };
  const step = stepOf(scale.ms);
  const covered = new Set(report.environments.map(({ file }) => file));
  const others = [...new Set(report.tests.map(({ file }) => file))].filter((file) => !covered.has(file));
  const rows = [
    ...report.environments.map((each) => standUpRows(report, each, scale)),
    ...others.map((file) => markup`${row("env", oneLine(file), testBars(report, file, scale))}`),
  ];
  return markup`<section id="environments"><h2>Environments and their time line</h2>
${
  rows.length === 0
    ? markup`<p class="soft">Nothing was stood up.</p>`
    : markup`<div class="card">${axisRow(scale, step)}
${rows}<div class="legend">${drawn.map((phase) => markup`<span class="is-${phase}"><i></i>${phase}</span>`)}<span class="is-setup"><i></i>other</span><span class="is-use"><i></i>in use</span><span class="is-failed"><i></i>failed</span></div></div>
<details><summary class="soft">The same as a table</summary>${phaseTable(report)}</details>`
}</section>`;
}

function standUpRows(report: Report, standUp: StandUp, scale: Scale): Markup {
  const title = oneLine(standUp.environment);
  const about = oneLine((standUp.file ?? standUp.scope ?? "").replace(/^specs\/(.*)\.spec\.ts$/, "$1"));
  const name = markup`<span title="${`${title} ${about} ${standUp.scope ?? ""}`}">${title} <span class="soft small">${about}</span></span>`;
  return markup`<div class="line env">${name}${track(standUp.phases.map((phase) => phaseBar(phase, scale)))}</div>
${standUp.nodes.map(({ node, phases }) => row("node", oneLine(node), markup`${inUse(phases, standUp.phases, scale, report.endedAt)}${phases.map((phase) => phaseBar(phase, scale))}`))}${
  standUp.file !== undefined && row("node", "tests", testBars(report, standUp.file, scale))
}`;
}

function row(kind: string, label: string, bars: Markup): Markup {
  return markup`<div class="line ${kind}"><span title="${label}">${label}</span>${track([bars])}</div>\n`;
}

/** The table below says the same to who does not see it. */
function track(bars: readonly Markup[]): Markup {
  return markup`<svg class="track" aria-hidden="true">${bars}</svg>`;
}

function bar(from: number, ms: number, scale: Scale, look: { tone: string; title: string; kind?: string }): Markup {
  const left = Math.min(100, Math.max(0, ((from - scale.from) / scale.ms) * 100));
  const width = Math.min(100 - left, (ms / scale.ms) * 100);
  return markup`<rect class="is-${look.tone} ${look.kind ?? ""}" x="${left.toFixed(3)}%" width="${Math.max(width, 0.2).toFixed(3)}%" y="${look.kind === "thin" ? 6 : 2}" height="${look.kind === "thin" ? 6 : 14}" rx="2"><title>${look.title}</title></rect>`;
}

function phaseBar(phase: PhaseReport, scale: Scale): Markup {
  const from = Date.parse(phase.startedAt);
  const detail = phase.detail === undefined ? "" : `: ${oneLine(phase.detail)}`;
  const state = phase.state === "done" ? "" : `, ${phase.state}`;
  return bar(from, phase.ms, scale, {
    tone: drawn.includes(phase.phase) ? phase.phase : "setup",
    title: `${oneLine(phase.phase)} ${sayMs(phase.ms)}${state}, from ${sayMs(Math.max(0, from - scale.from))}${detail}`,
    kind: phase.state === "failed" ? "broken" : "",
  });
}

/** The stretch between a node's last step up and its first step down. */
function inUse(
  phases: readonly PhaseReport[],
  whole: readonly PhaseReport[],
  scale: Scale,
  endedAt: string,
): Markup | undefined {
  const ups = phases.filter(({ phase }) => phase !== "destroy");
  if (ups.length === 0 || ups.some(({ state }) => state === "failed")) return undefined;
  const from = ups.reduce((last, { startedAt, ms }) => Math.max(last, Date.parse(startedAt) + ms), 0);
  const downs = [...phases, ...whole]
    .filter(({ phase }) => phase === "destroy")
    .map(({ startedAt }) => Date.parse(startedAt));
  const ms = downs.reduce((first, each) => Math.min(first, each), Date.parse(endedAt)) - from;
  return ms <= 0 ? undefined : bar(from, ms, scale, { tone: "use", title: `in use ${sayMs(ms)}`, kind: "thin" });
}

function testBars(report: Report, file: string, scale: Scale): Markup {
  return markup`${report.tests
    .filter((test) => test.file === file && test.startedAt !== undefined)
    .map((test) =>
      bar(Date.parse(test.startedAt ?? ""), test.ms, scale, {
        tone: test.outcome,
        title: `${test.outcome}: ${oneLine(test.name)}, ${sayMs(test.ms)}`,
      }),
    )}`;
}

/** A step such that the axis has no more than eight ticks: 1, 2 or 5 of a decimal unit, then minutes. */
function stepOf(ms: number): number {
  const steps = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000,
  ];
  return steps.find((step) => ms / step <= 8) ?? Math.ceil(ms / 8 / 600_000) * 600_000;
}

function axisRow(scale: Scale, step: number): Markup {
  const ticks = Array.from({ length: Math.floor(scale.ms / step) + 1 }, (_, index) => index * step);
  return markup`<div class="line axis"><span></span><svg class="track" aria-hidden="true">${ticks.map((at) => {
    const x = ((at / scale.ms) * 100).toFixed(3);
    return markup`<line x1="${x}%" x2="${x}%" y1="14" y2="18"/><text x="${x}%" y="11"${at !== 0 && markup` text-anchor="${at > scale.ms * 0.97 ? "end" : "middle"}"`}>${at === 0 ? "0" : sayTick(at)}</text>`;
  })}</svg></div>
`;
}

function sayTick(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  return ms < 60_000 || ms % 60_000 !== 0 ? `${ms / 1000}s` : `${ms / 60_000}m`;
}

function phaseTable(report: Report): Markup {
  const from = Date.parse(report.startedAt);
  const lines = report.environments.flatMap(({ environment, scope, phases, nodes }) => {
    const where = oneLine(scope === undefined ? environment : `${environment} (${scope})`);
    return [
      ...phases.map((phase) => ({ where, node: "", phase })),
      ...nodes.flatMap(({ node, phases: own }) => own.map((phase) => ({ where, node, phase }))),
    ];
  });
  const known = report.environments.flatMap(({ environment, scope, nodes }) =>
    nodes.flatMap(({ node, facts }) => (facts === undefined ? [] : [{ environment, scope, node, facts }])),
  );
  return markup`<div class="card scroll"><table><thead><tr><th scope="col">environment</th><th scope="col">node</th><th scope="col">phase</th><th scope="col">state</th><th scope="col" class="n">from</th><th scope="col" class="n">took</th><th scope="col">detail</th></tr></thead><tbody>${lines.map(
    ({ where, node, phase }) =>
      markup`<tr><td>${where}</td><td>${oneLine(node)}</td><td>${oneLine(phase.phase)}</td><td>${phase.state}</td><td class="n">${sayMs(Math.max(0, Date.parse(phase.startedAt) - from))}</td><td class="n">${sayMs(phase.ms)}</td><td>${oneLine(phase.detail ?? "")}</td></tr>\n`,
  )}</tbody></table></div>${known.map(
    ({ environment, scope, node, facts }) =>
      markup`<div class="card"><h3>${oneLine(`${environment}/${node}`)}${scope === undefined ? "" : ` (${oneLine(scope)})`}</h3><dl>${Object.entries(facts).map(([name, fact]) => markup`<dt>${oneLine(name)}</dt><dd>${oneLine(fact)}</dd>`)}</dl></div>\n`,
  )}`;
}

// Decides how the measurements look at a glance: a line for each ratio, on a scale of powers of ten, the peer at 1. Refuses to show
// what has no ratio: that is in the table, with its reason.
import { type Markup, markup } from "../reporting/escape.ts";
import { ratioOf } from "./sample.ts";
import { type Row, verdictOf } from "./table.ts";

/** Pixels. */
const line = 26;
const label = 420;
const scale = 360;
const margin = { top: 46, right: 76, bottom: 12, left: 12 };

const colors = { met: "#2f7d4f", "not met": "#b3382c", "for information": "#5b6b7b" } as const;

const style = `text { font: 12px system-ui, sans-serif; fill: #1f2730 } .faint { fill: #66717d } .grid { stroke: #d5dae0 } .one { stroke: #66717d }
@media (prefers-color-scheme: dark) { text { fill: #e2e7ec } .faint { fill: #98a3ae } .grid { stroke: #3a434d } .one { stroke: #98a3ae } }`;

/** An SVG image. Left of the line at 1 Assay takes less than the peer; a small bar across is the target. */
export function chartOf(rows: readonly Row[]): string {
  const shown = rows.flatMap((row) => {
    const { ours, peer } = row;
    if ("missing" in ours || peer === undefined || "missing" in peer) return [];
    const verdict = verdictOf(row);
    return verdict in colors ? [{ row, ratio: ratioOf(ours.sample, peer.sample), by: peer.by, verdict }] : [];
  });
  const values = shown.flatMap(({ row, ratio }) => [ratio, ...(row.target === undefined ? [] : [row.target])]);
  const from = Math.floor(Math.log10(Math.min(0.1, ...values)));
  const to = Math.ceil(Math.log10(Math.max(2, ...values)));
  const left = margin.left + label;
  const x = (ratio: number) => Math.round(left + ((Math.log10(ratio) - from) / (to - from)) * scale);
  const height = margin.top + shown.length * line + margin.bottom;
  const powers = Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
  const grid = powers.map((power) => {
    const at = x(power);
    return markup`<line class="${power === 1 ? "one" : "grid"}" x1="${at}" x2="${at}" y1="${margin.top - 8}" y2="${height - margin.bottom}"/>
<text class="faint" x="${at}" y="${margin.top - 14}" text-anchor="middle">${power >= 1 ? `${power} ×` : `1/${Math.round(1 / power)}`}</text>`;
  });
  const lines = shown.map(({ row, ratio, by, verdict }, index) => {
    const y = margin.top + index * line + line / 2;
    const color = colors[verdict as keyof typeof colors];
    const [one, end] = [x(1), x(ratio)];
    return markup`<g><title>${`${row.work}: ${ratio.toFixed(2)} of ${by}; ${verdict}`}</title>
<text x="${margin.left}" y="${y + 4}">${shortened(row.work)}</text>
<rect x="${Math.min(one, end)}" y="${y - 6}" width="${Math.max(1, Math.abs(one - end))}" height="12" rx="2" fill="${color}"/>
${target(row, y, x)}<text x="${left + scale + 8}" y="${y + 4}" fill="${color}">${sayRatio(ratio)}</text></g>
`;
  });
  const width = left + scale + margin.right;
  return markup`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>Assay against the same work by other means: time taken, as a part of the peer's</title>
<style>${style}</style>
<text class="faint" x="${margin.left}" y="16">Time taken by Assay for the same work, the peer's being 1; the small bar across is the target</text>
${grid}
${lines}</svg>
`.text;
}

function target({ target: ratio }: Row, y: number, x: (ratio: number) => number): Markup | undefined {
  if (ratio === undefined) return undefined;
  return markup`<line class="one" stroke-width="2" x1="${x(ratio)}" x2="${x(ratio)}" y1="${y - 9}" y2="${y + 9}"/>`;
}

function sayRatio(ratio: number): string {
  return ratio < 0.1 ? `1/${Math.round(1 / ratio)}` : ratio.toFixed(2);
}

function shortened(work: string): string {
  return work.length <= 66 ? work : `${work.slice(0, 65).trimEnd()}…`;
}

// Decides how differences of images are a part of the page: what is not allowed first, then a table a topic, folded where it is long. Says
// of each whether the run was on the images that it is about. Every foreign string is escaped by `markup`.
import { type DiffTopic, diffTopics } from "../diff/image-diff.ts";
import type { DiffDocument } from "../diff/violations.ts";
import { diffTitles, sayDiffDetail, sayDiffSide, sayDiffSizes, sayDiffVerdict } from "./diff-text.ts";
import { type Markup, markup, oneLine } from "./escape.ts";
import type { Report } from "./report.ts";

type Change = DiffDocument["changes"][number];

/** Rows of a table; the rest is in the JSON. */
const mostRows = 500;
/** Lines of a list. */
const mostLines = 200;
/** Tables of more rows are closed at first. */
const mostOpen = 20;
/** Characters of a side. */
const limit = 500;

const kinds = ["added", "removed", "changed"] as const;
const signs = { added: "+", removed: "−", changed: "~" } as const;

/** `undefined` where there is none. @example diffsSection([readDiff("diff.json")], report) */
export function diffsSection(diffs: readonly DiffDocument[], report: Report): Markup | undefined {
  if (diffs.length === 0) return undefined;
  const changes = diffs.flatMap((diff) => diff.changes);
  return markup`<section id="differences"><h2>Image differences</h2>
${changes.length > 0 && filterBar(changes)}${diffs.map((diff) => oneDiff(diff, report))}</section>`;
}

/** Hidden until the script is there to make it work. */
function filterBar(changes: readonly Change[]): Markup {
  const count = (kind: Change["kind"]) => changes.filter((change) => change.kind === kind).length;
  const topics = diffTopics.filter((topic) => changes.some((change) => change.topic === topic));
  return markup`<form id="diff-filters" class="filters" role="search" aria-label="differences" hidden><label class="unseen" for="diff-search">Search in differences</label><input id="diff-search" type="search" placeholder="Search paths, packages, users, units, values" autocomplete="off" spellcheck="false">
<span role="group" aria-label="changes">${kinds.map(
    (kind) =>
      markup`<button type="button" data-kind="${kind}" aria-pressed="true">${signs[kind]} ${count(kind)} ${kind}</button>`,
  )}</span>
<label class="unseen" for="diff-topic">Topic</label><select id="diff-topic"><option value="">all topics</option>${topics.map((topic) => markup`<option value="${topic}">${diffTitles[topic]}</option>`)}</select>
<button type="button" id="diff-reset">show all</button>
<output id="diff-shown" aria-live="polite"></output></form>
<p id="diff-none" hidden>No difference fits.</p>`;
}

function oneDiff(diff: DiffDocument, report: Report): Markup {
  const { old, new: now, violations, filtered, unknown, sizes } = diff;
  return markup`<div class="image-diff"><h3>${oneLine(old.name)} → ${oneLine(now.name)}</h3>
<dl class="facts"><div><dt>old</dt><dd>${sayDiffSide(old)}</dd></div><div><dt>new</dt><dd>${sayDiffSide(now)}</dd></div></dl>
<p>${testedMark(diff, report)} ${sayDiffVerdict(diff.verdict, diff)}.</p>
${
  violations.length > 0 &&
  markup`<div class="account tone-failed"><b>Not allowed</b><ul class="plain">${violations
    .slice(0, mostLines)
    .map(
      ({ code, subject, seen }) => markup`<li><code>${code}</code> ${oneLine(subject)}: ${oneLine(seen)}</li>`,
    )}${more(violations.length)}</ul></div>`
}${diffTopics.flatMap((topic) => topicTable(diff, topic) ?? [])}${list("Size by package", sayDiffSizes(sizes.packages))}${list(
  "Size by directory",
  sayDiffSizes(sizes.directories),
)}${list(
  "Left out",
  filtered.map(({ count, why }) => `${count}: ${why}`),
)}${list(
  "Not compared",
  unknown.map(({ what, why }) => `${what}: ${why}`),
)}</div>
`;
}

/** A difference says nothing of a run that was on neither image. */
function testedMark({ old, new: now }: DiffDocument, { images, environments }: Report): Markup {
  const tested = new Set([
    ...images.map(({ imageId }) => imageId),
    ...environments.flatMap(({ nodes }) => nodes.map(({ facts }) => facts?.["image"])),
  ]);
  const badge = (tone: string, words: string) => markup`<span class="badge tone-${tone}">${words}</span>`;
  if (now.image !== null && tested.has(now.image)) return badge("passed", "this run was on the new one");
  if (now.image === null) return badge("skipped", "the new one has no digest: whether this run was on it is not known");
  if (old.image !== null && tested.has(old.image)) return badge("errored", "this run was on the old one");
  return badge("errored", "this run was on neither of them");
}

function topicTable({ changes: all }: DiffDocument, topic: DiffTopic): Markup | undefined {
  const changes = all.filter((change) => change.topic === topic);
  if (changes.length === 0) return undefined;
  const rest = changes.length - mostRows;
  return markup`<details class="diff card" data-topic="${topic}"${changes.length <= mostOpen && markup` open`}><summary>${diffTitles[topic]}: ${changes.length}</summary><div class="scroll"><table class="diff"><thead><tr><th scope="col">change</th><th scope="col">what</th><th scope="col">how</th></tr></thead><tbody>${changes
    .slice(0, mostRows)
    .map(
      changeRow,
    )}</tbody></table></div>${rest > 0 && markup`<p class="soft inside">… and ${rest} more: assay diff --json has all.</p>`}</details>
`;
}

function changeRow({ kind, subject, details, package: owner, direction, filter }: Change): Markup {
  const how = details.map((each) => sayDiffDetail(each, kind)).join("; ");
  return markup`<tr class="diff" data-kind="${kind}"><td>${signs[kind]} ${kind}</td><td>${oneLine(subject, limit)}${
    owner !== undefined && markup` <span class="soft small">${oneLine(owner)}</span>`
  }</td><td>${oneLine(how, limit)}${direction !== undefined && `, ${direction}`}${
    filter !== undefined && markup` <span class="soft small">${filter}</span>`
  }</td></tr>
`;
}

function list(title: string, lines: readonly string[]): Markup | undefined {
  if (lines.length === 0) return undefined;
  return markup`<details class="card"><summary>${title}: ${lines.length}</summary><ul class="plain">${lines.slice(0, mostLines).map((line) => markup`<li>${oneLine(line)}</li>`)}${more(lines.length)}</ul></details>
`;
}

function more(count: number): Markup | false {
  return count > mostLines && markup`<li class="soft">… and ${count - mostLines} more in the JSON</li>`;
}

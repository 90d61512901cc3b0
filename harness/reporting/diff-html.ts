// Decides how a difference of two images is a part of the HTML report: a table a topic, folded where it is long. Every foreign string is
// escaped by `markup`.
import { diffTopics, type ImageDiff } from "../diff/image-diff.ts";
import type { DiffViolation } from "../diff/violations.ts";
import { diffTitles, sayDiffSide, sayDiffVerdict } from "./diff-text.ts";
import { type Markup, markup } from "./escape.ts";

/** Rows of a table; the rest is in the JSON. */
const mostRows = 500;

/** A section for a page: no style of its own, classes `diff added|removed|changed`. @example diffSection(diff, violations(diff, rules)) */
export function diffSection(diff: ImageDiff, violations: readonly DiffViolation[] = []): Markup {
  const groups = diffTopics.flatMap((topic) => {
    const changes = diff.changes.filter((change) => change.topic === topic);
    if (changes.length === 0) return [];
    const rows = changes
      .slice(0, mostRows)
      .map(
        ({ kind, subject, details, package: owner }) =>
          markup`<tr class="diff ${kind}"><td>${kind}</td><td>${subject}${owner === undefined ? "" : ` (${owner})`}</td><td>${details
            .map(({ of, old, new: now }) => `${of}: ${old ?? "none"} → ${now ?? "none"}`)
            .join("; ")}</td></tr>`,
      );
    const more = changes.length - rows.length;
    return [
      markup`<details class="diff"${changes.length <= 20 ? markup` open` : undefined}><summary>${diffTitles[topic]}: ${changes.length}</summary><table><thead><tr><th scope="col">Change</th><th scope="col">What</th><th scope="col">How</th></tr></thead><tbody>${rows}</tbody></table>${more > 0 && markup`<p>and ${more} more, in the JSON</p>`}</details>`,
    ];
  });
  const list = (title: string, lines: readonly string[]) =>
    lines.length > 0 && markup`<h3>${title}</h3><ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`;
  return markup`<section class="image-diff"><h2>Image difference</h2><p>${sayDiffSide(diff.old)}</p><p>${sayDiffSide(diff.new)}</p><p>${sayDiffVerdict(diff.verdict, diff)}</p>${list(
    "Not allowed",
    violations.map(({ code, subject, seen }) => `${code}: ${subject}: ${seen}`),
  )}${groups}${list(
    "Left out",
    diff.filtered.map(({ count, why }) => `${count} ${why}`),
  )}${list(
    "Not compared",
    diff.unknown.map(({ what, why }) => `${what}: ${why}`),
  )}</section>`;
}

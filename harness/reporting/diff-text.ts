// Decides how a difference of two images is told to a person: what gives rights first, files last and gathered, then what was left out and
// what was not seen. Foreign names are shown harmlessly.
import {
  type DiffChange,
  type DiffDetail,
  type DiffSize,
  type DiffTopic,
  diffTopics,
  type ImageDiff,
} from "../diff/image-diff.ts";
import type { DiffViolation } from "../diff/violations.ts";
import { sayBytes } from "../model/duration.ts";
import { oneLine } from "./escape.ts";

/** Titles of the topics' groups. */
export const diffTitles: Readonly<Record<DiffTopic, string>> = {
  setuid: "Setuid and setgid files",
  capability: "File capabilities",
  writable: "What everybody may write to",
  user: "Users",
  group: "Groups",
  unit: "Units",
  package: "Packages",
  port: "Declared ports (an image at rest does not listen)",
  kernel: "Kernels",
  boot: "Boot",
  metadata: "Image metadata",
  config: "Configuration files",
  file: "Other files",
};

const marks = { added: "+", removed: "-", changed: "~" } as const;
/** Lines of one group before the rest is counted. */
const mostLines = 40;

export interface DiffTextOptions {
  /** Every line, however many. */
  readonly all?: boolean;
  readonly violations?: readonly DiffViolation[];
}

/** Lines for a terminal or a log. @example diffLines(diff).join("\n") */
export function diffLines(diff: ImageDiff, { all = false, violations = [] }: DiffTextOptions = {}): string[] {
  const { old, new: now, verdict } = diff;
  const groups = diffTopics.flatMap((topic) => {
    const changes = diff.changes.filter((change) => change.topic === topic);
    return changes.length === 0 ? [] : ["", titleOf(topic, changes), ...groupLines(topic, changes, all)];
  });
  const part = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : ["", title, ...lines]);
  return [
    `old  ${sayDiffSide(old)}`,
    `new  ${sayDiffSide(now)}`,
    ...groups,
    ...part("Size by package", indented(sayDiffSizes(diff.sizes.packages))),
    ...part("Size by directory", indented(sayDiffSizes(diff.sizes.directories))),
    ...part(
      "Left out (--all shows it)",
      diff.filtered.map(({ why, count, of = [] }) => `  ${oneLine(why)}: ${count}${sayCounts(of)}`),
    ),
    ...part(
      "Not compared",
      diff.unknown.map(({ what, why }) => `  ${oneLine(what)}: ${oneLine(why)}`),
    ),
    ...part(
      "Not allowed",
      violations.map(({ code, subject, seen }) => `  ${code}: ${oneLine(subject)}: ${oneLine(seen)}`),
    ),
    "",
    sayDiffVerdict(verdict, diff),
  ];
}

/** One sentence. */
export function sayDiffVerdict(verdict: ImageDiff["verdict"], { changes, filtered }: ImageDiff): string {
  const left = filtered.reduce((sum, { count }) => sum + count, 0);
  const but = left === 0 ? "" : `, ${left} left out`;
  if (verdict === "identical") return "nothing differs";
  if (verdict === "equal") return `nothing differs but what is left out: ${left}`;
  if (verdict === "unknown") return `nothing that was seen differs${but}, and not all was seen`;
  return `${changes.length} ${changes.length === 1 ? "difference" : "differences"}${but}`;
}

export function sayDiffSide({ name, source, image, files, bytes, packages }: ImageDiff["old"]): string {
  const of = image === null ? source : `${source}, ${image.slice(0, 19)}`;
  const packaged = packages === null ? "packages not known" : `${packages} packages`;
  return `${oneLine(name)} (${oneLine(of)}): ${files} files, ${sayBytes(bytes)}, ${packaged}`;
}

function titleOf(topic: DiffTopic, changes: readonly DiffChange[]): string {
  const counts = (["added", "removed", "changed"] as const).flatMap((kind) => {
    const count = changes.filter((change) => change.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  return `${diffTitles[topic]}: ${counts.join(", ")}`;
}

function groupLines(topic: DiffTopic, changes: readonly DiffChange[], all: boolean): string[] {
  const gathered =
    all || (topic !== "file" && topic !== "config") ? changes.map(sayDiffChange) : gatheredLines(changes);
  const shown = all ? gathered : gathered.slice(0, mostLines);
  const more = gathered.length - shown.length;
  return [...shown.map((line) => `  ${line}`), ...(more === 0 ? [] : [`  and ${more} more; --all shows them`])];
}

/** A directory that came or went speaks for all that lies in it. */
function gatheredLines(changes: readonly DiffChange[]): string[] {
  const whole = new Map<string, { readonly change: DiffChange; inside: number }>();
  const lines: (string | { readonly change: DiffChange; inside: number })[] = [];
  for (const change of changes) {
    const above = change.kind === "changed" ? undefined : aboveIn(whole, change);
    if (above !== undefined) {
      above.inside += 1;
      continue;
    }
    const [detail] = change.details;
    const directory = (detail?.old ?? detail?.new ?? "").startsWith("directory,");
    if (change.kind === "changed" || !directory) lines.push(sayDiffChange(change));
    else {
      const held = { change, inside: 0 };
      whole.set(`${change.kind}${change.subject}`, held);
      lines.push(held);
    }
  }
  return lines.map((line) =>
    typeof line === "string"
      ? line
      : `${sayDiffChange(line.change)}${line.inside === 0 ? "" : `, with ${line.inside} in it`}`,
  );
}

function aboveIn<Held>(whole: ReadonlyMap<string, Held>, { kind, subject }: DiffChange): Held | undefined {
  for (let cut = subject.lastIndexOf("/"); cut > 0; cut = subject.lastIndexOf("/", cut - 1)) {
    const found = whole.get(`${kind}${subject.slice(0, cut)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `~ /etc/app.conf (app): mode 0644 → 0600`, on one line. */
export function sayDiffChange({ kind, subject, details, package: owner, filter, direction }: DiffChange): string {
  const of = owner === undefined ? "" : ` (${owner})`;
  const why = filter === undefined ? "" : ` [${filter}]`;
  const which = direction === undefined ? "" : `, ${direction}`;
  return oneLine(
    `${marks[kind]} ${subject}${of}: ${details.map((each) => sayDiffDetail(each, kind)).join(", ")}${which}${why}`,
    500,
  );
}

/** `mode 0755 → 4755`; foreign text is in it. */
export function sayDiffDetail({ of, old, new: now }: DiffDetail, kind: DiffChange["kind"]): string {
  const short = (text: string) => text.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, "$1…");
  const word = of === "file" || of === "value" ? "" : `${of} `;
  // What came whole has no other side.
  if (kind !== "changed" && (old === null || now === null)) return `${word}${short(old ?? now ?? "nothing")}`;
  return `${word}${short(old ?? "none")} → ${short(now ?? "none")}`;
}

/** A line of each of the first ten, and how many more there are. @example sayDiffSizes(diff.sizes.packages)[0] // "+2.0 KiB  foo (0 B → 2.0 KiB)" */
export function sayDiffSizes(sizes: readonly DiffSize[]): string[] {
  const shown = sizes.slice(0, 10);
  return [
    ...shown.map(
      ({ name, old, new: now }) =>
        `${now > old ? "+" : "-"}${saySize(Math.abs(now - old))}  ${oneLine(name)} (${saySize(old)} → ${saySize(now)})`,
    ),
    ...(sizes.length > shown.length ? [`and ${sizes.length - shown.length} more`] : []),
  ];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** A change of few bytes is none of 0.0 KiB. */
function saySize(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : sayBytes(bytes);
}

function sayCounts(of: readonly { readonly name: string; readonly count: number }[]): string {
  if (of.length === 0) return "";
  const most = 8;
  const more = of.length > most ? `, and ${of.length - most} packages more` : "";
  return ` (${of
    .slice(0, most)
    .map(({ name, count }) => oneLine(`${count} of ${name}`))
    .join(", ")}${more})`;
}

// Decides what of a run's evidence is shown beside a check that was not met: the lines of its node's logs around its time first, denials of
// SELinux among them; of other logs their last lines. Refuses what leads out of the run's directory, and reads a bounded part of a file.
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { plain } from "./escape.ts";
import type { Report, StandUp, TestReport } from "./report.ts";

/** Lines of one file. */
export interface Excerpt {
  readonly node: string;
  readonly title: string;
  /** Relative to the report. */
  readonly path: string;
  readonly about: "around that time" | "denied around that time" | "last lines";
  readonly lines: readonly string[];
}

/** Of one test and the instant (ms since the epoch) at which something of it was judged; `node` as a check says it. */
export type ExcerptsOf = (test: TestReport, at: number | undefined, node: string | undefined) => Excerpt[];

type Evidence = Report["evidence"][number];
interface Line {
  readonly at: number | undefined;
  readonly text: string;
}

/** Of a file the last part is read, of all files of a report no more than this. */
const mostOfFile = 2 * 1024 ** 2;
const mostOfAll = 48 * 1024 ** 2;
const mostLines = 14;
const before = 3000;
/** Of a command over many lines, with which QEMU's log begins: no news. */
const continued = /\\$/;
const after = 1500;

/** Reads below `directory`, where the report lies, when it is asked; a file that cannot be read has no excerpt. */
export function excerptsIn(report: Report, directory: string): ExcerptsOf {
  const known = new Map<string, readonly Line[]>();
  let left = mostOfAll;
  const linesOf = ({ path }: Evidence): readonly Line[] => {
    const seen = known.get(path);
    if (seen !== undefined) return seen;
    const text = left <= 0 ? "" : tailOf(directory, path, Math.min(left, mostOfFile));
    left -= text.length;
    const lines = timed(text);
    known.set(path, lines);
    return lines;
  };
  return (test, at, node) => {
    const files = evidenceOf(report, test, at).filter(
      (each) => /\.(log|txt)$/.test(each.path) && (node === undefined || node === `${each.environment}/${each.node}`),
    );
    const found = files.flatMap((each) => excerptsOf(each, linesOf(each), at));
    const near = found.filter(({ about }) => about !== "last lines");
    const last = found.filter(({ about }) => about === "last lines");
    // A machine's console says again what its kernel's log says.
    const seen = new Set<string>();
    const told = last.filter(({ lines }) => seen.size !== seen.add(lines.join("\n")).size);
    return [...near, ...told].slice(0, 6);
  };
}

function excerptsOf(
  { environment, node, title, path }: Evidence,
  lines: readonly Line[],
  at: number | undefined,
): Excerpt[] {
  const about = { node: `${environment}/${node}`, title, path };
  const near = at === undefined ? [] : lines.filter((line) => line.at !== undefined && inside(line.at, at));
  const denied = near.filter(({ text }) => /\bavc:\s+denied\b/i.test(text));
  const shown = near.length > 0 ? near : lines.filter(({ text }) => text.trim() !== "" && !continued.test(text));
  const cut = (some: readonly Line[]) => some.slice(-mostLines).map(({ text }) => plain(text, 300));
  return [
    ...(denied.length === 0 ? [] : [{ ...about, about: "denied around that time" as const, lines: cut(denied) }]),
    ...(shown.length === 0
      ? []
      : [
          {
            ...about,
            about: near.length > 0 ? ("around that time" as const) : ("last lines" as const),
            lines: cut(shown),
          },
        ]),
  ];
}

function inside(line: number, at: number): boolean {
  return line >= at - before && line <= at + after;
}

/** Of the stand-ups of the test's file in that environment, the one that stood then. */
export function evidenceOf(
  { environments, evidence }: Report,
  test: TestReport,
  at: number | undefined,
): readonly Evidence[] {
  const own = environments.filter(({ environment, file }) => environment === test.environment && file === test.file);
  const then = own.filter((each) => at !== undefined && stood(each, at));
  const chosen = then.length > 0 ? then : own;
  return evidence.filter((each) =>
    chosen.some(({ environment, scope }) => environment === each.environment && scope === each.scope),
  );
}

function stood({ phases, nodes }: StandUp, at: number): boolean {
  const all = [...phases, ...nodes.flatMap((node) => node.phases)];
  const from = all.reduce((first, { startedAt }) => Math.min(first, Date.parse(startedAt)), Number.POSITIVE_INFINITY);
  const until = all.reduce((last, { startedAt, ms }) => Math.max(last, Date.parse(startedAt) + ms), 0);
  return at >= from && at <= until;
}

const stamp = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/;

/** Lines with the instant that each begins with, where it does; without an offset it is taken for UTC. */
export function timed(text: string): Line[] {
  return (
    text
      // A serial console ends its lines as a typewriter does.
      .split(/\r?\n/)
      .filter((line, index, all) => line !== "" || index < all.length - 1)
      .map((line) => {
        const [, day, time, fraction = "0", offset = "Z"] = stamp.exec(line) ?? [];
        const zone = /^[+-]\d{4}$/.test(offset) ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset;
        // What has no day is not asked: Date.parse takes nearly any words for one.
        if (day === undefined) return { at: undefined, text: line };
        const at = Date.parse(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, "0")}${zone}`);
        return { at: Number.isNaN(at) ? undefined : at, text: line };
      })
  );
}

/** The last `most` bytes of a regular file that really lies below `evidence/`; nothing where it does not, or cannot be read. */
function tailOf(directory: string, path: string, most: number): string {
  let file: number | undefined;
  try {
    const room = realpathSync(join(directory, "evidence"));
    const place = realpathSync(dirname(join(directory, path)));
    if (place !== room && !place.startsWith(room + sep)) return "";
    file = openSync(join(directory, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = fstatSync(file);
    if (!facts.isFile()) return "";
    const bytes = Buffer.alloc(Math.min(most, facts.size));
    const from = facts.size - bytes.length;
    const read = readSync(file, bytes, 0, bytes.length, from);
    const text = bytes.subarray(0, read).toString("utf8");
    return from === 0 ? text : text.slice(text.indexOf("\n") + 1);
  } catch {
    return "";
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

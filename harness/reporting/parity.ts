// Decides what two environments were seen to differ in, check by check, and which of that was meant. Pure: of a report and a declaration.
import type { IntendedDifference, Parity } from "../model/parity.ts";
import type { Report } from "./report.ts";

/** One check on both sides. A side that has none was not asked. */
export interface ParityLine {
  readonly test: string;
  readonly check: string;
  readonly left: ParitySide | undefined;
  readonly right: ParitySide | undefined;
  /** `unasked`: skipped on both sides, which says nothing of either. */
  readonly verdict: "same" | "intended" | "different" | "unasked";
  /** For an intended one. */
  readonly why?: string;
}

export interface ParitySide {
  readonly outcome: string;
  /** What was seen, or why nothing was. */
  readonly seen: string;
}

export interface ParityTable {
  readonly sides: readonly [string, string];
  readonly lines: readonly ParityLine[];
  /** Declared differences that were not seen: they are to be taken out of the declaration. */
  readonly idle: readonly IntendedDifference[];
}

/**
 * Holds the checks of `<left>-<behaviour>` against those of `<right>-<behaviour>`, the n-th of a test against the n-th of the same
 * test. A difference is another outcome, another thing seen, or a check that one side lacks. Where the question itself names its
 * node (a host's name in a prompt), what was seen is to differ, and the outcome alone counts.
 */
export function parityTable(parity: Parity, report: Report): ParityTable {
  const [left, right] = parity.environments.map(({ name }) => name) as [string, string];
  const [ours, theirs] = [sideOf(report, left, parity.specs), sideOf(report, right, parity.specs)];
  const used = new Set<IntendedDifference>();
  const lines = [...new Set([...ours.keys(), ...theirs.keys()])].map((key): ParityLine => {
    const [one, other] = [ours.get(key), theirs.get(key)];
    const { test, check } = one ?? other ?? { test: key, check: key };
    const line = { test, check, left: one, right: other };
    const meant = parity.intended.find(({ check: wanted }) =>
      // `search` begins anew each time, `test` goes on where a pattern with the flag g was last met.
      typeof wanted === "string" ? check.includes(wanted) : check.search(wanted) !== -1,
    );
    if (one !== undefined && one.outcome === other?.outcome) {
      if (one.outcome === "skipped") {
        // Whether that differs, nobody has seen.
        if (meant !== undefined) used.add(meant);
        return { ...line, verdict: "unasked" };
      }
      // What could not be asked of either may differ in anything.
      const answered = one.outcome !== "errored";
      if (answered && (one.check !== other.check || one.seen === other.seen)) return { ...line, verdict: "same" };
    }
    if (meant === undefined) return { ...line, verdict: "different" };
    used.add(meant);
    return { ...line, verdict: "intended", why: meant.why };
  });
  return { sides: [left, right], lines, idle: parity.intended.filter((each) => !used.has(each)) };
}

/** Whether all is alike, or differs as it was declared to; where nothing was compared there is no proof. */
export function isParity({ lines, idle }: ParityTable): boolean {
  const compared = lines.filter(({ verdict }) => verdict !== "unasked");
  return compared.length > 0 && idle.length === 0 && compared.every(({ verdict }) => verdict !== "different");
}

/** The table as text: differences with both sides, what is meant with its reason, what is the same as a number. */
export function parityLines(table: ParityTable): readonly string[] {
  const [left, right] = table.sides;
  const of = (verdict: ParityLine["verdict"]) => table.lines.filter((line) => line.verdict === verdict);
  const width = Math.max(left.length, right.length);
  const shown = (line: ParityLine) => [
    `  ${line.test} > ${line.check}`,
    ...[[left, line.left] as const, [right, line.right] as const].map(
      ([name, side]) =>
        `    ${name.padEnd(width)}  ${side === undefined ? "not asked" : `${side.outcome}: ${side.seen}`}`,
    ),
    ...(line.why === undefined ? [] : [`    meant: ${line.why}`]),
  ];
  const skipped = of("unasked").length === 0 ? "" : `, ${of("unasked").length} skipped on both sides`;
  const part = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [title, ...lines]);
  return [
    ...part("Different:", of("different").flatMap(shown)),
    ...part("Different, and meant to be:", of("intended").flatMap(shown)),
    ...part("Skipped on both sides, and so not compared:", of("unasked").flatMap(shown)),
    ...part(
      "Declared as meant, and not seen to differ (take it out of the declaration):",
      table.idle.map(({ check, why }) => `  ${String(check)}: ${why}`),
    ),
    `${of("same").length} the same, ${of("intended").length} different as meant, ${of("different").length} different${skipped}`,
  ];
}

/** By test and the check's place in it; of several tests of one name, by their order. */
function sideOf(report: Report, environment: string, behaviours: readonly string[]): ReadonlyMap<string, Side> {
  const found = new Map<string, Side>();
  const several = new Map<string, number>();
  for (const behaviour of behaviours) {
    for (const { file, name, checks, outcome, reason, errors } of report.tests) {
      if (!`/${file}`.endsWith(`/${environment}-${behaviour}.spec.ts`)) continue;
      const test = `${behaviour} > ${name}`;
      const nth = several.get(test) ?? 0;
      several.set(test, nth + 1);
      for (const [place, { title, seen, reason: why, ...check }] of checks.entries())
        found.set(`${test}\0${nth}\0${place}`, { test, check: title, outcome: check.outcome, seen: seen ?? why ?? "" });
      // A test may fail without a check, or be skipped before its first.
      const said = errors.map(({ message }) => message).join("; ") || (reason ?? "");
      if (checks.length === 0) found.set(`${test}\0${nth}\0`, { test, check: "the test itself", outcome, seen: said });
    }
  }
  return found;
}

interface Side extends ParitySide {
  readonly test: string;
  readonly check: string;
}

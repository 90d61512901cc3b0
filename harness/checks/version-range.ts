// Decides what a range of versions means: comparisons that all hold, or one of several such lists. The order of versions is its
// packager's. Refuses words that are no comparison: a range that nobody can read would be met by chance.
import { requireSubject } from "./question.ts";
import type { CompareVersions } from "./version-order.ts";

interface Comparison {
  readonly operator: string;
  readonly version: string;
}

/** Lists of comparisons: one list has to hold as a whole. */
export type VersionRange = readonly (readonly Comparison[])[];

const holds: Readonly<Record<string, (order: number) => boolean>> = {
  ">=": (order) => order >= 0,
  ">>": (order) => order > 0,
  ">": (order) => order > 0,
  "<=": (order) => order <= 0,
  "<<": (order) => order < 0,
  "<": (order) => order < 0,
  "=": (order) => order === 0,
  "!=": (order) => order !== 0,
};

/**
 * Reads `>=1.2 <2 || >=3`. Throws a `DeclarationError` (code `bad-subject`) for anything else.
 * @example versionRange(">= 5.2 << 6~")
 */
export function versionRange(text: string): VersionRange {
  const comparison = />=|<=|>>|<<|!=|>|<|=/.source;
  const whole = new RegExp(`^\\s*(?:(?:${comparison})\\s*[^\\s<>=!|]+\\s*)+$`);
  const lists = text.split("||");
  requireSubject(
    lists.every((list) => whole.test(list)),
    `"${text}" is not a range of versions`,
    'write comparisons, as in ">=1.2 <2" or ">=1.2 <2 || >=3"',
  );
  return lists.map((list) =>
    [...list.matchAll(new RegExp(`(${comparison})\\s*([^\\s<>=!|]+)`, "g"))].map(([, operator = "", version = ""]) => ({
      operator,
      version,
    })),
  );
}

/** An epoch counts only in comparisons that have one. @example isInRange("1:9.2p1-2", versionRange(">=9"), versionOrder.dpkg) // true */
export function isInRange(version: string, range: VersionRange, compare: CompareVersions): boolean {
  return range.some((list) =>
    list.every(({ operator, version: wanted }) => {
      const seen = /^\d+:/.test(wanted) ? version : version.replace(/^\d+:/, "");
      return holds[operator]?.(compare(seen, wanted)) ?? false;
    }),
  );
}

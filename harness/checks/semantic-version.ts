// Decides how versions that no packager orders are compared: by semver.org 2.0.0 section 11, with as many numbers as are written.
// Source: https://semver.org/#spec-item-11. Refuses to compare what does not begin with a number.

/** The first word in a text that is a version of two numbers or more: `3.11.2` of `Python 3.11.2`. */
export function versionIn(text: string): string | undefined {
  return /(?<![\w.])v?(\d+(?:\.\d+)+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)/.exec(text)?.[1];
}

/** A version alone, with a `v` before it or without; `undefined` for other texts. @example soleVersion("v1.2.3") // "1.2.3" */
export function soleVersion(text: string): string | undefined {
  return /^v?(\d+(?:\.\d+)*(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$/.exec(text.trim())?.[1];
}

/**
 * Below zero where the first is older. Numbers that are not written are 0; what comes before a release is older than it; builds do not
 * count.
 * @example compareSemantic("1.0.0-rc.1", "1.0") // below zero
 */
export function compareSemantic(one: string, other: string): number {
  const [a, b] = [read(one), read(other)];
  for (let index = 0; index < Math.max(a.numbers.length, b.numbers.length); index += 1) {
    const order = compareNumbers(a.numbers[index] ?? "0", b.numbers[index] ?? "0");
    if (order !== 0) return order;
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (let index = 0; index < Math.max(a.before.length, b.before.length); index += 1) {
    const order = compareIdentifiers(a.before[index], b.before[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function read(version: string): { readonly numbers: readonly string[]; readonly before: readonly string[] } {
  const [release = "", before] = version.replace(/^v/, "").replace(/\+.*$/, "").split(/-(.*)/s);
  return { numbers: release.split("."), before: before === undefined ? [] : before.split(".") };
}

/** Numbers are older than words; who has fewer is older. */
function compareIdentifiers(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1;
  const [numeric, otherNumeric] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (numeric && otherNumeric) return compareNumbers(one, other);
  if (numeric !== otherNumeric) return numeric ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Of any length: a date may be one. */
function compareNumbers(one: string, other: string): number {
  const [a, b] = [one.replace(/^0+(?=\d)/, ""), other.replace(/^0+(?=\d)/, "")];
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

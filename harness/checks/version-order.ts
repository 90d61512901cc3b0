// Decides which of two versions is newer, by the rules of whoever packaged them: dpkg's, rpm's, apk's. Pure functions of text.
// Refuses to guess a rule: a version means nothing without its packager.

export type PackageManager = "dpkg" | "rpm" | "apk";

/** Below zero where `a` is older than `b`, zero where they are one version, above zero where it is newer. */
export type CompareVersions = (a: string, b: string) => number;

/** Each packager's own order. @example versionOrder.dpkg("1.0~rc1", "1.0") // below zero */
export const versionOrder: Readonly<Record<PackageManager, CompareVersions>> = {
  dpkg: compareDebian,
  rpm: compareRpm,
  apk: compareApk,
};

/** deb-version(7): epoch, upstream version, revision. What is missing counts as 0. */
function compareDebian(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => {
    const [, epoch = "0", rest = ""] = /^(?:(\d+):)?(.*)$/s.exec(version) ?? [];
    const dash = rest.lastIndexOf("-");
    return dash === -1 ? [epoch, rest, ""] : [epoch, rest.slice(0, dash), rest.slice(dash + 1)];
  }) as [string[], string[]];
  return (
    compareNumbers(left[0] ?? "", right[0] ?? "") ||
    compareDebianPart(left[1] ?? "", right[1] ?? "") ||
    compareDebianPart(left[2] ?? "", right[2] ?? "")
  );
}

/** Turns of non-digits and digits. Of non-digits `~` comes before the end, the end before letters, letters before the rest. */
function compareDebianPart(a: string, b: string): number {
  const weight = (character: string | undefined) =>
    character === undefined
      ? 0
      : character === "~"
        ? -1
        : /[A-Za-z]/.test(character)
          ? character.charCodeAt(0)
          : character.charCodeAt(0) + 256;
  for (let left = a, right = b; left !== "" || right !== ""; ) {
    const words = [/^\D*/.exec(left)?.[0] ?? "", /^\D*/.exec(right)?.[0] ?? ""] as const;
    for (let at = 0; at < Math.max(words[0].length, words[1].length); at += 1) {
      const difference = weight(words[0][at]) - weight(words[1][at]);
      if (difference !== 0) return difference;
    }
    left = left.slice(words[0].length);
    right = right.slice(words[1].length);
    const digits = [/^\d*/.exec(left)?.[0] ?? "", /^\d*/.exec(right)?.[0] ?? ""] as const;
    const difference = compareNumbers(digits[0], digits[1]);
    if (difference !== 0) return difference;
    left = left.slice(digits[0].length);
    right = right.slice(digits[1].length);
  }
  return 0;
}

/** rpm-version(7): epoch, version, release. A release counts where both have one. */
function compareRpm(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => {
    const [, epoch = "0", version = "", release] = /^(?:(\d+):)?(.*?)(?:-([^-]*))?$/s.exec(text) ?? [];
    return { epoch, version, release };
  }) as [
    { epoch: string; version: string; release: string | undefined },
    { epoch: string; version: string; release: string | undefined },
  ];
  return (
    compareNumbers(left.epoch, right.epoch) ||
    compareRpmPart(left.version, right.version) ||
    (left.release === undefined || right.release === undefined ? 0 : compareRpmPart(left.release, right.release))
  );
}

/** Segments of digits or of letters; what parts them does not count, but `~` comes before the end and `^` right after it. */
function compareRpmPart(a: string, b: string): number {
  const segments = (text: string) => text.match(/\d+|[A-Za-z]+|~|\^/g) ?? [];
  const [left, right] = [segments(a), segments(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [one, other] = [left[at], right[at]];
    if (one === other) continue;
    if (one === "~" || other === "~") return one === "~" ? -1 : 1;
    if (one === "^" || other === "^") {
      if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
      return one === "^" ? -1 : 1;
    }
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const numbers = [/^\d/.test(one), /^\d/.test(other)];
    // A number is newer than letters.
    if (numbers[0] !== numbers[1]) return numbers[0] ? 1 : -1;
    const difference = numbers[0] ? compareNumbers(one, other) : one < other ? -1 : 1;
    if (difference !== 0) return difference;
  }
  return 0;
}

const apkSuffixes = ["alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p"];
const noSuffix = apkSuffixes.indexOf("");

/**
 * apk-package(5): `digits{.digits}{letter}{_suffix{digits}}{~hash}{-r#}`. Further numbers that begin with 0 are compared as
 * fractions are. Something that is no such version is older than any that is.
 */
function compareApk(a: string, b: string): number {
  const [left, right] = [readApk(a), readApk(b)];
  if (left === undefined || right === undefined)
    return left === right ? (a < b ? -1 : a > b ? 1 : 0) : left === undefined ? -1 : 1;
  for (let at = 0; at < Math.max(left.numbers.length, right.numbers.length); at += 1) {
    const [one, other] = [left.numbers[at], right.numbers[at]];
    // Who has no further number is older, whatever else it has.
    if (one === undefined || other === undefined) return one === undefined ? -1 : 1;
    const fraction = at > 0 && (one.startsWith("0") || other.startsWith("0"));
    const difference = fraction ? (one < other ? -1 : one > other ? 1 : 0) : compareNumbers(one, other);
    if (difference !== 0) return difference;
  }
  if (left.letter !== right.letter) return left.letter < right.letter ? -1 : 1;
  for (let at = 0; at < Math.max(left.suffixes.length, right.suffixes.length); at += 1) {
    const [one, other] = [left.suffixes[at] ?? none, right.suffixes[at] ?? none];
    const difference = one.rank - other.rank || compareNumbers(one.number, other.number);
    if (difference !== 0) return difference;
  }
  return compareNumbers(left.revision, right.revision);
}

const none = { rank: noSuffix, number: "" };

interface ApkVersion {
  readonly numbers: readonly string[];
  readonly letter: string;
  readonly suffixes: readonly { readonly rank: number; readonly number: string }[];
  readonly revision: string;
}

function readApk(version: string): ApkVersion | undefined {
  const match =
    /^(\d+(?:\.\d+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/.exec(
      version,
    );
  if (match === null) return undefined;
  const [, numbers = "", letter = "", suffixes = "", revision = "0"] = match;
  return {
    numbers: numbers.split("."),
    letter,
    suffixes: [...suffixes.matchAll(/_([a-z]+)(\d*)/g)].map(([, word = "", number = ""]) => ({
      rank: apkSuffixes.indexOf(word),
      number,
    })),
    revision,
  };
}

/** Digits of any length. Nothing is 0. */
function compareNumbers(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

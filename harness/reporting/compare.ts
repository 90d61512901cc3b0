// Decides what differs between two reports: verdict, tests, images, time. Pure; "new" and "fixed" are said of the later one. A test is
// known by its file and name, several of one name by their order; one that is not in both is told, and never taken for the same.
import { sayCheck } from "./account.ts";
import type { Report, TestReport } from "./report.ts";

type Outcome = TestReport["outcome"];

export interface TestChange {
  readonly file: string;
  readonly name: string;
  /** Absent: the test is not in that report. */
  readonly before?: Outcome;
  readonly after?: Outcome;
  readonly kind: "broken" | "fixed" | "added" | "removed" | "changed";
}

export interface Comparison {
  readonly before: Side;
  readonly after: Side;
  /** Of tests whose outcome is not the same, what is broken first. */
  readonly tests: readonly TestChange[];
  /** Tests with the same outcome in both. */
  readonly same: number;
  /** Tests of both that do not ask the same any more, by node and sentence. */
  readonly checks: readonly {
    readonly file: string;
    readonly name: string;
    readonly gone: readonly string[];
    readonly come: readonly string[];
  }[];
  /** By tag; a side without it does not have the image. */
  readonly images: readonly { readonly tag: string; readonly before?: string; readonly after?: string }[];
  /** Tests that took at least a second, and twice as long or half as long: at most twenty, the largest difference first. */
  readonly slower: readonly {
    readonly file: string;
    readonly name: string;
    readonly before: number;
    readonly after: number;
  }[];
}

export interface Side extends Pick<Report, "run" | "startedAt" | "verdict" | "reason" | "ms"> {
  readonly tests: Report["counts"]["tests"];
  readonly checks: number;
}

const order = ["broken", "removed", "changed", "added", "fixed"] as const;

/** Reports as `reportOf` makes them. @example compareReports(yesterday, today).tests.filter(({ kind }) => kind === "broken") */
export function compareReports(before: Report, after: Report): Comparison {
  const [old, young] = [byKey(before.tests), byKey(after.tests)];
  const both = [...new Set([...old.keys(), ...young.keys()])].map((key) => [old.get(key), young.get(key)] as const);
  const changes = both.flatMap(([was, is]) => changeOf(was, is));
  const images = (report: Report) => new Map(report.images.map(({ tag, imageId }) => [tag, imageId]));
  const [oldImages, newImages] = [images(before), images(after)];
  return {
    before: sideOf(before),
    after: sideOf(after),
    tests: changes.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)),
    same: both.length - changes.length,
    checks: both.flatMap(([was, is]) => (was === undefined || is === undefined ? [] : askedOf(was, is))),
    images: [...new Set([...oldImages.keys(), ...newImages.keys()])]
      .filter((tag) => oldImages.get(tag) !== newImages.get(tag))
      .map((tag) => ({ tag, ...given("before", oldImages.get(tag)), ...given("after", newImages.get(tag)) })),
    slower: both
      .flatMap(([was, is]) =>
        was === undefined || is === undefined ? [] : [{ file: is.file, name: is.name, before: was.ms, after: is.ms }],
      )
      .filter(
        (one) =>
          Math.max(one.before, one.after) >= 1000 && (one.after >= one.before * 2 || one.before >= one.after * 2),
      )
      .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
      .slice(0, 20),
  };
}

function changeOf(was: TestReport | undefined, is: TestReport | undefined): TestChange[] {
  const { file, name } = is ?? was ?? { file: "", name: "" };
  if (was?.outcome === is?.outcome) return [];
  const kind =
    was === undefined
      ? "added"
      : is === undefined
        ? "removed"
        : was.outcome === "passed"
          ? "broken"
          : is.outcome === "passed"
            ? "fixed"
            : "changed";
  return [{ file, name, ...given("before", was?.outcome), ...given("after", is?.outcome), kind }];
}

function askedOf(was: TestReport, is: TestReport): Comparison["checks"][number][] {
  // One that stopped early asked less for that reason.
  if (was.outcome !== is.outcome) return [];
  const asked = ({ checks }: TestReport) => new Set(checks.map((each) => `${each.node}: ${sayCheck(each)}`));
  const [old, young] = [asked(was), asked(is)];
  const gone = [...old].filter((each) => !young.has(each));
  const come = [...young].filter((each) => !old.has(each));
  return gone.length + come.length === 0 ? [] : [{ file: is.file, name: is.name, gone, come }];
}

function byKey(tests: readonly TestReport[]): Map<string, TestReport> {
  const all = new Map<string, TestReport>();
  const counts = new Map<string, number>();
  for (const test of tests) {
    const key = JSON.stringify([test.file, test.name]);
    const nth = counts.get(key) ?? 0;
    counts.set(key, nth + 1);
    all.set(`${key}${nth}`, test);
  }
  return all;
}

function sideOf({ run, startedAt, verdict, reason, ms, counts, tests }: Report): Side {
  return {
    run,
    startedAt,
    verdict,
    reason,
    ms,
    tests: counts.tests,
    checks: tests.reduce((sum, { checks }) => sum + checks.length, 0),
  };
}

function given<Key extends string, Value>(key: Key, value: Value | undefined): { [one in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [one in Key]?: Value });
}

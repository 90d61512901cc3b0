// Decides how a comparison of two reports reads in a terminal. Plain lines, every foreign text on one.
import { styleText } from "node:util";
import { sayMs } from "../model/duration.ts";
import type { Comparison, TestChange } from "./compare.ts";
import { oneLine } from "./escape.ts";
import { sayVerdict } from "./verdict.ts";

const styles = { broken: "red", removed: "red", changed: "yellow", added: "cyan", fixed: "green" } as const;

/** Lines without newlines; what broke comes first, the last says what it amounts to. */
export function compareLines(comparison: Comparison, { color }: { readonly color: boolean }): string[] {
  const { before, after, tests, same, checks, images, slower } = comparison;
  const paint = (kind: TestChange["kind"]) => {
    const word = kind.padEnd(8);
    return color ? styleText(styles[kind], word, { validateStream: false }) : word;
  };
  const side = (title: string, { run, startedAt, verdict, reason, ms }: Comparison["before"]) =>
    `${title.padEnd(8)} ${oneLine(run)}  ${startedAt.slice(0, 16).replace("T", " ")}  ${sayVerdict(verdict)}: ${oneLine(reason)} (${sayMs(ms)})`;
  return [
    side("before", before),
    side("now", after),
    ...gap(tests.length),
    ...tests.map(
      ({ kind, file, name, before: was = "not there", after: is = "not there" }) =>
        `${paint(kind)} ${oneLine(file)} > ${oneLine(name)}: ${was} → ${is}`,
    ),
    ...gap(checks.length),
    ...checks.flatMap(({ file, name, gone, come }) => [
      `asks     ${oneLine(file)} > ${oneLine(name)}`,
      ...gone.map((each) => `         - ${oneLine(each)}`),
      ...come.map((each) => `         + ${oneLine(each)}`),
    ]),
    ...gap(images.length),
    ...images.map(
      ({ tag, before: was = "not used", after: is = "not used" }) =>
        `image    ${oneLine(tag)}: ${oneLine(was)} → ${oneLine(is)}`,
    ),
    ...gap(slower.length),
    ...slower.map(({ file, name, before: was, after: is }) =>
      `${is > was ? "slower" : "quicker"}   ${oneLine(file)} > ${oneLine(name)}: ${sayMs(was)} → ${sayMs(is)}`.replace(
        "slower  ",
        "slower ",
      ),
    ),
    "",
    said(tests, same),
  ];
}

/** Something that was good before is not good, or not asked, now. */
export function isWorse({ tests }: Comparison): boolean {
  return tests.some(({ kind, before }) => kind === "broken" || (kind === "removed" && before === "passed"));
}

function gap(count: number): string[] {
  return count === 0 ? [] : [""];
}

function said(tests: readonly TestChange[], same: number): string {
  const kinds = (["broken", "removed", "changed", "added", "fixed"] as const)
    .map((kind) => ({ kind, count: tests.filter((each) => each.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${count} ${kind}`);
  return [...kinds, `${same} as before`].join(", ");
}

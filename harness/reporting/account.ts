// Decides how a test that did not pass is accounted for: what was wanted, what was seen, where, by which command, for
// how long. The formats only lay it out.
import { sayMs } from "../model/duration.ts";
import { oneLine, plain, sayPair } from "./escape.ts";
import type { Link } from "./link.ts";
import type { CheckReport, Report, TestReport } from "./report.ts";

/** Plain text: still to be escaped for the format it goes into. */
export interface Account {
  readonly heading: string;
  readonly facts: readonly (readonly [label: string, text: string])[];
  /** The check it accounts for, where it is one's. */
  readonly check?: CheckReport;
}

/** The sentence of a check, as the test wanted it. */
export function sayCheck({ title, negated }: CheckReport): string {
  return negated ? `not: ${title}` : title;
}

/** Where a test that passed failed before. */
export function sayFlaky({ failedIn }: NonNullable<TestReport["flaky"]>): string {
  return `failed on the same inputs and images in ${oneLine(failedIn.join(", "))}`;
}

/** `3 times over 2.0s`; `once` is said as such. */
export function sayTries({ tries, ms }: CheckReport): string {
  return tries <= 1 ? `once, ${sayMs(ms)}` : `${tries} times over ${sayMs(ms)}`;
}

/** One account for each check that did not pass, and one for each error that no such check explains already. */
export function accountsOf(test: TestReport, limit = 4000): Account[] {
  const wrong = test.checks.filter(({ outcome }) => outcome === "failed" || outcome === "errored");
  // The error of a check repeats its title or its reason; its code and its place in the spec are all that it adds.
  const explained = (message: string) =>
    wrong.find(
      ({ title, reason }) =>
        message.includes(title) || (reason !== undefined && reason !== "" && message.includes(reason)),
    );
  const accounts = wrong.map((check) => ({
    heading: plain(sayCheck(check), limit),
    facts: [
      ...factsOf(check, limit),
      ...test.errors.filter(({ message }) => explained(message) === check).flatMap(placeOf),
    ],
    check,
  }));
  const others = test.errors
    .filter(({ message }) => explained(message) === undefined)
    .flatMap((error) => toldBy(error, limit));
  const silent = accounts.length + others.length === 0 && test.reason !== undefined;
  return [...accounts, ...others, ...(silent ? [{ heading: plain(test.reason ?? "", limit), facts: [] }] : [])];
}

/** The account of something that went wrong outside any test. */
export function troubleOf({ file, error }: Report["troubles"][number], limit = 4000): Account {
  const [first, ...more] = toldBy(error, limit);
  const { heading, facts } = first === undefined || more.length > 0 ? wholeOf(error, limit) : first;
  return { heading, facts: [...facts, ...(file === undefined ? [] : [["file", plain(file)] as const])] };
}

type Told = TestReport["errors"][number];

function wholeOf(error: Told, limit: number): Account {
  return { heading: plain(error.message === "" ? error.name : error.message, limit), facts: placeOf(error) };
}

/** Where all of a message are sentences with labelled lines below them, as findings of health are, each is an account of its own. */
function toldBy(error: Told, limit: number): Account[] {
  const accounts: { heading: string; facts: [string, string][] }[] = [];
  for (const line of plain(error.message, limit).split("\n")) {
    const facts = accounts.at(-1)?.facts;
    const [, label, text] = /^ {2}([a-z]+) {2,}(\S.*)$/.exec(line) ?? [];
    if (label !== undefined && text !== undefined && facts !== undefined) {
      const before = facts.at(-1);
      if (before?.[0] === label) before[1] += `\n${text}`;
      else facts.push([label, text]);
    } else if (line.startsWith(" ") || facts?.length === 0) return [wholeOf(error, limit)];
    else accounts.push({ heading: line, facts: [] });
  }
  if (accounts.some(({ facts }) => facts.length === 0)) return [wholeOf(error, limit)];
  return accounts.map(({ heading, facts }) => ({ heading, facts: [...facts, ...placeOf(error)] }));
}

/** An account as lines of plain text; what runs over several lines stays under its label. `link` dresses places in files. */
export function sayAccount({ heading, facts }: Account, indent = "", link: Link = (place) => place): string[] {
  const under = (text: string, by: string) => text.trimEnd().split("\n").join(`\n${by}`);
  const lines = [
    `${indent}${under(heading, `${indent}  `)}`,
    ...facts.map(([label, text]) => {
      const told = under(text, `${indent}${" ".repeat(11)}`);
      return `${indent}  ${label.padEnd(9)}${label === "at" || label === "file" ? link(told) : told}`;
    }),
  ];
  return lines.flatMap((line) => line.split("\n"));
}

function placeOf({ code, at }: Told): (readonly [string, string])[] {
  return [
    ...(code === undefined ? [] : [["code", plain(code)] as const]),
    ...(at === undefined ? [] : [["at", plain(at)] as const]),
  ];
}

function factsOf(check: CheckReport, limit: number): (readonly [string, string])[] {
  const [expected, seen] = sayPair(check.expected ?? "", check.seen ?? "", limit);
  return [
    ...(check.expected === undefined ? [] : [["expected", check.negated ? `not ${expected}` : expected] as const]),
    ...(check.seen === undefined ? [] : [["seen", seen] as const]),
    ...(check.reason === undefined ? [] : [["reason", plain(check.reason, limit)] as const]),
    ["node", plain(check.node, limit)],
    ["command", plain(check.command, limit)],
    ["tried", sayTries(check)],
  ];
}

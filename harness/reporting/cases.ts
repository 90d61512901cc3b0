// Decides what a report is as a list of test cases, for formats that know nothing else: what went wrong outside any test, a leak, and a
// run that is not good although no test is wrong are cases of their own, so that who reads one format alone takes no bad run for a good one.
import { accountsOf, sayAccount, troubleOf } from "./account.ts";
import { plain } from "./escape.ts";
import type { Report, TestReport } from "./report.ts";

export interface Case {
  readonly file: string;
  readonly name: string;
  readonly outcome: TestReport["outcome"];
  readonly ms: number;
  readonly startedAt?: string | undefined;
  /** What was wanted and seen, one text an account; why it was skipped. Plain. */
  readonly told: readonly string[];
  /** Stable, kebab-case; of what could not be asked. */
  readonly code?: string | undefined;
  /** `file:line:column`. */
  readonly at?: string | undefined;
  readonly test?: TestReport;
}

const outside = "(outside any spec file)";

/** In the report's order; at least one that is not passed or skipped, unless the run is met. */
export function casesOf(report: Report): Case[] {
  const { tests, troubles, teardown, exitCode, verdict, reason } = report;
  const cases: Case[] = [
    ...tests.map(caseOf),
    ...troubles.map((trouble) => ({
      file: trouble.file ?? outside,
      name: "(outside any test)",
      outcome: trouble.outcome,
      ms: 0,
      told: [sayAccount(troubleOf(trouble)).join("\n")],
      code: trouble.error.code,
      at: trouble.error.at,
    })),
    ...(teardown.leaked.length === 0
      ? []
      : [
          errored(
            "teardown",
            "everything this run created is gone",
            "leak",
            `still there: ${teardown.leaked.join(", ")}`,
          ),
        ]),
  ];
  const good = exitCode === 0 || cases.some(({ outcome }) => outcome === "failed" || outcome === "errored");
  return good ? cases : [...cases, errored("run", "the run came to a verdict on its tests", verdict, reason)];
}

function caseOf(test: TestReport): Case {
  const { file, name, outcome, ms, startedAt, reason, errors } = test;
  const wrong = outcome === "failed" || outcome === "errored";
  const told = wrong ? accountsOf(test).map((account) => sayAccount(account).join("\n")) : [];
  return {
    file,
    name,
    outcome,
    ms,
    startedAt,
    told: wrong || reason === undefined ? told : [plain(reason)],
    code: errors[0]?.code,
    at: errors.find(({ at }) => at !== undefined)?.at,
    test,
  };
}

function errored(file: string, name: string, code: string, text: string): Case {
  return { file, name, outcome: "errored", ms: 0, told: [plain(text)], code };
}

/** `file:line:column`, as it is when it is none. */
export function placeOf(at: string): { readonly file: string; readonly line?: number; readonly column?: number } {
  const [, file, line, column] = /^(.+?):(\d{1,9})(?::(\d{1,9}))?$/.exec(at) ?? [];
  if (file === undefined) return { file: at };
  return {
    file,
    line: Math.max(1, Number(line)),
    ...(column === undefined ? {} : { column: Math.max(1, Number(column)) }),
  };
}

// Decides what share of a run's time goes to watching it, as its report tells. Pure. Refuses reports that tell nothing of it, and runs that
// were not met: what was not done cost nothing.
import type { Report } from "../reporting/report.ts";
import { sampleOf } from "./sample.ts";
import type { Row } from "./table.ts";

/** What is told of runs of one kind. */
export interface WatchedRuns {
  /** `nine empty tests on a machine` */
  readonly of: string;
  readonly by: string;
  readonly reports: readonly Pick<Report, "ms" | "overhead" | "tests">[];
}

/** Ledger, evidence and health of a run, in percent of its time. */
export function overheadOf({ ms, overhead }: Pick<Report, "ms" | "overhead">): number {
  if (overhead === undefined) throw new Error("the run's report tells of no overhead");
  return (100 * (overhead.ledgerMs + overhead.evidenceMs + overhead.healthMs)) / ms;
}

/** The share that has a limit, and what it is made of. */
export function healthRows({ of, by, reports }: WatchedRuns): Row[] {
  for (const { tests } of reports)
    if (passed(tests) === 0 || tests.some(({ outcome }) => outcome !== "passed" && outcome !== "skipped"))
      throw new Error(`not every test of ${of} passed, so that its time says nothing`);
  const healthMs = (report: WatchedRuns["reports"][number]) => report.overhead?.healthMs ?? Number.NaN;
  const row = (work: string, figureOf: (report: WatchedRuns["reports"][number]) => number): Row => ({
    work: `${of}: ${work}`,
    ours: { by, sample: sampleOf(reports.map(figureOf)) },
  });
  return [
    { ...row("ledger, evidence and health of its time", overheadOf), limit: 5, unit: "%" },
    { ...row("health of its time", (report) => (100 * healthMs(report)) / report.ms), unit: "%" },
    row("health, for each test", (report) => healthMs(report) / passed(report.tests)),
  ];
}

function passed(tests: Report["tests"]): number {
  return tests.filter(({ outcome }) => outcome === "passed").length;
}

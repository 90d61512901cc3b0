// Decides the four words a check or a test can end with, and how many of them make one verdict.

/** Only `failed` blames the image. `errored` means "I could not ask"; `skipped` always has a reason. */
export type Outcome = "passed" | "failed" | "errored" | "skipped";

/** What a check says of what it saw. */
export type Judgement =
  | {
      readonly met: boolean /** what was wanted */;
      readonly expected: string /** what was there */;
      readonly seen: string;
    }
  | { readonly skipped: string };

export type Counts = Readonly<Record<Outcome, number>>;

/** Counts outcomes. @example countOutcomes(["passed", "failed"]) // { passed: 1, failed: 1, errored: 0, skipped: 0 } */
export function countOutcomes(outcomes: Iterable<Outcome>): Counts {
  const counts = { passed: 0, failed: 0, errored: 0, skipped: 0 };
  for (const outcome of outcomes) counts[outcome] += 1;
  return counts;
}

// Decides what is remembered of a test or check when its run is over. Types alone.
import type { Outcome } from "./outcome.ts";

/** What became of a test in a run, or of one of its checks. */
export interface PastOutcome {
  readonly run: string;
  /** When the run began, milliseconds since the epoch. */
  readonly at: number;
  /** As `testName` says it. */
  readonly test: string;
  /** Absent: of the test itself. */
  readonly check?: string;
  readonly outcome: Outcome;
  /** The same for two runs on the same inputs and images; absent where that is not known. */
  readonly madeOf?: string;
  /** Why it could not be asked, or was skipped, in few words. */
  readonly why?: string;
}

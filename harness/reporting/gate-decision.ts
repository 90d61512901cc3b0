// Decides what the gate's answer is made of: lines that refuse, lines that were asked for and are so, and what is told beside them.

/** One thing that was looked at. */
export interface Finding {
  /** Stable, kebab-case: `required-test-missing`. */
  readonly code: string;
  /** What it is about: a test, an image, a file, a key; absent where it is the whole. Foreign text. */
  readonly about?: string;
  /** A sentence without a full stop. Foreign text may be in it. */
  readonly says: string;
}

/** What the gate answers. `accepted` is true when `refusals` is empty, and never else. */
export interface Decision {
  readonly accepted: boolean;
  /** The run it was about; absent where no report could be read. */
  readonly run?: string;
  /** ISO time of the decision. */
  readonly at: string;
  /** Why not; empty where it is accepted. */
  readonly refusals: readonly Finding[];
  /** What was asked for and is so. */
  readonly met: readonly Finding[];
  /** Of no bearing on the answer: waivers that waive nothing, tests that nobody asked for. */
  readonly notes: readonly Finding[];
  /** Failures that a waiver excused. */
  readonly waived: readonly Finding[];
  /** Failures of tests in quarantine. */
  readonly quarantined: readonly Finding[];
}

/** Collects findings while a decision is made. */
export class Findings {
  readonly refusals: Finding[] = [];
  readonly met: Finding[] = [];
  readonly notes: Finding[] = [];
  readonly waived: Finding[] = [];
  readonly quarantined: Finding[] = [];

  no(code: string, says: string, about?: string): void {
    this.refusals.push(finding(code, says, about));
  }

  yes(code: string, says: string, about?: string): void {
    this.met.push(finding(code, says, about));
  }

  note(code: string, says: string, about?: string): void {
    this.notes.push(finding(code, says, about));
  }
}

/** A finding; `about` is left out where it is the whole. */
export function finding(code: string, says: string, about?: string): Finding {
  return about === undefined ? { code, says } : { code, about, says };
}

/** Those values that come up more than once. */
export function repeated(values: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) twice.add(value);
    seen.add(value);
  }
  return [...twice];
}

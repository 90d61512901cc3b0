// Decides which commit is tried next, and when the first bad one is known: git says what lies between, here is remembered what could not
// be asked. Pure but for who is asked.

/** `skip`: with it nothing could be asked. */
export type Judged = "good" | "bad" | "skip";

/** What is known: everything that leads to a good one is good, and the bad one is as early as it is known to be. */
export interface Known {
  readonly goods: readonly string[];
  readonly bad: string;
}

export interface Searching {
  readonly good: string;
  readonly bad: string;
  /** Commits that lead to the bad one and to none of the good, the bad one too; those that tell most come first. */
  next(known: Known): Promise<readonly string[]>;
  judge(commit: string): Promise<Judged>;
}

export interface Bisected {
  /** Absent where it is one of several. */
  readonly first?: string;
  /** The first bad commit is one of these. */
  readonly possible: readonly string[];
}

/** `good` and `bad` are known to be that. Ends, as each step makes less what is left. */
export async function bisected({ good, bad, next, judge }: Searching): Promise<Bisected> {
  let known: Known = { goods: [good], bad };
  const skipped = new Set<string>();
  for (;;) {
    const { bad: least } = known;
    const left = await next(known);
    const commit = left.find((each) => each !== least && !skipped.has(each));
    if (commit === undefined) {
      const possible = left.filter((each) => each === least || skipped.has(each));
      return possible.length <= 1 ? { first: least, possible: [least] } : { possible };
    }
    const judged = await judge(commit);
    if (judged === "skip") skipped.add(commit);
    else if (judged === "bad") known = { ...known, bad: commit };
    else known = { ...known, goods: [...known.goods, commit] };
  }
}

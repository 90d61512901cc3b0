// Decides what is told of changes that were made: who noticed each, what came nearest where nobody did, which checks never failed, which
// tests observe nothing, and which changes were left alone. Makes none.
import type { Mutant, Proof } from "../model/proof.ts";
import { redact } from "../model/secret.ts";
import type { Mutation, Observation } from "../prove/mutation.ts";
import { type Noticed, noticedOf } from "./prove-clone.ts";
import type { Asked, Recording, TestRecord } from "./prove-record.ts";

export class Findings {
  readonly #recording: Recording;
  readonly #tests: readonly TestRecord[];
  readonly #mutants: Mutant[] = [];
  readonly #refused: { id: string; why: string }[] = [];

  constructor(recorded: Recording, tests: readonly TestRecord[]) {
    this.#recording = recorded;
    this.#tests = tests;
  }

  get told(): Pick<Proof, "mutants" | "refused"> {
    return { mutants: this.#mutants, refused: this.#refused };
  }

  /** How many there are, for `forget`. */
  get mark(): { readonly mutants: number; readonly refused: number } {
    return { mutants: this.#mutants.length, refused: this.#refused.length };
  }

  /** What was told since a mark is done again. */
  forget(mark: Findings["mark"]): void {
    this.#mutants.length = mark.mutants;
    this.#refused.length = mark.refused;
  }

  /** Several went at a time since a mark: each is charged its share of the clock. */
  share(mark: Findings["mark"], ms: number): void {
    const share = Math.round(ms / Math.max(1, this.#mutants.length - mark.mutants));
    for (let at = mark.mutants; at < this.#mutants.length; at += 1) {
      const mutant = this.#mutants[at];
      if (mutant !== undefined) this.#mutants[at] = { ...mutant, ms: share };
    }
  }

  refuse(id: string, why: string): void {
    this.#refused.push({ id: redact(id), why: redact(why) });
  }

  tell(mutation: Mutation, noticed: Noticed | undefined, ms: number): void {
    const { id, node, kind } = mutation;
    const nearest = noticed === undefined ? this.#nearest(mutation) : undefined;
    this.#mutants.push({
      id: redact(id),
      node,
      kind,
      outcome: noticed?.outcome ?? "survived",
      ...(noticed === undefined ? {} : { by: { test: nameOf(noticed.test), said: firstLine(noticed.said) } }),
      ...(nearest === undefined ? {} : { nearest }),
      ms: Math.round(ms),
    });
  }

  /** The check that looked at the same, best one that saw it change and was met all the same. */
  #nearest(mutation: Mutation): Mutant["nearest"] {
    const near = this.#askedOf(mutation).map((asked) => ({ asked, seen: noticedOf(asked, mutation.id) }));
    const best = near.find(({ asked, seen }) => seen !== undefined && seen !== asked.seen) ?? near[0];
    if (best === undefined) return undefined;
    const { asked, seen = asked.seen } = best;
    return {
      title: redact(asked.check.title),
      seen: firstLine(redact(seen)),
      changed: seen !== asked.seen,
    };
  }

  /** Checks of which it is not known yet that they can fail; all, where nobody noticed, to tell who came nearest. */
  unsettled(mutation: Mutation, noticed: Noticed | undefined): readonly Asked[] {
    return this.#askedOf(mutation).filter(({ canFail }) => noticed === undefined || !canFail);
  }

  #askedOf({ from, titles }: Mutation): readonly Asked[] {
    return this.#recording.asked.filter(
      ({ test, keys, check }) =>
        this.#tests.includes(test) &&
        from.some((key) => keys.has(key)) &&
        (titles === undefined || titles.includes(check.title)),
    );
  }

  /** Tests that observe nothing, when all changes were made. */
  get hollow(): Proof["hollow"] {
    const noticing = new Set(this.#mutants.flatMap(({ outcome, by }) => (outcome === "found" && by ? [by.test] : [])));
    return this.#tests.flatMap((test) => {
      const why = whyHollow(test, noticing);
      return why === undefined ? [] : [{ test: nameOf(test), why }];
    });
  }

  /** What is said of checks when all changes were made. */
  checks(observations: readonly Observation[]): Pick<Proof, "alwaysTrue" | "unproven"> {
    const asked = this.#recording.asked.filter(({ test }) => this.#tests.includes(test));
    const title = ({ node, check, negated }: Asked) => redact(`${node}: ${negated ? "not " : ""}${check.title}`);
    return {
      alwaysTrue: asked
        .filter(({ canFail, judged }) => !canFail && judged > 0)
        .map((each) => ({ test: nameOf(each.test), title: title(each), mutants: each.judged })),
      unproven: asked
        .filter(({ canFail, judged }) => !canFail && judged === 0)
        .map((each) => ({
          test: nameOf(each.test),
          title: title(each),
          probes: [...new Set(observations.filter(({ key }) => each.keys.has(key)).map(({ probe }) => probe))],
        })),
    };
  }
}

export function nameOf({ task }: TestRecord): string {
  return task.fullTestName;
}

/**
 * Why a test observes nothing, in words; `undefined` where that is not known. What it asserts by other means than checks and `expect` nobody
 * sees: where it noticed a change it is no such test.
 */
export function whyHollow(record: TestRecord, noticing: ReadonlySet<string>): string | undefined {
  const { checks, reached, nodes, keys, task } = record;
  if (checks > 0) return undefined;
  const silent = (task.meta.assertions ?? 0) === 0;
  if (!reached) return `it asked nothing of any node${silent ? ", and asserted nothing" : ""}`;
  if (!silent || noticing.has(nameOf(record))) return undefined;
  return `it ${nodes.size > 0 && keys.size === 0 ? "ran commands" : "used a node"}, and asserted nothing: no check, no expect`;
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 300);
}

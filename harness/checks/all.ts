// Decides what several checks mean as one: met when every part is. A part that could not be asked makes the whole errored,
// even beside parts that failed; the message then names both.
import type { Check } from "../model/check.ts";
import { HarnessError, messageOf, ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { requireSubject } from "./question.ts";

/**
 * All of these, seen in one tick and therefore in one round trip. An empty list is refused: it would always be met.
 * Parts that are skipped are named and do not count; when all are, so is the whole.
 *
 * @example
 * await expect(soe).toMeet(all(file("/vfx").isDirectory(), file("/vfx").ownedBy(1000, 1000)));
 */
export function all<N extends Node>(...parts: readonly Check<N>[]): Check<N, readonly unknown[]> {
  requireSubject(parts.length > 0, "all() was given no check", "an empty list would be met by anything");
  const [first] = parts;
  return {
    title: parts.length === 1 && first !== undefined ? first.title : `all of ${parts.length}: ${sayTitles(parts)}`,
    command: [...new Set(parts.map((part) => part.command))].join("; "),
    parts,
    async observe(node) {
      const answers = await Promise.allSettled(parts.map((part) => part.observe(node)));
      const unanswered = answers.filter((answer) => answer.status === "rejected");
      if (unanswered.length === 0) return answers.map((answer) => (answer as PromiseFulfilledResult<unknown>).value);
      const failed = answers.flatMap((answer, index) => {
        const part = parts[index];
        if (part === undefined || answer.status === "rejected") return [];
        const judgement = part.judge(answer.value);
        return "met" in judgement && !judgement.met ? [sayPart(part, judgement)] : [];
      });
      throw couldNotAsk(
        node,
        parts.length,
        unanswered.map(({ reason }) => reason as unknown),
        failed,
      );
    },
    judge(seen) {
      const judged = parts.map((part, index) => ({ part, judgement: part.judge(seen[index]) }));
      const skipped = judged.flatMap(({ judgement }) => ("skipped" in judgement ? [judgement.skipped] : []));
      if (skipped.length === parts.length) return { skipped: [...new Set(skipped)].join("; ") };
      const unmet = judged.flatMap(({ part, judgement }) =>
        "met" in judgement && !judgement.met ? [{ part, judgement }] : [],
      );
      const note = skipped.length === 0 ? "" : ` (${skipped.length} skipped: ${[...new Set(skipped)].join("; ")})`;
      if (unmet.length === 0)
        return { met: true, expected: "all met", seen: `${parts.length - skipped.length} met${note}` };
      return {
        met: false,
        expected: unmet.map(({ part, judgement }) => `${part.title}: ${judgement.expected}`).join("\n"),
        seen: `${unmet.map(({ part, judgement }) => `${part.title}: ${judgement.seen}`).join("\n")}${note}`,
      };
    },
  };
}

/** Some of so many parts could not be asked; the code and the hint are the first one's. `failed` are those that are not met. */
export function couldNotAsk(
  node: Node,
  count: number,
  unanswered: readonly unknown[],
  failed: readonly string[],
): ObservationError {
  const reasons = new Set(unanswered.map((each) => (each instanceof HarnessError ? each.seen : messageOf(each))));
  const [cause] = unanswered;
  return new ObservationError({
    code: cause instanceof HarnessError ? cause.code : "probe-failed",
    phase: "observe",
    node: node.title,
    seen: `${unanswered.length} of ${count} could not be asked: ${[...reasons].join("; ")}${failed.length === 0 ? "" : `; and not met: ${failed.join("; ")}`}`,
    ...(cause instanceof HarnessError && cause.hint !== undefined ? { hint: cause.hint } : {}),
    cause,
  });
}

type Judged = Extract<Judgement, { met: boolean }>;

/** @example "file /a is a file: expected a file, saw it does not exist" */
export function sayPart(part: Check<never>, judgement: Judged): string {
  return `${part.title}: expected ${judgement.expected}, saw ${judgement.seen}`;
}

/** The first few titles: a hundred of them would help nobody. */
export function sayTitles(parts: readonly Check<never>[]): string {
  const most = 3;
  const titles = parts.slice(0, most).map((part) => part.title);
  return `${titles.join(", ")}${parts.length > most ? `, and ${parts.length - most} more` : ""}`;
}

// Decides what alternatives mean, and the opposite of a check, where `.not` does not reach: within `all` and `any`.
// What could not be asked is never taken for a no: it counts for nothing beside an alternative that is met, and is an error else.
import type { Check } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { couldNotAsk, sayPart, sayTitles } from "./all.ts";
import { requireSubject } from "./question.ts";

/** What one alternative saw, or that it could not be asked. */
type SeenByOne = { readonly seen: unknown } | { readonly unanswered: unknown };

/**
 * At least one of these, seen in one tick and therefore in one round trip. An empty list is refused: nothing would meet it.
 * Alternatives that are skipped do not count; when all are, so is the whole. It rejects where none is met and one could not be asked.
 *
 * @example
 * await expect(box).toMeet(any(pkg("chrony").isInstalled(), pkg("systemd-timesyncd").isInstalled()));
 */
export function any<N extends Node>(...parts: readonly Check<N>[]): Check<N, readonly SeenByOne[]> {
  requireSubject(parts.length > 0, "any() was given no check", "an empty list would be met by nothing");
  const judgeAll = (seen: readonly SeenByOne[]) =>
    parts.flatMap((part, index) => {
      const one = seen[index];
      return one === undefined || "unanswered" in one ? [] : [{ part, judgement: part.judge(one.seen) }];
    });
  return {
    title: `any of ${parts.length}: ${sayTitles(parts)}`,
    command: [...new Set(parts.map((part) => part.command))].join("; "),
    async observe(node) {
      const answers = await Promise.allSettled(parts.map((part) => part.observe(node)));
      const seen = answers.map(
        (answer): SeenByOne =>
          answer.status === "fulfilled" ? { seen: answer.value } : { unanswered: answer.reason as unknown },
      );
      const unanswered = seen.flatMap((one) => ("unanswered" in one ? [one.unanswered] : []));
      const judged = judgeAll(seen);
      if (unanswered.length === 0 || judged.some(({ judgement }) => "met" in judgement && judgement.met)) return seen;
      const failed = judged.flatMap(({ part, judgement }) => ("met" in judgement ? [sayPart(part, judgement)] : []));
      throw couldNotAsk(node, parts.length, unanswered, failed);
    },
    judge(seen) {
      const judged = judgeAll(seen);
      const skipped = judged.flatMap(({ judgement }) => ("skipped" in judgement ? [judgement.skipped] : []));
      if (skipped.length === parts.length) return { skipped: [...new Set(skipped)].join("; ") };
      const answered = judged.flatMap(({ part, judgement }) => ("met" in judgement ? [{ part, ...judgement }] : []));
      const met = answered.find((each) => each.met);
      return {
        met: met !== undefined,
        expected: answered.map(({ part, expected }) => `${part.title}: ${expected}`).join("\nor "),
        seen: (met === undefined ? answered : [met]).map(({ part, seen: said }) => `${part.title}: ${said}`).join("\n"),
      };
    },
  };
}

/**
 * The opposite of a check, as a part of `all` or `any`; alone, `expect(node).not.toMeet(check)` says the same. What could not be asked
 * still rejects, and what is skipped still is.
 *
 * @example
 * await expect(soe).toMeet(all(pkg("openssh-client").isInstalled(), not(pkg("openssh-server").isInstalled())));
 */
export function not<N extends Node, Seen>(check: Check<N, Seen>): Check<N, Seen> {
  return {
    title: `not: ${check.title}`,
    command: check.command,
    observe: (node) => check.observe(node),
    judge(seen) {
      const judgement = check.judge(seen);
      if ("skipped" in judgement) return judgement;
      return { met: !judgement.met, expected: `not ${judgement.expected}`, seen: judgement.seen };
    },
  };
}

// Decides the shape all checks share: a subject, a way to see it, and a sentence about it that is judged.
// Refuses to observe or to judge anything by itself.
import { callSite } from "../model/call-site.ts";
import type { Check, ServiceSubject } from "../model/check.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";

export interface Question<N extends Node, Seen> {
  /** The sentence's subject: `file /etc/passwd`. */
  readonly subject: string;
  /** What a person would run to see the same. */
  readonly command: string;
  readonly observe: (node: N) => Promise<Seen>;
  readonly looksAt?: ServiceSubject;
}

/** Makes a check of the rest of the sentence, `has mode 0644`, and its judge. */
export type Ask<N extends Node, Seen> = (predicate: string, judge: (seen: Seen) => Judgement) => Check<N, Seen>;

/**
 * One way to see a subject, about which several sentences can be judged.
 * @example
 * const ask = about({ subject: "file /a", command: "stat /a", observe: (node) => node.observe(fileStat, "/a") });
 * const check = ask("exists", (seen) => verdict(seen !== undefined, "a file", sayStat(seen)));
 */
export function about<N extends Node, Seen>(question: Question<N, Seen>): Ask<N, Seen> {
  const { subject, command, looksAt } = question;
  const observe = async (node: N) => {
    try {
      return await question.observe(node);
    } catch (error) {
      throw naming(node, error);
    }
  };
  return (predicate, judge) => ({
    title: `${subject} ${predicate}`,
    command,
    observe,
    judge,
    ...(looksAt === undefined ? {} : { looksAt }),
  });
}

/** Parsers are pure and know no node: its name is put into their errors here. */
function naming(node: Node, error: unknown): unknown {
  if (!(error instanceof ObservationError) || error.node !== undefined) return error;
  const { code, phase, seen, hint, cause } = error;
  return new ObservationError({ code, phase, node: node.title, seen, cause, ...(hint === undefined ? {} : { hint }) });
}

/** A judgement in one line: whether it is met, what was wanted, what was there. */
export function verdict(met: boolean, expected: string, seen: string): Judgement {
  return { met, expected, seen };
}

/** Refuses a subject that no node could have, where the spec was written: a `DeclarationError` (code `bad-subject`). */
export function requireSubject(good: boolean, seen: string, hint: string): void {
  if (!good) throw new DeclarationError({ code: "bad-subject", at: callSite(), seen, hint });
}

/** A title stays one line, whatever the subject holds. @example sayWord("a b") // '"a b"' */
export function sayWord(word: string): string {
  return /^[\w@%+=:,./~-]+$/.test(word) ? word : JSON.stringify(word);
}

// Decides which drafted sentences are true: each is the very check that the spec will ask, held against a fresh node. What is not met, and
// what cannot be asked, is no part of a draft.
import { group, user } from "../checks/account.ts";
import { file } from "../checks/file.ts";
import { image } from "../checks/image.ts";
import { inventory } from "../checks/inventory.ts";
import { os } from "../checks/os.ts";
import { pkg } from "../checks/package.ts";
import { port, ports } from "../checks/port.ts";
import { process } from "../checks/process.ts";
import { service } from "../checks/service.ts";
import { tree } from "../checks/tree.ts";
import type { Check } from "../model/check.ts";
import { messageOf } from "../model/errors.ts";
import type { Drafted } from "./draft-facts.ts";
import type { Chapter, Sentence } from "./draft-sentences.ts";
import { sentenceText } from "./draft-text.ts";

type Sayings = Readonly<Record<string, (...values: never[]) => Check<never>>>;
type Word = (...subject: never[]) => Sayings;

const vocabulary: Readonly<Record<string, Word>> = {
  ...{ file, group, image, os, pkg, port, ports, process, service, tree, user },
  "inventory.setuid": inventory.setuid,
  "inventory.setgid": inventory.setgid,
  "inventory.worldWritable": inventory.worldWritable,
  "inventory.orphaned": inventory.orphaned,
} as unknown as Record<string, Word>;

export interface Left {
  /** As the spec would have it. */
  readonly sentence: string;
  /** What was seen instead, or why it could not be asked. */
  readonly why: string;
}

/** The sentences that are true of the node, in their chapters, and those that are left out. */
export async function judged(
  node: Drafted,
  chapters: readonly Chapter[],
): Promise<{ readonly chapters: readonly Chapter[]; readonly left: readonly Left[] }> {
  const left: Left[] = [];
  const kept = await Promise.all(
    chapters.map(async (chapter) => {
      const objections = await Promise.all(chapter.sentences.map((sentence) => objection(node, sentence)));
      chapter.sentences.forEach((sentence, index) => {
        const why = objections[index];
        if (why !== undefined) left.push({ sentence: sentenceText(sentence), why });
      });
      return { ...chapter, sentences: chapter.sentences.filter((_, index) => objections[index] === undefined) };
    }),
  );
  return { chapters: kept.filter(({ sentences }) => sentences.length > 0), left };
}

async function objection(node: Drafted, sentence: Sentence): Promise<string | undefined> {
  try {
    const check = checkOf(sentence) as Check<Drafted>;
    const judgement = check.judge(await check.observe(node));
    if ("skipped" in judgement) return judgement.skipped;
    return judgement.met ? undefined : judgement.seen;
  } catch (error) {
    return messageOf(error);
  }
}

/** The check that a sentence is the text of. */
export function checkOf({ about: [word, ...subject], says: [predicate, ...values] }: Sentence): Check<never> {
  const sayings = vocabulary[word]?.(...(subject as never[]));
  const saying = sayings?.[predicate];
  if (saying === undefined) throw new TypeError(`there is no ${word}().${predicate}()`);
  return saying(...(values as never[]));
}

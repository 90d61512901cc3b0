// Decides how many machines of each group a command line asks for.
import { DeclarationError } from "../model/errors.ts";

/** Of words like `dev=5`. What is no such word, or a group twice, is a `DeclarationError`. @example countsOf(["dev=5"]) // { dev: 5 } */
export function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const word of words) {
    const [, group, count] = /^([^=]+)=(\d{1,3})$/.exec(word) ?? [];
    const wrong = group === undefined ? `"${word}" is no group and number` : `the group "${group}" is counted twice`;
    if (group === undefined || counts.has(group))
      throw new DeclarationError({
        code: "bad-count",
        seen: wrong,
        hint: "write each group once, as in --count dev=5",
      });
    counts.set(group, Number(count));
  }
  return Object.fromEntries(counts);
}

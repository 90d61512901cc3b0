// Decides how `--shard` is read.
import { DeclarationError } from "../model/errors.ts";
import type { Shard } from "../model/event.ts";

/** `2/3` is the second of three. A `DeclarationError` (code `bad-option`) for what is none. */
export function readShard(text: unknown): { readonly shard?: Shard } {
  if (text === undefined) return {};
  const [, index, count] = /^(\d{1,4})\/(\d{1,4})$/.exec(String(text))?.map(Number) ?? [];
  if (index === undefined || count === undefined || index < 1 || index > count)
    throw new DeclarationError({
      code: "bad-option",
      seen: `--shard ${String(text)} is no part of a whole`,
      hint: "write --shard 1/3 for the first of three",
    });
  return { shard: { index, count } };
}

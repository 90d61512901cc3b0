// Decides how `--keep` and `--keep-for` are read.

import { durationMs } from "../model/duration.ts";
import { DeclarationError } from "../model/errors.ts";

/** What `runCommand` is told. A `DeclarationError` (code `bad-option`) for what is neither; `--keep-for` alone means `--keep`. */
export function readKeep(
  keep: unknown,
  keepFor: unknown,
): { readonly keep?: "on-failure" | "always"; readonly keepMs?: number } {
  if (keep === undefined && keepFor === undefined) return {};
  if (keep !== undefined && keep !== true && keep !== "on-failure" && keep !== "always")
    throw new DeclarationError({
      code: "bad-option",
      seen: `--keep ${String(keep)} says nothing about when`,
      hint: "write --keep on-failure or --keep always, and --keep alone as the last word",
    });
  const when = keep === "always" ? "always" : "on-failure";
  return keepFor === undefined ? { keep: when } : { keep: when, keepMs: positive(String(keepFor)) };
}

function positive(text: string): number {
  const ms = durationMs(text);
  if (ms > 0) return ms;
  throw new DeclarationError({ code: "bad-option", seen: `--keep-for ${text} keeps nothing` });
}

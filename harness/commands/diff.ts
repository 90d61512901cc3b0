// Decides how `assay diff` tells what differs between two images at rest, and which differences end it with 1. Builds, starts and writes
// nothing; an engine is asked for `name:tag` alone.
import { setFlagsFromString } from "node:v8";
import { readConfig } from "../config.ts";
import { diffOf } from "../diff/diff-of.ts";
import { type DiffRules, diffRuleNames, diffRuleWords, violations } from "../diff/violations.ts";
import { sizeBytes } from "../model/duration.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { redact } from "../model/secret.ts";
import { diffLines } from "../reporting/diff-text.ts";
import { openImage } from "./diff-image.ts";

export interface DiffOptions {
  readonly json?: boolean;
  readonly all?: boolean;
  /** Of images of several platforms. */
  readonly platform?: string;
  /** `setuid-added,packages-added=3` */
  readonly failOn?: string;
}

/**
 * `assay diff <old> <new>`. With `json` prints `ImageDiff` with `violations` beside its fields. 0: the same, or all that differs is allowed; 1: a
 * rule of `failOn` is broken. A `DeclarationError` (codes `bad-rule`, `image-missing`, `not-built`, …) before anything is read.
 */
export async function diffCommand(
  [oldWord = "", newWord = ""]: readonly string[],
  options: DiffOptions,
): Promise<number> {
  // Gigabytes are read in pieces that are let go of at once. While the heap's nursery stays as small as it begins, it is swept so often that few
  // of them wait for that: 234 MB at most where it was 305, in no more time.
  setFlagsFromString("--semi-space-growth-factor=1");
  const rules = readRules(options.failOn ?? "");
  const config = readConfig();
  const opened: { close(): Promise<void> }[] = [];
  try {
    // One after the other: each is read whole once, from the same disk.
    const old = await openImage(config, oldWord, options.platform);
    opened.push(old);
    const now = await openImage(config, newWord, options.platform);
    opened.push(now);
    const diff = await diffOf({ name: oldWord, ...old }, { name: newWord, ...now }, { all: options.all === true });
    const broken = violations(diff, rules);
    console.log(
      options.json === true
        ? harmless(redact(JSON.stringify({ ...diff, violations: broken }, null, 2)))
        : diffLines(diff, { all: options.all === true, violations: broken }).join("\n"),
    );
    return broken.length > 0 ? ExitCode.failed : ExitCode.met;
  } finally {
    await Promise.all(opened.map((each) => each.close()));
  }
}

/** JSON escapes control characters; what a terminal acts on beside those is escaped here, and reads back the same. */
function harmless(json: string): string {
  return json.replace(
    /[\x7f-\x9f]|\p{Bidi_Control}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Rules, parted by commas: a name, or a budget with its number. @example readRules("setuid-added,packages-added=3,bytes-added=10m") */
export function readRules(text: string): DiffRules {
  const rules: Record<string, boolean | number> = {};
  for (const word of text.split(",").filter((each) => each !== "")) {
    const [name = "", value] = word.trim().split("=");
    if (value === undefined && diffRuleNames.some((known) => known === name)) rules[name] = true;
    else if (name === "packages-added" && /^\d{1,9}$/.test(value ?? "")) rules[name] = Number(value);
    else if (name === "bytes-added" && value !== undefined) rules[name] = sizeBytes(value as `${number}m`);
    else {
      const names = Object.keys(diffRuleWords);
      const guess = nearest(name, names);
      throw new DeclarationError({
        code: "bad-rule",
        seen: `--fail-on ${word} is no rule`,
        hint:
          guess === undefined || guess === name
            ? `there are ${names.join(", ")}; packages-added=3 and bytes-added=10m are budgets`
            : `did you mean "${guess}"?`,
      });
    }
  }
  return rules as DiffRules;
}

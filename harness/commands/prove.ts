// Decides how `assay prove` goes: an ordinary run whose tests are proved before teardown, and what is said of that.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "../config.ts";
import { DeclarationError, ExitCode } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { type MutationKind, mutationKinds, type Proof } from "../model/proof.ts";
import { figureLines, figuresOf } from "../prove/figures.ts";
import { oneLine } from "../reporting/escape.ts";
import { runCommand } from "./run.ts";

export interface ProveOptions {
  readonly min?: string;
  readonly only?: string;
  readonly node?: string;
  readonly project?: string;
  readonly with?: string;
  readonly json?: boolean;
}

/**
 * `assay prove [pattern…]`. The figures go to `prove.json` beside the report. 1 where less than `min` of the mutants is noticed, where a check
 * is always met or a test observes nothing and `min` is given; what the run ended with where that is not met: specs that are red prove nothing.
 */
export async function proveCommand(patterns: readonly string[], options: ProveOptions): Promise<number> {
  const min = readMin(options.min);
  const only = readKinds(options.only);
  const proofs: Proof[] = [];
  let run: string | undefined;
  let began = Number.POSITIVE_INFINITY;
  let ended = Number.NEGATIVE_INFINITY;
  const code = await runCommand(patterns, {
    projects: [options.project ?? "specs"],
    ...(options.with === undefined ? {} : { with: options.with }),
    prove: { only, node: options.node },
    aside: options.json === true,
    heard(event) {
      if (event.event === "run-started") run = event.run;
      if (event.event !== "proved") return;
      const { event: _, at, ...proof } = event;
      proofs.push(proof);
      began = Math.min(began, at - proof.ms);
      ended = Math.max(ended, at);
    },
  });
  const figures = figuresOf(
    proofs.sort((a, b) => a.file.localeCompare(b.file)),
    Math.max(0, ended - began),
  );
  const said = { min, ...figures };
  if (run !== undefined)
    writeFileSync(join(readConfig().runs, run, "prove.json"), `${JSON.stringify(said, null, 2)}\n`);
  if (options.json === true) console.log(JSON.stringify(said, null, 2));
  else console.log(["", ...figureLines(figures).map((line) => oneLine(line))].join("\n"));
  if (code !== ExitCode.met) {
    console.error("assay: the specs are not met as they are: what they notice of a change says nothing");
    return code;
  }
  if (min === undefined) return ExitCode.met;
  // Nothing made is nothing proved.
  const { made, share } = figures;
  const empty = figures.specs.some(({ alwaysTrue, hollow }) => alwaysTrue.length + hollow.length > 0);
  const enough = made > 0 && share >= min && !empty;
  if (!enough && options.json !== true)
    console.log(
      made === 0
        ? "\nnot proved: no change could be made"
        : `\nnot proved: ${share < min ? `less than ${min} was noticed` : "some checks are always met, or tests observe nothing"}`,
    );
  return enough ? ExitCode.met : ExitCode.failed;
}

function readMin(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  const share = Number(word);
  if (/^(0|1|0?\.\d+|1\.0+)$/.test(word) && share >= 0 && share <= 1) return share;
  throw new DeclarationError({
    code: "bad-option",
    seen: `--min ${word} is no share`,
    hint: "write a number from 0 to 1, as 0.95",
  });
}

function readKinds(word: string | undefined): readonly MutationKind[] | undefined {
  if (word === undefined) return undefined;
  return word.split(",").map((each) => {
    const kind = mutationKinds.find((known) => known === each);
    if (kind !== undefined) return kind;
    const guess = nearest(each, [...mutationKinds]);
    throw new DeclarationError({
      code: "bad-option",
      seen: `--only ${each}: there is no such kind of change`,
      hint: guess === undefined ? `there are ${mutationKinds.join(", ")}` : `did you mean "${guess}"?`,
    });
  });
}

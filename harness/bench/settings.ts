// Decides what `assay bench` tells the bench specs, which run in processes of their own, and where they answer.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export interface BenchSettings {
  /** Directory with `goss`, `goss.yaml` and `defect.yaml`, to be mounted at `gossMount`; absent where goss is missing. */
  readonly goss?: string;
  /** Its `pytest`, and a directory with `test_files.py` and `test_defect.py`; absent where testinfra is missing. */
  readonly testinfra?: { readonly pytest: string; readonly directory: string };
  /** Directory with `files_spec.rb` and `defect_spec.rb`; absent where serverspec is missing. */
  readonly serverspec?: string;
  /** File for the answer. */
  readonly answer: string;
  readonly warmUp: number;
  readonly rounds: number;
}

/** Timings by what was timed, in milliseconds. */
export type Timings = Readonly<Record<string, readonly number[]>>;

export interface Answer {
  readonly timings: Timings;
  readonly words: Readonly<Record<string, string>>;
}

const variable = "ASSAY_BENCH";

/** The environment variable for a bench spec's process. */
export function handOver(settings: BenchSettings): Record<string, string> {
  return { [variable]: JSON.stringify(settings) };
}

/** In a bench spec: what was handed over. Throws where nothing was: a bench is not run by itself. */
export function benchSettings(): BenchSettings {
  const given = process.env[variable];
  if (given === undefined) throw new Error("this is measured by `npm run bench`, not run by itself");
  return JSON.parse(given) as BenchSettings;
}

/** May be called again, with more. `words`: what a reader has to know beside the timings, by name. */
export function answer(
  { answer: path }: BenchSettings,
  timings: Timings,
  words: Readonly<Record<string, string>> = {},
): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify({ timings, words }));
}

/** The answer, which is taken away: a later one cannot be confused with it. */
export function takeAnswer({ answer: path }: BenchSettings): Answer {
  const answer = JSON.parse(readFileSync(path, "utf8")) as Answer;
  rmSync(path);
  return answer;
}

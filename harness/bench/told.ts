// Decides how a bench spec is run and what it told is read as: a side of a row, or the reason why that side has none. What a spec did
// not come to measure is missing; it never stops the others.
import { join } from "node:path";
import type { Config } from "../config.ts";
import { messageOf } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { sampleOf } from "./sample.ts";
import { type Answer, type BenchSettings, handOver, takeAnswer } from "./settings.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";

export interface Told extends Answer {
  /** Why a number is not there. */
  readonly why: string;
}

export interface Running {
  readonly config: Config;
  readonly host: Node;
  readonly say: (line: string) => void;
  readonly settings: BenchSettings;
}

/** Runs the bench spec in a run of its own, whose supervisor clears up. What it had told before it failed counts. */
export async function toldBy({ config, host, say, settings }: Running, pattern: string): Promise<Told> {
  say(pattern);
  const command = [join(config.project, "harness/assay"), "run", "--project", "bench", pattern];
  let why = "it was not reached";
  try {
    await timed(host, command, handOver(settings), 3_600_000);
  } catch (error) {
    why = messageOf(error).split("\n").at(-1) ?? "";
    say(why);
  }
  try {
    return { ...takeAnswer(settings), why };
  } catch {
    return { timings: {}, words: {}, why };
  }
}

/** What was taken under a name, done `by` these means. */
export function side({ timings, why }: Told, name: string, by: string): Row["ours"] {
  const taken = timings[name] ?? [];
  return taken.length === 0 ? { by, missing: why } : { by, sample: sampleOf(taken) };
}

/** Lowest and highest of the loads that were taken under a name. */
export function loadOf({ timings }: Answer, name: string): { load?: [number, number] } {
  const seen = timings[name] ?? [];
  return seen.length === 0 ? {} : { load: [Math.min(...seen), Math.max(...seen)] };
}

/** How the guests were run. */
export function howOf({ words }: Answer): "hardware" | "emulated" {
  return words["accelerator"] === "kvm" ? "hardware" : "emulated";
}

// Decides how a studio's bench keeps what it took: by name, with how busy the machine was, told as it goes, so that what was measured
// before something failed is not lost.
import { loadavg } from "node:os";
import { answer, benchSettings } from "./settings.ts";

export interface Taking {
  /** A number of milliseconds, or of mebibytes. */
  keep(name: string, value: number): void;
  /** What a reader has to know beside. */
  say(name: string, word: string): void;
  /** Milliseconds that the work takes are kept, and the load before it as `… load`. Resolves with what the work does. */
  time<Done>(name: string, work: () => Promise<Done>): Promise<Done>;
}

/** Of the bench spec that runs. */
export function taking(): Taking {
  const settings = benchSettings();
  const timings: Record<string, number[]> = {};
  const words: Record<string, string> = {};
  const add = (name: string, value: number) => {
    timings[name] ??= [];
    timings[name].push(value);
  };
  const keep = (name: string, value: number) => {
    add(name, value);
    console.error(`bench: ${name} ${value.toFixed(1)} at load ${loadavg()[0]?.toFixed(1)}`);
    answer(settings, timings, words);
  };
  return {
    keep,
    say(name, word) {
      words[name] = word;
    },
    async time(name, work) {
      const load = loadavg()[0] ?? 0;
      const began = performance.now();
      const done = await work();
      const took = performance.now() - began;
      add(`${name.replace(/:.*/, "")}: load`, load);
      keep(name, took);
      return done;
    },
  };
}

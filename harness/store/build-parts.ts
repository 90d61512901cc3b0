// Decides what a part of a build is: what a line of its progress tells of. Their durations tell the next build how long it will take.
import type { Recipe } from "../model/recipe.ts";

/** Listens to lines that tell of parts that ended, and takes the time between them. */
export function timed(say: (line: string) => void): { say: (line: string) => void; durations: Record<string, number> } {
  const durations: Record<string, number> = {};
  let last = performance.now();
  return {
    durations,
    say(line) {
      const now = performance.now();
      durations[partOf(line)] = Math.round(now - last);
      last = now;
      say(line);
    },
  };
}

/** What a line of `BuildOptions.say` is about, without how long it took. */
export function partOf(line: string): string {
  return line.replace(/: [^:]*$/, "");
}

/**
 * Takes what has ended, or was skipped, from what was to be done: that part, and all before it, as parts come in their order. `part`: a
 * title, or the beginning of several; one that nobody knew takes the place of the next that does such work (its recipe, its first word).
 */
export function settle(left: Map<string, number>, part: string): void {
  const titles = [...left.keys()];
  const known = titles.findLastIndex((title) => title.startsWith(part));
  const kind = kindOf(part);
  const last = known === -1 ? titles.findIndex((title) => kindOf(title) === kind) : known;
  for (const title of titles.slice(0, last + 1)) left.delete(title);
}

/** `soe: run` of `soe: run apt-get clean` */
function kindOf(part: string): string {
  return /^(?:[a-z0-9._-]+: )*\S+/.exec(part)?.[0] ?? part;
}

/** What a recipe starts from, for people: `debian bookworm`. */
export function baseTitle({ from }: Recipe): string {
  if (from.base === "image") return from.reference;
  if (from.base === "dockerfile") return `dockerfile ${from.directory}`;
  if (from.base === "archive") return `archive ${from.path}`;
  return from.base === "recipe" ? from.recipe.name : `debian ${from.suite}`;
}

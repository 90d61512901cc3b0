// Decides what a part of a build is: what a line of its progress tells of. Their durations tell the next build how long it will take.

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

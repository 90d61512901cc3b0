// Decides how many timings of one thing become a few numbers. Refuses means: one interrupted round would move them.

/** Timings of one side, in milliseconds. */
export interface Sample {
  readonly rounds: number;
  readonly median: number;
  /** A quarter of the rounds took at most this. */
  readonly lower: number;
  /** A quarter of the rounds took at least this. */
  readonly upper: number;
}

/**
 * Median and quartiles. A `RangeError` for no timings, as there is no such thing as a sample of nothing, and for one that is no number:
 * it would be within every limit.
 */
export function sampleOf(timings: readonly number[]): Sample {
  if (timings.length === 0) throw new RangeError("no timings were taken");
  const wrong = timings.find((each) => !Number.isFinite(each));
  if (wrong !== undefined) throw new RangeError(`no timing is ${wrong}`);
  const sorted = [...timings].sort((a, b) => a - b);
  return {
    rounds: sorted.length,
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
  };
}

/** How many times as long as the peer; a `RangeError` where the peer took no time, which no peer does. */
export function ratioOf(ours: Sample, peer: Sample): number {
  if (!(peer.median > 0)) throw new RangeError(`a peer cannot take ${peer.median} ms`);
  return ours.median / peer.median;
}

/** Between the two nearest timings, in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

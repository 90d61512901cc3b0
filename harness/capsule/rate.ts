// Decides how often something fails, as far as so many runs can tell.
// Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927): the score interval, which
// stays within 0 and 1 and says something of none and of all.

/** Of a share, both ends of its interval of 95 %. */
export interface Rate {
  readonly count: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

const z = 1.959963984540054;

/** `undefined` where nothing was asked. @example rateOf(12, 50) // { share: 0.24, low: 0.143…, high: 0.374… } */
export function rateOf(count: number, of: number): Rate | undefined {
  if (of === 0) return undefined;
  const share = count / of;
  const middle = (share + z ** 2 / (2 * of)) / (1 + z ** 2 / of);
  const half = (z / (1 + z ** 2 / of)) * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2));
  return { count, of, share, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** `12 of 50 failed: 24 %, between 14 % and 37 % at 95 %` */
export function sayRate({ count, of, share, low, high }: Rate): string {
  const percent = (each: number) => `${Math.round(each * 100)} %`;
  return `${count} of ${of} failed: ${percent(share)}, between ${percent(low)} and ${percent(high)} at 95 %`;
}

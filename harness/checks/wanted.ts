// Decides what it means that a text contains something, and how much of the text a message shows.

/** A text that must occur as it is, or a pattern. */
export type Wanted = string | RegExp;

/** Whether `wanted` occurs in `text`. A pattern's `g` and `y` are ignored: a check has no memory. */
export function occurs(wanted: Wanted, text: string): boolean {
  if (typeof wanted === "string") return text.includes(wanted);
  return new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, "")).test(text);
}

/** @example sayWanted(/a+/) // "/a+/" */
export function sayWanted(wanted: Wanted): string {
  return typeof wanted === "string" ? JSON.stringify(wanted) : String(wanted);
}

/** What a message shows of a text in which something was looked for: where it was found, no more than that. */
export function sayFound(wanted: Wanted, text: string): string {
  return occurs(wanted, text) ? `it has ${sayWanted(wanted)}` : excerpt(text);
}

/** The text quoted, shortened in its middle where it is longer than `most` characters. */
export function excerpt(text: string, most = 400): string {
  if (text === "") return "nothing";
  if (text.length <= most) return JSON.stringify(text);
  const half = Math.floor(most / 2);
  return `${JSON.stringify(text.slice(0, half))} … ${JSON.stringify(text.slice(-half))} (${text.length} characters)`;
}

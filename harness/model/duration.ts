// Decides how time and sizes are written in declarations: "30s", "64m". Inside, time is `…Ms` and size is bytes.
import { DeclarationError } from "./errors.ts";

/** Milliseconds, seconds, minutes or hours: `"250ms"`, `"30s"`, `"2m"`, `"1h"`. */
export type Duration = `${number}${"ms" | "s" | "m" | "h"}`;

/** Bytes with a binary unit: `"64k"`, `"256m"`, `"2g"`. */
export type Size = `${number}${"b" | "k" | "m" | "g"}`;

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const sizeUnits: Record<string, number> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/**
 * Milliseconds of a duration. Rejects what it cannot read with a `DeclarationError` (code `bad-duration`).
 * @example durationMs("1.5s") // 1500
 */
export function durationMs(text: string, at?: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (match === null) {
    throw new DeclarationError({
      code: "bad-duration",
      at,
      seen: `"${text}" is not a duration`,
      hint: 'write a number and ms, s, m or h, as in "30s"',
    });
  }
  return Number(match[1]) * (durationUnits[match[2] ?? ""] ?? Number.NaN);
}

/**
 * Bytes of a size. Rejects what it cannot read with a `DeclarationError` (code `bad-size`).
 * @example sizeBytes("256m") // 268435456
 */
export function sizeBytes(text: string, at?: string): number {
  const match = /^(\d+(?:\.\d+)?)([bkmg])$/.exec(text);
  if (match === null) {
    throw new DeclarationError({
      code: "bad-size",
      at,
      seen: `"${text}" is not a size`,
      hint: 'write a number and b, k, m or g, as in "256m"',
    });
  }
  return Math.round(Number(match[1]) * (sizeUnits[match[2] ?? ""] ?? Number.NaN));
}

/** Bytes as a declaration writes them, in the largest unit that needs no fraction. @example writtenSize(536_870_912) // "512m" */
export function writtenSize(bytes: number): Size {
  const units = Object.entries(sizeUnits).filter(([, size]) => bytes % size === 0);
  const [unit, size] = units.at(-1) ?? ["b", 1];
  return bytes === 0 ? "0b" : `${bytes / size}${unit as "b"}`;
}

/** A duration for people. @example sayMs(93_500) // "1m 34s" */
export function sayMs(ms: number): string {
  // The limits are those of what is said: what would round up to the next unit is said in that.
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
}

/** A size for people, in binary units. @example sayBytes(436_207_616) // "416.0 MiB" */
export function sayBytes(bytes: number): string {
  const [unit, divisor] =
    bytes >= 1024 ** 3 ? ["GiB", 1024 ** 3] : bytes >= 1024 ** 2 ? ["MiB", 1024 ** 2] : ["KiB", 1024];
  return `${(bytes / (divisor as number)).toFixed(1)} ${unit}`;
}

// Decides how the difference between two manifests is told to a person. Pure: text of two pieces of data.
import type { Manifest } from "./manifest.ts";

/** What a recipe is beside what was last built of it. */
export interface Reasons {
  readonly state: "never-built" | "changed" | "unchanged";
  /** Of the recipe as it is now. */
  readonly digest: string;
  /** ISO time of the image that the store has of it as it is now; absent: a build would make it anew. */
  readonly builtAt?: string;
  /** What differs from what was last built; of one that is unchanged, why that was built. */
  readonly because: readonly string[];
}

/** `last`: digest of what was built last. `entry`: what the store has of the recipe as it is now. */
export function reasonsOf(
  digest: string,
  last: string | undefined,
  entry: { readonly builtAt: string; readonly because: readonly string[] } | undefined,
  difference: (before: string) => readonly string[],
): Reasons {
  if (last === undefined) return { state: "never-built", digest, because: [] };
  if (entry === undefined) return { state: "changed", digest, because: difference(last) };
  const found = { digest, builtAt: entry.builtAt };
  return last === digest
    ? { state: "unchanged", ...found, because: entry.because }
    : { state: "changed", ...found, because: difference(last) };
}

/** The same in words, the first line a heading. */
export function whyLines(name: string, { state, builtAt, because }: Reasons): string[] {
  if (state === "never-built") return [`${name} was never built here`];
  if (state === "unchanged")
    return [`${name}: nothing has changed since it was built at ${builtAt}, which was because:`, ...because];
  const found = builtAt === undefined ? "a build would make it anew" : "the store has it as it is now";
  return [`${name} is not what was last built; ${found}:`, ...because];
}

/**
 * One line a difference, sorted by place; empty when nothing differs.
 *
 * @example
 * // files.roles/bash/tasks/main.yml: sha256 ab12cd34ef56… → cd34ef56ab12…
 * // base.include: + iproute2
 */
export function manifestDifference(before: Manifest, now: Manifest): string[] {
  return differences("", before, now);
}

/** The same of any two pieces of data that JSON can say. */
export function dataDifference(before: unknown, now: unknown): string[] {
  return differences("", before, now);
}

function differences(place: string, before: unknown, now: unknown): string[] {
  if (isPlainList(before) && isPlainList(now) && place.endsWith("include")) return setDifference(place, before, now);
  if (isRecord(before) && isRecord(now)) {
    if (isFile(before) && isFile(now)) return fileDifference(place, before, now);
    if (typeof before["hmac"] === "string" && typeof now["hmac"] === "string")
      return before["hmac"] === now["hmac"] ? [] : [`${place}: another value of secret "${String(now["secret"])}"`];
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
    return keys.flatMap((key) => differences(place === "" ? key : `${place}.${key}`, before[key], now[key]));
  }
  if (Array.isArray(before) && Array.isArray(now) && (before.some(isRecord) || now.some(isRecord))) {
    const length = Math.max(before.length, now.length);
    return Array.from({ length }, (_, at) => differences(`${place}.${at + 1}`, before[at], now[at])).flat();
  }
  const [was, is] = [say(before), say(now)];
  if (was === is) return [];
  if (before === undefined) return [`${place}: + ${is}`];
  if (now === undefined) return [`${place}: - ${was}`];
  return [`${place}: ${was} → ${is}`];
}

function setDifference(place: string, before: readonly unknown[], now: readonly unknown[]): string[] {
  return [
    ...before.filter((item) => !now.includes(item)).map((item) => `${place}: - ${String(item)}`),
    ...now.filter((item) => !before.includes(item)).map((item) => `${place}: + ${String(item)}`),
  ];
}

function fileDifference(place: string, before: Record<string, unknown>, now: Record<string, unknown>): string[] {
  const lines: string[] = [];
  if (before["sha256"] !== now["sha256"])
    lines.push(`${place}: sha256 ${say(before["sha256"])} → ${say(now["sha256"])}`);
  if (before["mode"] !== now["mode"]) lines.push(`${place}: mode ${say(before["mode"])} → ${say(now["mode"])}`);
  return lines;
}

function isFile(value: Record<string, unknown>): boolean {
  return typeof value["sha256"] === "string" && typeof value["mode"] === "string";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlainList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && !value.some(isRecord);
}

function say(value: unknown): string {
  if (isRecord(value) && isFile(value)) return `a file, sha256 ${say(value["sha256"])}`;
  if (isRecord(value) && typeof value["step"] === "string") return `${value["step"]} ${JSON.stringify(value)}`;
  if (typeof value === "string") {
    const hex = /^(sha256:)?([0-9a-f]{12})[0-9a-f]{52}$/.exec(value);
    return hex === null ? value : `${hex[1] ?? ""}${hex[2]}…`;
  }
  return JSON.stringify(value) ?? "nothing";
}

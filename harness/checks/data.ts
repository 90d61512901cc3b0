// Decides which sentences can be said about a value in structured contents, and what their messages show.
// The contents are read whole, up to 4 MiB; what is no JSON (YAML, INI, XML) is not met, with the place of the flaw.
import { isDeepStrictEqual } from "node:util";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import type { DataFormat, Parsed } from "./data-parse.ts";
import { dataSteps, placeIn, sayKind, sayPath } from "./data-path.ts";
import { fileContents, type NoContents } from "./file-bytes.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { compareSemantic, soleVersion } from "./semantic-version.ts";
import { failedProbe } from "./unanswered.ts";
import { isInRange, versionRange } from "./version-range.ts";
import { excerpt, occurs, sayWanted, type Wanted } from "./wanted.ts";

/** Most bytes that are read as structured contents: 4 MiB. */
const dataLimit = 4 * 1024 * 1024;

export type DataSeen = Parsed | NoContents;

/**
 * The value at a place in a file of structured contents: `file("/etc/app.json").json("servers[0].port").is(8080)`.
 * The path's grammar is `dataSteps`'; without a path it is the whole.
 */
export function dataIn(file: string, format: DataFormat, path = "") {
  return sentencesAbout<Node>(
    {
      subject: (place) => `${place(format)} of file ${sayWord(file)}`,
      command: `cat ${sayWord(file)}`,
      async observe(node) {
        const seen = await node.observe(fileContents, file);
        if ("nothing" in seen) return seen;
        if (!seen.whole || seen.bytes.length > dataLimit)
          throw failedProbe(`cannot read ${file} as ${format}`, `it is longer than ${dataLimit} bytes`);
        return readAs(format, seen.bytes);
      },
    },
    format,
    path,
  );
}

/** The parsers are loaded where one is needed. */
export async function readAs(format: DataFormat, bytes: Buffer): Promise<Parsed> {
  return (await import("./data-parse.ts")).parseData(format, bytes);
}

/** The sentences about a value in contents that come from anywhere; `place` says where in them it is: `port in the JSON`. */
export function sentencesAbout<N extends Node>(
  contents: {
    readonly subject: (place: (format: DataFormat) => string) => string;
    readonly command: string;
    readonly observe: (node: N) => Promise<DataSeen>;
  },
  format: DataFormat,
  path = "",
) {
  const steps = dataSteps(path);
  const ask = about<N, DataSeen>({
    ...contents,
    subject: contents.subject((what) => (steps.length === 0 ? what : `${sayPath(steps)} in the ${what}`)),
  });
  /** A sentence about the value; that there is none is not met, whatever it says. */
  const say = (predicate: string, expected: string, holds: (value: unknown) => boolean) =>
    ask(predicate, (seen) => judgeValue(seen, format, steps, expected, holds));

  return {
    /** Something is there, be it null. */
    exists: () => say("exists", "something there", () => true),
    /** Equal to this value, tables and lists in depth; a number is not the text of its digits, and INI and XML have texts. */
    is: (wanted: unknown) => say(`is ${sayValue(wanted)}`, sayValue(wanted), (value) => isSame(value, wanted)),
    /** A text in which this occurs; or a list that has this element, or a text in which the pattern occurs. */
    contains: (wanted: Wanted | number | boolean | null | object) => {
      const said = wanted instanceof RegExp ? sayWanted(wanted) : sayValue(wanted);
      return say(`contains ${said}`, said, (value) => hasIn(value, wanted));
    },
    /** A text in which a pattern occurs. */
    matches: (pattern: RegExp) =>
      say(`matches ${pattern}`, String(pattern), (value) => typeof value === "string" && occurs(pattern, value)),
    /** A text that begins so. */
    startsWith: (beginning: string) =>
      say(`starts with ${sayValue(beginning)}`, `${sayValue(beginning)} …`, (value) =>
        hasEnd(value, beginning, "startsWith"),
      ),
    /** A text that ends so. */
    endsWith: (end: string) =>
      say(`ends with ${sayValue(end)}`, `… ${sayValue(end)}`, (value) => hasEnd(value, end, "endsWith")),
    /** A list of these elements and no others, in any order. @example file("/a.json").json("hosts[*].name").hasExactly("a", "b") */
    hasExactly: (...wanted: readonly unknown[]) =>
      say(`has exactly ${sayValue(wanted)}`, `${sayValue(wanted)}, in any order`, (value) => hasSame(value, wanted)),
    /**
     * A text that is a version in a range, in semver's order: comparisons that all have to hold, or lists of them with `||`.
     * @example file("/srv/app/package.json").json("version").isVersionIn(">=1.2 <2")
     */
    isVersionIn(range: string) {
      const wanted = versionRange(range);
      return say(`is a version in ${range}`, range, (value) => {
        const version = soleVersion(typeof value === "number" ? String(value) : typeof value === "string" ? value : "");
        return version !== undefined && isInRange(version, wanted, compareSemantic);
      });
    },
    /** So many elements, names, or characters. */
    hasLength(count: number) {
      requireSubject(Number.isInteger(count) && count >= 0, `${count} is no length`, "write a whole number from 0 on");
      return say(`has length ${count}`, `length ${count}`, (value) => lengthOf(value) === count);
    },
    /** A table with all these names, and maybe others. */
    hasNames: (...names: readonly string[]) => {
      requireSubject(
        names.length > 0,
        "hasNames was given no name",
        "an empty list asserts nothing; write what is to be there",
      );
      return say(`has the names ${names.join(", ")}`, names.join(", "), (value) =>
        names.every((name) => typeof value === "object" && value !== null && Object.hasOwn(value, name)),
      );
    },
    /** A number, or the text of one, that is not smaller. */
    isAtLeast: (least: number) => say(`is at least ${least}`, `at least ${least}`, (value) => numberOf(value) >= least),
    /** A number, or the text of one, that is not greater. */
    isAtMost: (most: number) => say(`is at most ${most}`, `at most ${most}`, (value) => numberOf(value) <= most),
  };
}

/** Pure: what a person is told of a place in what was read. */
function judgeValue(
  seen: DataSeen,
  format: DataFormat,
  steps: ReturnType<typeof dataSteps>,
  expected: string,
  holds: (value: unknown) => boolean,
): Judgement {
  if ("nothing" in seen)
    return verdict(false, expected, seen.nothing === "absent" ? "the file does not exist" : "it is not a regular file");
  if ("flaw" in seen) return verdict(false, expected, `it is not ${format}: ${seen.flaw}`);
  const place = placeIn(seen.value, steps);
  if (!place.found) return verdict(false, expected, `nothing there: ${place.seen}`);
  return verdict(holds(place.value), expected, sayValue(place.value));
}

/** Tables of parsers have other prototypes than those written in a spec. */
function isSame(value: unknown, wanted: unknown): boolean {
  return isDeepStrictEqual(plain(value), plain(wanted));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}

function hasEnd(value: unknown, part: string, at: "startsWith" | "endsWith"): boolean {
  return typeof value === "string" && value[at](part);
}

function hasSame(value: unknown, wanted: readonly unknown[]): boolean {
  if (!Array.isArray(value) || value.length !== wanted.length) return false;
  const left = [...value];
  return wanted.every((each) => {
    const at = left.findIndex((found) => isSame(found, each));
    if (at !== -1) left.splice(at, 1);
    return at !== -1;
  });
}

function hasIn(value: unknown, wanted: unknown): boolean {
  const here = (each: unknown) =>
    wanted instanceof RegExp ? typeof each === "string" && occurs(wanted, each) : isSame(each, wanted);
  if (Array.isArray(value)) return value.some(here);
  if (typeof value !== "string") return false;
  return typeof wanted === "string" ? value.includes(wanted) : here(value);
}

function lengthOf(value: unknown): number | undefined {
  if (typeof value === "string") return [...value].length;
  if (Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : undefined;
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN;
}

function sayValue(value: unknown): string {
  if (typeof value !== "object" || value === null)
    return typeof value === "string" ? (value === "" ? '""' : excerpt(value)) : String(value);
  const text = JSON.stringify(value) ?? "";
  return text.length <= 400 ? text : `${sayKind(value)}: ${text.slice(0, 400)}…`;
}

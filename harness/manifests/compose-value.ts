// Decides how the words of a compose file are read: `${NAME:-default}` from given values alone, sizes, durations, and command lines.
import type { Duration, Size } from "../model/duration.ts";
import type { Placed } from "./placed.ts";

/** What `${NAME}` may stand for. This machine's own variables are none of it. */
export type Values = Readonly<Record<string, string>>;

/**
 * `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`, `${NAME:+other}`, `${NAME+other}`; `$$` is
 * `$`. A name that nothing is given for is refused, unless it says what then.
 * @see https://docs.docker.com/reference/compose-file/interpolation/
 */
export function interpolated(placed: Placed, values: Values): string {
  return interpolate(placed.word(), values, placed);
}

function interpolate(text: string, values: Values, placed: Placed): string {
  let out = "";
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    if (rest[0] !== "$") {
      out += rest[0];
      at += 1;
      continue;
    }
    const [plain, name] = /^\$([A-Za-z_]\w*)/.exec(rest) ?? [];
    if (rest.startsWith("$$")) {
      out += "$";
      at += 2;
    } else if (plain !== undefined && name !== undefined) {
      out += given(name, values, placed);
      at += plain.length;
    } else {
      const end = rest[1] === "{" ? closing(rest) : -1;
      const inside = end < 0 ? null : /^([A-Za-z_]\w*)(?:(:?[-?+])(.*))?$/s.exec(rest.slice(2, end));
      if (inside === null)
        return placed.refuse(
          `"${rest.slice(0, 20)}" is no variable`,
          `write \${NAME}, \${NAME:-default}, or $$ for "$"`,
        );
      const [, variable = "", how = "", other = ""] = inside;
      out += chosen(variable, how, () => interpolate(other, values, placed), values, placed);
      at += end + 1;
    }
  }
  return out;
}

/** Where the brace that the text begins with after its `$` is closed; -1 where it is not. */
function closing(text: string): number {
  let depth = 0;
  for (let at = 1; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function given(name: string, values: Values, placed: Placed): string {
  if (Object.hasOwn(values, name)) return values[name] as string;
  return placed.refuse(
    `nothing is given for \${${name}}`,
    `give it: values: { ${name}: "…" }, or write \${${name}:-default}`,
    "unknown-variable",
  );
}

function chosen(name: string, how: string, other: () => string, values: Values, placed: Placed): string {
  const value = Object.hasOwn(values, name) ? values[name] : undefined;
  const there = value !== undefined && (!how.startsWith(":") || value !== "");
  if (how === "") return given(name, values, placed);
  if (how.endsWith("+")) return there ? other() : "";
  if (there) return value;
  return how.endsWith("-")
    ? other()
    : placed.refuse(`\${${name}} is wanted: ${other() || "it is not given"}`, undefined, "unknown-variable");
}

/** `512m`, `1.5gb`, `64k`, `100b`, or a number of bytes. */
export function composeSize(text: string, placed: Placed): Size {
  const match = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(text);
  if (match === null) return placed.refuse(`"${text}" is not a size`, 'write a number and b, k, m or g, as in "256m"');
  return `${Number(match[1])}${(match[2] || "b").toLowerCase() as "b" | "k" | "m" | "g"}`;
}

const milliseconds: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `1m30s`, `500ms`. */
export function composeDuration(text: string, placed: Placed): Duration {
  if (!/^(?:\d+(?:\.\d+)?(?:us|ms|s|m|h))+$/.test(text))
    return placed.refuse(`"${text}" is not a duration`, 'write it as in "1m30s"');
  let sum = 0;
  for (const [, number, unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g))
    sum += Number(number) * (milliseconds[unit] ?? Number.NaN);
  return `${sum}ms`;
}

/** A command line as compose splits it: at blanks, with quotes and backslashes as in a shell, and nothing else of one. */
export function splitWords(text: string, placed: Placed): readonly string[] {
  const words: string[] = [];
  const word = /(?:[^\s"'\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+/y;
  for (let at = 0; at < text.length; ) {
    const blank = /\s+/y;
    blank.lastIndex = at;
    if (blank.test(text)) {
      at = blank.lastIndex;
      continue;
    }
    word.lastIndex = at;
    const [found] = word.exec(text) ?? [];
    if (found === undefined) return placed.refuse("a quote in it is not closed", "or write it as a list");
    words.push(
      found.replace(
        /\\([\s\S])|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"/g,
        (_, escaped, single, double) => escaped ?? single ?? (double as string).replace(/\\(["\\$`])/g, "$1"),
      ),
    );
    at = word.lastIndex;
  }
  return words;
}

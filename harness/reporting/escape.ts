// Decides how foreign text (what nodes, tools and specs said) is made harmless for each format a person reads.
// Nothing else in this room puts foreign text into HTML, XML, Markdown or a terminal.
import { stripVTControlCharacters } from "node:util";
import { redact } from "../model/secret.ts";

/**
 * Foreign text as the report keeps it: secrets out first (a clipped secret would not be recognised), then clipped to
 * `limit` characters, lone surrogates replaced. Terminal escapes stay, because a check may be about them, unless they
 * hide a secret.
 */
export function told(text: string, limit = 16_384): string {
  const kept = clip(redact(text.toWellFormed()), limit);
  const bare = stripVTControlCharacters(kept);
  const redacted = redact(bare);
  return redacted === bare ? kept : redacted;
}

function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit;
  return `${text.slice(0, end)}… (${text.length - end} more characters)`;
}

/**
 * Foreign text without terminal escapes, control characters (newline and tab stay), text-direction overrides and what
 * XML 1.0 cannot hold. A secret that only shows once the escapes are out is taken out too.
 */
export function plain(text: string, limit?: number): string {
  return redact(
    stripVTControlCharacters(told(text, limit))
      .replace(/\r\n?/g, "\n")
      .replace(/[^\P{Cc}\t\n]|\p{Bidi_Control}|[\uFFFE\uFFFF]/gu, ""),
  );
}

/** `plain` on one line. @example oneLine("a\nb") // "a ⏎ b" */
export function oneLine(text: string, limit = 300): string {
  return plain(text, limit)
    .trim()
    .replace(/\s*\n\s*/g, " ⏎ ")
    .replaceAll("\t", " ");
}

/**
 * Expected and seen, made plain. Where only invisible characters tell them apart they are shown as pictures:
 * `␛[1m` for an escape.
 */
export function sayPair(expected: string, seen: string, limit?: number): readonly [string, string] {
  const pair = [plain(expected, limit), plain(seen, limit)] as const;
  if (expected === seen || pair[0] !== pair[1]) return pair;
  const picture = (text: string) =>
    told(text, limit).replace(/[^\P{Cc}\t\n]/gu, (each) => {
      const code = each.charCodeAt(0);
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : "␡";
    });
  return [plain(picture(expected), limit), plain(picture(seen), limit)];
}

/** Text that is markup already, by `markup`. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | readonly Markup[] | undefined | false;

/**
 * HTML or XML in which every string put in is foreign: made plain, then escaped, in text and in quoted attributes alike.
 * `undefined` and `false` put in nothing.
 * @example markup`<p title="${name}">${items.map((item) => markup`<b>${item}</b>`)}</p>`
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let text = strings[0] ?? "";
  parts.forEach((part, index) => {
    text += inMarkup(part) + (strings[index + 1] ?? "");
  });
  return new Markup(text);
}

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function inMarkup(part: Part): string {
  if (part === undefined || part === false) return "";
  if (typeof part === "number") return String(part);
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return plain(part).replace(/[&<>"']/g, (each) => entities[each] ?? "");
  return part.map((each) => each.text).join("");
}

/**
 * Markup with secrets redacted between the tags only: a secret that happens to be the word `test` must not break `<testsuite>`. Style and
 * script are the page's own, known to its policy by their digests, and stay as they are: foreign text opens neither.
 */
export function redactMarkup(text: string): string {
  return text
    .split(/(<(?:style|script)>[\s\S]*?<\/(?:style|script)>)/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/(^|>)([^<]+)/g, (_, edge: string, between: string) => edge + redact(between)),
    )
    .join("");
}

/** Foreign text as one line of Markdown prose. */
export function markdown(text: string, limit?: number): string {
  return oneLine(text, limit)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[\\`*_[\]|~!@]|^(?:[#+-]|\d+(?=[.)]))/g, "\\$&")
    .replace(/:(?=\/\/)/g, "&#58;");
}

/** Foreign text as a Markdown code span, not inside a table. Backticks in it cannot end it. */
export function codeSpan(text: string, limit?: number): string {
  const inner = oneLine(text, limit);
  if (inner === "") return "(empty)";
  const longest = Math.max(0, ...[...inner.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  // One space at each end is not shown, and keeps a backtick at the edge out of the fence.
  const pad = longest > 0 || (inner.startsWith(" ") && inner.endsWith(" ")) ? " " : "";
  return `${fence}${pad}${inner}${pad}${fence}`;
}

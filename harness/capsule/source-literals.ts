// Decides which string literals of a source file say a secret in other words than its own: by escapes, or joined by `+`. Each is written anew
// without it. Refuses to understand more of a language than its quotes: what is put together by a program is not seen.
import { redactBytes } from "../model/secret.ts";

const literal = String.raw`'(?:\\[^]|[^'\\\n])*'|"(?:\\[^]|[^"\\\n])*"|\`(?:\\[^]|[^\`\\])*\``;
const literals = new RegExp(literal, "g");
const joined = new RegExp(`(?:${literal})(?:\\s*\\+\\s*(?:${literal}))*`, "y");

/**
 * The same text without them, and the names of the secrets that were in it; the very same buffer where none was, or where it is no UTF-8.
 * Quotes in comments begin no literal that hides one: each quote is tried as a beginning.
 * @example redactLiterals(Buffer.from(`secret("login", "hunter\\u0032")`)) // secret("login", "‹login›")
 */
export function redactLiterals(bytes: Buffer): { readonly bytes: Buffer; readonly names: readonly string[] } {
  const text = bytes.toString("utf8");
  const names = new Set<string>();
  if (!/[\\+]/.test(text) || !Buffer.from(text).equals(bytes)) return { bytes, names: [] };
  let out = "";
  let to = 0;
  for (const { index } of text.matchAll(/['"`]/g)) {
    if (index < to) continue;
    joined.lastIndex = index;
    const said = joined.exec(text)?.[0] ?? "";
    if (!/[\\+]/.test(said)) continue;
    const meant = (said.match(literals) ?? []).map((each) => withoutEscapes(each.slice(1, -1))).join("");
    const clean = redactBytes(Buffer.from(meant));
    if (clean.names.length === 0) continue;
    for (const name of clean.names) names.add(name);
    out += text.slice(to, index) + JSON.stringify(clean.bytes.toString("utf8"));
    to = index + said.length;
  }
  return names.size === 0
    ? { bytes, names: [] }
    : { bytes: Buffer.from(out + text.slice(to)), names: [...names].sort() };
}

const letters: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", v: "\v", "0": "\0" };

/** ECMAScript's escapes, which are JSON's and nearly Python's and YAML's. */
function withoutEscapes(body: string): string {
  return body.replace(
    /\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|(\r?\n)|([\s\S]))/gi,
    (whole, braced?: string, four?: string, two?: string, line?: string, other?: string) => {
      if (line !== undefined) return "";
      if (other !== undefined) return letters[other] ?? other;
      const point = Number.parseInt(braced ?? four ?? two ?? "", 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}

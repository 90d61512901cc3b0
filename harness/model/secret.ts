// Decides what a secret is and that its value appears in no output: reports, logs, messages, the terminal.

/** A value that may be used and never shown. Made by `secret`. */
export interface Secret {
  readonly secret: true;
  readonly name: string;
  /** The value itself; only drivers and recipe steps read it. */
  reveal(): string;
}

const values = new Map<string, string>();
let listener: ((name: string, value: string) => void) | undefined;

/**
 * Registers a secret value under a name; from then on the value is replaced by `‹name›` in everything Assay writes.
 * Values shorter than four characters would black out ordinary text and are refused.
 *
 * @example
 * container({ env: { DB_PASSWORD: secret("db password", readFileSync("…", "utf8").trim()) } })
 */
export function secret(name: string, value: string): Secret {
  if (value.length < 4)
    throw new RangeError(`secret "${name}" is shorter than 4 characters and cannot be redacted safely`);
  register(name, value);
  return {
    secret: true,
    name,
    reveal: () => value,
    // What JSON and template strings see.
    ...{ toJSON: () => `‹${name}›`, toString: () => `‹${name}›` },
  };
}

export function isSecret(value: unknown): value is Secret {
  return typeof value === "object" && value !== null && (value as Partial<Secret>).secret === true;
}

/** The usable value of a plain string or a secret. */
export function revealed(value: string | Secret): string {
  return isSecret(value) ? value.reveal() : value;
}

/** Registers a value that another process declared. Idempotent. */
export function register(name: string, value: string): void {
  const known = values.has(value);
  values.set(value, name);
  forms = undefined;
  if (!known) listener?.(name, value);
}

/** Calls `heard` for each secret known now and later, so that a supervisor can redact what its child declares. */
export function onSecret(heard: (name: string, value: string) => void): void {
  listener = heard;
  for (const [value, name] of values) heard(name, value);
}

/**
 * The text with every registered value replaced, longest first, also in its base64 and URL-encoded forms, and line by line where it
 * has several: output comes in lines.
 * @example redact("login hunter22") // "login ‹registry password›"
 */
export function redact(text: string): string {
  if (values.size === 0) return text;
  forms ??= formsOf(values);
  // Almost no text holds any: one look at it instead of one for each form.
  if (!forms.any.test(text)) return text;
  return forms.each.reduce((out, [form, shown]) => out.replaceAll(form, () => shown), text);
}

/**
 * The same of bytes of any kind: text, or a program with text in it. Answers the names of the secrets that stood in them; the very same
 * buffer where none did. What is compressed or encrypted is not looked into.
 */
export function redactBytes(bytes: Buffer): { readonly bytes: Buffer; readonly names: readonly string[] } {
  if (values.size === 0) return { bytes, names: [] };
  forms ??= formsOf(values);
  // One character a byte: whatever is no text comes back as it was.
  let out = bytes.toString("latin1");
  const found = new Set<string>();
  for (const [form, shown, name] of forms.each) {
    const sought = asBytes(form);
    if (!out.includes(sought)) continue;
    found.add(name);
    out = out.replaceAll(sought, () => asBytes(shown));
  }
  return found.size === 0 ? { bytes, names: [] } : { bytes: Buffer.from(out, "latin1"), names: [...found].sort() };
}

function asBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** Names of all registered secrets, sorted. */
export function secretNames(): readonly string[] {
  return [...new Set(values.values())].sort();
}

/** The name of the secret that has exactly this value. */
export function secretNamed(value: string): string | undefined {
  return values.get(value);
}

/** What is looked for in every text that is written; made anew when a value is registered. */
interface Forms {
  readonly any: RegExp;
  /** Each form and what stands for it, those of longer values first. */
  readonly each: readonly (readonly [form: string, shown: string, name: string])[];
}

let forms: Forms | undefined;

function formsOf(all: ReadonlyMap<string, string>): Forms {
  const each = [...all]
    .sort(([a], [b]) => b.length - a.length)
    .flatMap(([value, name]) => {
      const bytes = Buffer.from(value);
      const asJson = (text: string) => JSON.stringify(text).slice(1, -1);
      const encoded = [encodeURIComponent(value), bytes.toString("base64"), bytes.toString("base64url")];
      // The whole in every form before its lines: with one of them gone it would not be recognised.
      const written = [value, asJson(value), ...encoded, ...linesOf(value).flatMap((line) => [line, asJson(line)])];
      return [...new Set(written)].map((form) => [form, `‹${name}›`, name] as const);
    });
  return { any: new RegExp(each.map(([form]) => RegExp.escape(form)).join("|")), each };
}

/** Lines that tell something of a value: not a key's first and last, which all keys have, nor a bracket. */
function linesOf(value: string): string[] {
  const lines = value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const least = lines.length === 1 ? 4 : 8;
  return lines.filter((line) => line.length >= least && !line.startsWith("-----"));
}

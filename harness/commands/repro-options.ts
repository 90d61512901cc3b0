// Decides how the options of `assay repro` are read, and how secrets that a capsule does not have are given again: by files, as words of a
// command line are seen by everybody on the machine.
import { readFileSync } from "node:fs";
import type { Capsule } from "../capsule/unpack.ts";
import { durationMs } from "../model/duration.ts";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { register } from "../model/secret.ts";

export interface ReproOptions {
  /** Only tells whether it is seen again; nothing is left standing. */
  readonly check: boolean;
  readonly all: boolean;
  readonly json: boolean;
  /** How often. */
  readonly loop?: number;
  readonly keepMs: number;
  /** `name=@file` */
  readonly secrets: readonly string[];
}

/** A `DeclarationError` (code `bad-option`) for what cannot be meant. */
export function readReproOptions(words: Readonly<Record<string, unknown>>): ReproOptions {
  const { check, all, json, loop, keepFor, secret } = words;
  const refused = (seen: string, hint: string) => new DeclarationError({ code: "bad-option", seen, hint });
  const times = loop === undefined ? undefined : Number(loop);
  if (times !== undefined && !(Number.isInteger(times) && times >= 1 && times <= 10_000))
    throw refused(`--loop ${String(loop)} is no number of runs`, "write a number from 1 to 10000, as in --loop 50");
  if (times !== undefined && check === true) throw refused("--loop and --check are two questions", "--loop tells both");
  const keepMs = keepFor === undefined ? 60 * 60_000 : durationMs(String(keepFor));
  if (keepMs <= 0) throw refused(`--keep-for ${String(keepFor)} keeps nothing`, "--check leaves nothing standing");
  return {
    ...{ check: check === true, all: all === true, json: json === true, keepMs },
    ...(times === undefined ? {} : { loop: times }),
    secrets: (secret as readonly string[] | undefined) ?? [],
  };
}

/** The capsule's files with the given values in the place of `‹name›`, as far as they had any. Registers each value. */
export function secretsGiven(
  { manifest, contents }: Capsule,
  words: readonly string[],
): { readonly contents: ReadonlyMap<string, Buffer>; readonly names: ReadonlySet<string> } {
  const known = manifest.secrets.map(({ name }) => name);
  const values = new Map(words.map((word) => read(word, known)));
  const changed = new Map<string, Buffer>();
  for (const { path, redacted = [] } of manifest.members) {
    const before = contents.get(path);
    if (before === undefined || !redacted.some((name) => values.has(name))) continue;
    // One character a byte, as it was put in.
    let text = before.toString("latin1");
    for (const [name, value] of values) {
      const mark = Buffer.from(`‹${name}›`).toString("latin1");
      // A file that is nothing but the secret is that file again; within a line, its last line end is the editor's.
      const put = text === mark ? value : value.replace(/\r?\n$/, "");
      text = text.replaceAll(mark, () => Buffer.from(put).toString("latin1"));
    }
    changed.set(path, Buffer.from(text, "latin1"));
  }
  return { contents: changed, names: new Set(values.keys()) };
}

function read(word: string, known: readonly string[]): readonly [name: string, value: string] {
  const [, name, file] = /^(.+?)=@(.+)$/s.exec(word) ?? [];
  if (name === undefined || file === undefined)
    throw new DeclarationError({
      code: "bad-option",
      seen: "a --secret names no file",
      hint: 'write --secret "name=@file": words of a command line are seen by everybody on the machine',
    });
  if (!known.includes(name)) {
    const guess = nearest(name, known);
    throw new DeclarationError({
      code: "unknown-secret",
      seen: `the capsule knows no secret "${name}"`,
      hint: guess === undefined ? `it knows ${known.join(", ") || "none"}` : `did you mean "${guess}"?`,
    });
  }
  let value: string;
  try {
    value = readFileSync(file, "utf8");
  } catch (error) {
    throw new DeclarationError({ code: "bad-option", seen: `--secret ${name}: ${messageOf(error)}`, cause: error });
  }
  const bare = value.replace(/\r?\n$/, "");
  if (bare.length < 4)
    throw new DeclarationError({
      code: "bad-option",
      seen: `--secret ${name}: ${file} holds no secret of 4 characters or more`,
    });
  register(name, bare);
  return [name, value];
}

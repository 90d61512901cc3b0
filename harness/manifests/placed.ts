// Decides how a manifest is read: every value knows file, line and column, and nothing in it is passed over. What is not expected is a
// `DeclarationError` there.
import { readFileSync } from "node:fs";
import { type Document, isAlias, isMap, isScalar, isSeq, type ParsedNode, visit } from "yaml";
import { mostAliases, type YamlText, yamlText } from "../checks/data-yaml.ts";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { nearest } from "../model/options.ts";

interface Source extends Pick<YamlText, "places"> {
  readonly file: string;
  readonly document: Document.Parsed;
}

/**
 * The documents of a file, empty ones left out. A file that cannot be read or is no YAML is a `DeclarationError` (`no-manifest`,
 * `bad-yaml`); so are aliases that multiply.
 */
export function readManifest(file: string, version: "1.1" | "1.2", from?: string): readonly Placed[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    throw new DeclarationError({ code: "no-manifest", at: from, seen: `${file} cannot be read: ${messageOf(error)}` });
  }
  const read = yamlText(text, version);
  if ("flaw" in read)
    throw new DeclarationError({ code: "bad-yaml", at: `${file}:${read.line}:${read.column}`, seen: read.flaw });
  return read.documents.flatMap((document) => {
    const { contents } = document;
    if (contents === null || (isScalar(contents) && contents.value === null)) return [];
    const whole = new Placed(contents, { file, document, places: read.places }, "");
    visit(document, {
      Alias(_, alias) {
        if (alias.resolve(document) === undefined)
          new Placed(alias as ParsedNode, { file, document, places: read.places }, "").refuse(
            `no anchor before it is called "${alias.source}"`,
            undefined,
            "bad-yaml",
          );
      },
    });
    try {
      document.toJS({ maxAliasCount: mostAliases });
    } catch (error) {
      whole.refuse(`aliases that multiply: ${messageOf(error)}`, "write out what is meant", "bad-yaml");
    }
    return [whole];
  });
}

/** One value of a manifest. */
export class Placed {
  readonly #node: ParsedNode;
  readonly #source: Source;
  /** `spec.containers[0].image` */
  readonly path: string;

  readonly #absent: boolean;

  constructor(node: ParsedNode, source: Source, path: string, absent = false) {
    this.#absent = absent;
    // An alias is what it stands for; its place is where it is used.
    this.#node = node;
    this.#source = source;
    this.path = path;
  }

  /** `file:line:column` */
  get at(): string {
    const { line, col } = this.#source.places.linePos(this.#node.range[0]);
    return `${this.#source.file}:${line}:${col}`;
  }

  get #value(): ParsedNode {
    if (!isAlias(this.#node)) return this.#node;
    return (this.#node.resolve(this.#source.document) as ParsedNode | undefined) ?? this.#node;
  }

  get isNothing(): boolean {
    const value = this.#value;
    return this.#absent || (isScalar(value) && value.value === null);
  }

  get isText(): boolean {
    const value = this.#value;
    return isScalar(value) && typeof value.value === "string";
  }

  get isList(): boolean {
    return isSeq(this.#value);
  }

  get isTable(): boolean {
    return isMap(this.#value);
  }

  refuse(seen: string, hint?: string, code = "bad-manifest"): never {
    const where = this.path === "" ? "" : `${this.path}: `;
    throw new DeclarationError({ code, at: this.at, seen: `${where}${seen}`, ...(hint === undefined ? {} : { hint }) });
  }

  /** Says of an error in a declaration that was made of this where it comes from. */
  declare<Made>(make: () => Made): Made {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof DeclarationError)) throw error;
      const seen = error.at === undefined ? error.seen : error.seen.replace(`${error.at}: `, "");
      return this.refuse(seen, error.hint, error.code);
    }
  }

  text(): string {
    const value = this.#value;
    if (isScalar(value) && typeof value.value === "string") return value.value;
    return this.refuse(`expected text, and it is ${this.#say()}`, isScalar(value) ? "put it in quotes" : undefined);
  }

  /** Text or a number, as it is written. */
  word(): string {
    const value = this.#value;
    if (isScalar(value) && typeof value.value === "string") return value.value;
    if (isScalar(value) && typeof value.value === "number") return value.source ?? String(value.value);
    return this.refuse(`expected text or a number, and it is ${this.#say()}`);
  }

  integer(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#value;
    const number = isScalar(value) ? Number(value.value) : Number.NaN;
    if (!isScalar(value) || !["number", "bigint"].includes(typeof value.value) || !Number.isInteger(number))
      return this.refuse(`expected a whole number, and it is ${this.#say()}`);
    if (number < least || number > most) this.refuse(`${number} is not from ${least} to ${most}`);
    return number;
  }

  flag(): boolean {
    const value = this.#value;
    if (isScalar(value) && typeof value.value === "boolean") return value.value;
    return this.refuse(`expected true or false, and it is ${this.#say()}`);
  }

  /** One of these words; a typo is told with the word that was probably meant. */
  oneOf<const Word extends string>(words: readonly Word[]): Word {
    const text = this.text();
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    const guess = nearest(text, words);
    return this.refuse(
      `"${text}" is none of ${words.join(", ")}`,
      guess === undefined ? undefined : `did you mean "${guess}"?`,
    );
  }

  list(): readonly Placed[] {
    const value = this.#value;
    if (!isSeq(value)) return this.refuse(`expected a list, and it is ${this.#say()}`);
    return (value.items as ParsedNode[]).map((item, index) => new Placed(item, this.#source, `${this.path}[${index}]`));
  }

  texts(): readonly string[] {
    return this.list().map((item) => item.text());
  }

  /** Names and values of a table; a name is text. What is merged into it (`<<`) comes before its own. */
  entries(): readonly (readonly [string, Placed])[] {
    const value = this.#value;
    if (!isMap(value)) return this.refuse(`expected a table, and it is ${this.#say()}`);
    const own: (readonly [string, Placed])[] = [];
    const merged: (readonly [string, Placed])[] = [];
    for (const { key, value: held } of value.items as { key: ParsedNode; value: ParsedNode | null }[]) {
      const name = new Placed(key, this.#source, this.path);
      const word = isScalar(key) && typeof key.value === "symbol" ? "<<" : name.word();
      const path = this.path === "" ? word : `${this.path}.${word}`;
      // A key alone has no value of its own to point at.
      const placed = new Placed(held ?? key, this.#source, path, held === null);
      if (word === "<<") for (const each of placed.isList ? placed.list() : [placed]) merged.push(...each.entries());
      else own.push([word, placed]);
    }
    return [...new Map([...merged.reverse(), ...own])];
  }

  /**
   * A table whose names are known beforehand. An unknown one is refused, with a guess at what was meant; one that somebody else knows and
   * we do not support, with the reason, where there is one. A name without a value is as if it were absent;
   * those that begin with `nobodys` are passed over.
   */
  fields(known: readonly string[], unsupported: Readonly<Record<string, string>> = {}, nobodys?: string): Fields {
    const found = new Map<string, Placed>();
    for (const [name, value] of this.entries()) {
      if (known.includes(name)) {
        if (!value.isNothing) found.set(name, value);
        continue;
      }
      if (nobodys !== undefined && name.startsWith(nobodys)) continue;
      if (Object.hasOwn(unsupported, name))
        value.refuse(`this is not supported: ${unsupported[name]}`, undefined, "not-supported");
      const guess = nearest(name, known);
      value.refuse(
        "there is no such field",
        guess === undefined ? `there is ${known.join(", ")}` : `did you mean "${guess}"?`,
        "unknown-field",
      );
    }
    return new Fields(this, found);
  }

  #say(): string {
    const value = this.#value;
    if (isMap(value)) return "a table";
    if (isSeq(value)) return "a list";
    if (isScalar(value) && value.value === null) return "nothing";
    return isScalar(value) ? `${typeof value.value} ${value.source ?? String(value.value)}` : "an alias of nothing";
  }
}

/** The fields of a table that are there. */
export class Fields {
  readonly of: Placed;
  readonly #found: ReadonlyMap<string, Placed>;

  constructor(of: Placed, found: ReadonlyMap<string, Placed>) {
    this.of = of;
    this.#found = found;
  }

  get(name: string): Placed | undefined {
    return this.#found.get(name);
  }

  need(name: string): Placed {
    return this.#found.get(name) ?? this.of.refuse(`it has no ${name}`, undefined, "missing-field");
  }

  list(name: string): readonly Placed[] {
    return this.#found.get(name)?.list() ?? [];
  }

  flag(name: string): boolean {
    return this.#found.get(name)?.flag() ?? false;
  }

  text(name: string): string | undefined {
    return this.#found.get(name)?.text();
  }

  names(): readonly string[] {
    return [...this.#found.keys()];
  }

  /** What may be said and changes nothing; anything else is refused with the reason. */
  only(name: string, accepted: readonly (string | boolean)[], why: string): void {
    const value = this.#found.get(name);
    if (value === undefined) return;
    const said = value.isText ? value.text() : value.flag();
    if (!accepted.includes(said)) value.refuse(`${said} is not supported: ${why}`, undefined, "not-supported");
  }
}

/** Several of one name are refused at the second. */
export function once<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => readonly [string, Placed],
  what: string,
): void {
  const seen = new Map<string, string>();
  for (const item of items) {
    const [name, placed] = nameOf(item);
    const first = seen.get(name);
    if (first !== undefined)
      placed.refuse(`there is a ${what} "${name}" already`, `the other is at ${first}`, "doubled");
    seen.set(name, placed.at);
  }
}

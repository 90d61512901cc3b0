// Decides how a document is damaged in tests of the gate: each value of it deleted, changed, doubled or given company, one at a time.

/** A document with one thing changed. */
export interface Mutation {
  /** Where: `tests.0.checks.1.outcome`. */
  readonly path: string;
  readonly how: string;
  readonly document: unknown;
}

type Json = unknown;

/** Every mutation of every value below `document`; the document itself stays as it is. */
export function* mutationsOf(
  document: Json,
  path: readonly string[] = [],
  whole: Json = document,
): Generator<Mutation> {
  const told = path.join(".");
  const mutation = (how: string, change: (copy: Json) => unknown): Mutation => {
    const copy = structuredClone(whole);
    change(copy);
    return { path: told, how, document: copy };
  };
  const parent = (copy: Json): Record<string, Json> =>
    path.slice(0, -1).reduce((at: Json, step) => (at as Record<string, Json>)[step], copy) as Record<string, Json>;
  const last = path.at(-1) ?? "";
  if (path.length > 0) {
    yield mutation("deleted", (copy) => {
      const above = parent(copy);
      if (Array.isArray(above)) above.splice(Number(last), 1);
      else delete above[last];
    });
    for (const [how, value] of othersThan(document))
      yield mutation(how, (copy) => Object.assign(parent(copy), { [last]: value }));
  }
  if (Array.isArray(document)) {
    for (const index of document.keys())
      yield mutation(`its element ${index} doubled`, (copy) => {
        const list = at(copy, path) as Json[];
        list.push(structuredClone(list[index]));
      });
    if (document.length > 1) yield mutation("emptied", (copy) => (at(copy, path) as Json[]).splice(0));
    for (const [index, each] of document.entries()) yield* mutationsOf(each, [...path, String(index)], whole);
  } else if (typeof document === "object" && document !== null) {
    yield mutation("given an unknown field", (copy) => Object.assign(at(copy, path) as object, { surplus: 1 }));
    for (const [key, each] of Object.entries(document)) {
      yield mutation(`${key} renamed`, (copy) => {
        const record = at(copy, path) as Record<string, Json>;
        record[`${key}s`] = record[key];
        delete record[key];
      });
      yield* mutationsOf(each, [...path, key], whole);
    }
  }
}

/** Documents in which a list has another order. */
export function* reorderingsOf(
  document: Json,
  path: readonly string[] = [],
  whole: Json = document,
): Generator<Mutation> {
  if (Array.isArray(document) && document.length > 1) {
    const copy = structuredClone(whole);
    (at(copy, path) as Json[]).reverse();
    yield { path: path.join("."), how: "reversed", document: copy };
  }
  if (typeof document !== "object" || document === null) return;
  for (const [key, each] of Object.entries(document)) yield* reorderingsOf(each, [...path, key], whole);
}

function at(document: Json, path: readonly string[]): Json {
  return path.reduce((here: Json, step) => (here as Record<string, Json>)[step], document);
}

function othersThan(value: Json): readonly (readonly [how: string, value: Json])[] {
  const kinds: readonly (readonly [string, Json])[] = [
    ["null instead", null],
    ["a list instead", []],
    ["an object instead", {}],
  ];
  if (typeof value === "string")
    return [...kinds, ["longer", `${value} `], ["empty", ""], ["another", otherWord(value)], ["a number instead", 7]];
  if (typeof value === "number")
    return [
      ...kinds,
      ["more", value + 1],
      ["much more", value + 1e12],
      ["less", value - 1],
      ["a text instead", String(value)],
    ];
  if (typeof value === "boolean") return [...kinds, ["the contrary", !value], ["a text instead", String(value)]];
  return kinds.filter(([, other]) => JSON.stringify(other) !== JSON.stringify(value));
}

/** Another of the same kind: an outcome for an outcome, a day for a day, a digest for a digest. */
function otherWord(value: string): string {
  if (value === "passed") return "skipped";
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return new Date(Date.parse(value) + 40 * 24 * 3_600_000).toISOString();
  if (/[0-9a-f]{64}$/.test(value)) return `${value.slice(0, -1)}${value.endsWith("0") ? "1" : "0"}`;
  return `x${value}`;
}

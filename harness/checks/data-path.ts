// Decides how a place in structured contents is written, the same for JSON, YAML, INI and XML, and what lies there.
// Refuses filters: who wants some elements of a list alone writes them in TypeScript, or asks for all.
import { requireSubject } from "./question.ts";

/** A name, an element's number, or each element of a list. */
export type DataStep = string | number | typeof each;
export const each: unique symbol = Symbol("each element");

/** What lies at a place; or how far the way went, and what is there instead. */
export type Place =
  | { readonly found: true; readonly value: unknown }
  | { readonly found: false; readonly seen: string };

/**
 * The steps of a path: names joined by dots, elements of a list by number in brackets (from 0; from the end with a minus), names with
 * other characters quoted in brackets. `[*]` is each element of a list: what lies at the rest of the path, of those that have it, is one
 * list (what is no list counts as its only element, as in XML what is there once). The empty path is the whole. An attribute of XML is a name that begins with `@`.
 * A path that cannot be read is a `DeclarationError` (code `bad-subject`).
 * @example dataSteps('services.web.ports[0]') // ["services", "web", "ports", 0]
 * @example dataSteps('annotations["example.org/owner"]') // ["annotations", "example.org/owner"]
 */
export function dataSteps(path: string): readonly DataStep[] {
  const steps: DataStep[] = [];
  const step = /(?:(^|\.)([^.[\]"\s]+))|\[(-?\d+|\*)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  while (step.lastIndex < path.length) {
    const at = step.lastIndex;
    const match = step.exec(path);
    const [, dot, name, index, quoted] = match ?? [];
    const text = quoted === undefined ? name : unquoted(quoted);
    requireSubject(
      match !== null && (index !== undefined || text !== undefined) && !(dot === "." && at === 0),
      `"${path}" is not a path into data: it cannot be read from character ${at + 1} on`,
      'write it as in services.web.ports[0] or labels["example.org/owner"]',
    );
    steps.push(index === undefined ? (text as string) : index === "*" ? each : Number(index));
  }
  return steps;
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

/** Walks from the whole to the place. */
export function placeIn(whole: unknown, steps: readonly DataStep[]): Place {
  let value = whole;
  for (const [depth, step] of steps.entries()) {
    if (step === each) {
      const rest = steps.slice(depth + 1);
      const places = (Array.isArray(value) ? value : [value]).map((element) => placeIn(element, rest));
      const values = places.flatMap((place) => (place.found ? [place.value] : []));
      return { found: true, value: rest.includes(each) ? values.flat() : values };
    }
    const where = depth === 0 ? "the whole" : sayPath(steps.slice(0, depth));
    if (typeof step === "number") {
      if (!Array.isArray(value)) return { found: false, seen: `${where} is ${sayKind(value)}, no list` };
      if (value.length <= (step < 0 ? -step - 1 : step))
        return { found: false, seen: `${where} has ${value.length} elements` };
      value = value.at(step);
    } else {
      if (typeof value !== "object" || value === null || Array.isArray(value))
        return { found: false, seen: `${where} is ${sayKind(value)}, and has no names` };
      if (!Object.hasOwn(value, step)) return { found: false, seen: `${where} has ${sayNames(Object.keys(value))}` };
      value = (value as Readonly<Record<string, unknown>>)[step];
    }
  }
  return { found: true, value };
}

/** @example sayPath(["a", 0, "b.c"]) // 'a[0]["b.c"]' */
export function sayPath(steps: readonly DataStep[]): string {
  const said = steps.map((step) =>
    step === each
      ? "[*]"
      : typeof step === "number"
        ? `[${step}]`
        : /^[^.[\]"\s]+$/.test(step)
          ? `.${step}`
          : `[${JSON.stringify(step)}]`,
  );
  return said.join("").replace(/^\./, "");
}

/** @example sayKind([]) // "a list of 0" */
export function sayKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a table";
  return typeof value === "string" ? "a text" : `a ${typeof value}`;
}

function sayNames(names: readonly string[]): string {
  const most = 12;
  if (names.length === 0) return "no names";
  const told = names.slice(0, most).map((name) => JSON.stringify(name.slice(0, 60)));
  return `the names ${told.join(", ")}${names.length > most ? `, and ${names.length - most} more` : ""}`;
}

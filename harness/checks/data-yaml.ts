// Decides how YAML becomes documents: what is no YAML is told with its place. Refuses aliases that multiply (bombs) and duplicate keys.
import { type Document, LineCounter, parseAllDocuments } from "yaml";

export interface YamlFlaw {
  readonly flaw: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface YamlText {
  readonly documents: readonly Document.Parsed[];
  readonly places: LineCounter;
}

/** How often one document's anchors may be used, all in all. */
export const mostAliases = 100;

/**
 * `version`: 1.2 is today's; 1.1 is what many readers still speak, in which `yes` is no text and `0644` is octal.
 * Warnings, as of an unknown tag, are flaws too.
 */
export function yamlText(text: string, version: "1.1" | "1.2" = "1.2"): YamlText | YamlFlaw {
  const places = new LineCounter();
  const read = parseAllDocuments(text, { lineCounter: places, prettyErrors: false, version });
  // An empty text is no list of documents, and the library says so by an object.
  const documents = [...read] as Document.Parsed[];
  for (const { errors, warnings } of documents) {
    const [flaw] = [...errors, ...warnings];
    if (flaw === undefined) continue;
    const { line, col } = places.linePos(flaw.pos[0]);
    return { flaw: flaw.message, line, column: col };
  }
  return { documents, places };
}

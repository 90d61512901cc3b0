// Decides how structured contents are read: JSON, YAML and INI into plain values. XML is read in a file of its own.
// What cannot be read is the contents' fault, and told with its place. Refuses aliases that multiply (bombs) and duplicate keys in YAML.
import { parse as parseIni } from "ini";
import { LineCounter, parseAllDocuments } from "yaml";
import { parseXml } from "./data-xml.ts";

export type DataFormat = "JSON" | "YAML" | "INI" | "XML";

/** The values in a text; or why it is no such text. */
export type Parsed = { readonly value: unknown } | { readonly flaw: string };

/**
 * - JSON: as it is. A byte order mark is a flaw, as it is for most who read it.
 * - YAML 1.2: one document is its value, several are a list of them. A duplicate key is a flaw.
 * - INI: sections are tables, `[a.b]` is `b` in `a`; values are texts but for `true`, `false`, `null`; of a repeated key the last counts,
 *   unless it is written `key[]`.
 * - XML: see `parseXml`.
 */
export function parseData(format: DataFormat, bytes: Buffer): Parsed {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (format === "JSON") return { value: JSON.parse(text) };
    if (format === "INI") return { value: { ...parseIni(text) } };
    return format === "XML" ? { value: parseXml(bytes) } : parseYaml(text);
  } catch (error) {
    return { flaw: (error instanceof Error ? error.message : String(error)).trim().slice(0, 300) };
  }
}

function parseYaml(text: string): Parsed {
  const lineCounter = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false });
  if (documents.length === 0) return { value: null };
  for (const { errors, warnings } of documents) {
    const [flaw] = [...errors, ...warnings];
    if (flaw === undefined) continue;
    const { line, col } = lineCounter.linePos(flaw.pos[0]);
    return { flaw: `${flaw.message} (line ${line}, column ${col})` };
  }
  const values = documents.map((document) => document.toJS({ maxAliasCount: 100 }) as unknown);
  return { value: values.length === 1 ? values[0] : values };
}

// Decides how structured contents are read: JSON, YAML and INI into plain values. XML is read in a file of its own.
// What cannot be read is the contents' fault, and told with its place. Refuses aliases that multiply (bombs) and duplicate keys in YAML.
import { parse as parseIni } from "ini";
import { parseXml } from "./data-xml.ts";
import { mostAliases, yamlText } from "./data-yaml.ts";

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
  const read = yamlText(text);
  if ("flaw" in read) return { flaw: `${read.flaw} (line ${read.line}, column ${read.column})` };
  const values = read.documents.map((document) => document.toJS({ maxAliasCount: mostAliases }) as unknown);
  if (values.length === 0) return { value: null };
  return { value: values.length === 1 ? values[0] : values };
}

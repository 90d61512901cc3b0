// Decides how XML becomes values that a path leads through. Refuses entities and files from outside, as the parser does by itself.
import { XmlCData, XmlDocument, XmlElement, XmlText } from "libxml2-wasm";

/**
 * The document as a table with one name, its root element's. An element is the text in it, where it has nothing else; else a table:
 * attributes by their names after `@`, elements by their names (a list where there are several of a name), text as `#text`. Prefixes of
 * name spaces stay as they are written. Throws what the parser says where it is no XML.
 * @example parseXml(Buffer.from('<a n="1"><b>x</b><b>y</b></a>')) // { a: { "@n": "1", b: ["x", "y"] } }
 */
export function parseXml(bytes: Buffer): Readonly<Record<string, unknown>> {
  const document = XmlDocument.fromBuffer(bytes);
  try {
    return { [nameOf(document.root)]: asValue(document.root) };
  } finally {
    document.dispose();
  }
}

function nameOf({ prefix, name }: { readonly prefix: string; readonly name: string }): string {
  return prefix === "" ? name : `${prefix}:${name}`;
}

/** The parser refuses documents that are nested deeper than 256, so that this cannot run out of stack. */
function asValue(element: XmlElement): unknown {
  const table: Record<string, unknown> = Object.create(null);
  for (const attribute of element.attrs) table[`@${nameOf(attribute)}`] = attribute.content;
  let text = "";
  for (let node = element.firstChild; node !== null; node = node.next) {
    if (node instanceof XmlText || node instanceof XmlCData) text += node.content;
    if (!(node instanceof XmlElement)) continue;
    const name = nameOf(node);
    const value = asValue(node);
    const before = table[name];
    if (before === undefined) table[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else table[name] = [before, value];
  }
  if (Object.keys(table).length === 0) return text.trim();
  if (text.trim() !== "") table["#text"] = text.trim();
  return table;
}

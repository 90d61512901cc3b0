// Decides whether XML is in libvirt's language, by libvirt's own RelaxNG schemas, before libvirt is asked: it ignores what it does not
// know, and a misspelt element would be missed without a word. A machine without the schemas gets a reason, not a pass.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, ProvisionError } from "../model/errors.ts";

/** Where packages put them. */
const usualPlaces = ["/usr/share/libvirt/schemas", "/usr/local/share/libvirt/schemas"];

export type SchemaAnswer =
  | { readonly checked: true }
  /** `why`: for the report. */
  | { readonly checked: false; readonly why: string };

/** Why XML cannot be checked here, for the report; `undefined` when it can. */
export function whyUnchecked(what: "domain" | "network", places: readonly string[] = usualPlaces): string | undefined {
  if (places.some((place) => existsSync(join(place, `${what}.rng`)))) return undefined;
  return `no ${what}.rng in ${places.join(" or ")}; apt-get install libvirt0`;
}

interface Validator {
  /** Throws for what is not in the language. */
  validate(xml: string): void;
}

const validators = new Map<string, Promise<Validator>>();

/**
 * Rejects with `bad-xml` and the validator's words for XML that is not in the language. The schema is loaded once in a process. `places` are
 * looked in for the schema, in order.
 */
export async function checkXml(
  what: "domain" | "network",
  xml: string,
  places: readonly string[] = usualPlaces,
): Promise<SchemaAnswer> {
  const file = places.map((place) => join(place, `${what}.rng`)).find((path) => existsSync(path));
  if (file === undefined) return { checked: false, why: whyUnchecked(what, places) ?? "" };
  let validator = validators.get(file);
  if (validator === undefined) {
    validator = load(file);
    validators.set(file, validator);
  }
  const { validate } = await validator;
  try {
    validate(xml);
    return { checked: true };
  } catch (cause) {
    throw new ProvisionError({
      code: "bad-xml",
      phase: "create",
      seen: `the ${what}'s XML is not in libvirt's language: ${messageOf(cause).trim().replaceAll("\n", "; ")}`,
      hint: "this is a defect of Assay: please report it with the declaration",
      cause,
    });
  }
}

async function load(file: string): Promise<Validator> {
  const [{ ParseOption, RelaxNGValidator, XmlDocument }, { xmlRegisterFsInputProviders }] = await Promise.all([
    import("libxml2-wasm"),
    import("libxml2-wasm/lib/nodejs.mjs"),
  ]);
  // The schemas include each other by file name.
  xmlRegisterFsInputProviders();
  const schema = XmlDocument.fromBuffer(readFileSync(file), { url: file, option: ParseOption.XML_PARSE_NONET });
  try {
    const validator = RelaxNGValidator.fromDoc(schema);
    return {
      validate(xml) {
        const document = XmlDocument.fromString(xml);
        try {
          validator.validate(document);
        } finally {
          document.dispose();
        }
      },
    };
  } finally {
    schema.dispose();
  }
}

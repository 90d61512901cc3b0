// Decides what is in a ConfigMap: text by key, and bytes by key.
import type { KubeObject } from "./kube-object.ts";
import type { Placed } from "./placed.ts";

export interface ConfigMap {
  readonly name: string;
  readonly text: ReadonlyMap<string, string>;
  /** Base64. */
  readonly bytes: ReadonlyMap<string, string>;
}

export function readConfigMap({ name, fields }: KubeObject): ConfigMap {
  fields.get("immutable")?.flag();
  const text = new Map<string, string>();
  const bytes = new Map<string, string>();
  for (const [key, value] of fields.get("data")?.entries() ?? []) text.set(keyOf(key, value), value.text());
  for (const [key, value] of fields.get("binaryData")?.entries() ?? []) {
    if (text.has(key)) value.refuse(`"${key}" is among its data already`, undefined, "doubled");
    const encoded = value.text().replace(/\s/g, "");
    if (Buffer.from(encoded, "base64").toString("base64") !== encoded) value.refuse("this is no base64");
    bytes.set(keyOf(key, value), encoded);
  }
  return { name, text, bytes };
}

function keyOf(key: string, value: Placed): string {
  if (!/^[-._a-zA-Z0-9]+$/.test(key) || key === "." || key === "..")
    value.refuse(`"${key}" is no key`, "use letters, digits, dots, hyphens and underscores");
  return key;
}

/** The map that something names. */
export function configMapNamed(maps: ReadonlyMap<string, ConfigMap>, named: Placed): ConfigMap {
  const found = maps.get(named.text());
  if (found !== undefined) return found;
  return named.refuse(
    `there is no ConfigMap "${named.text()}"`,
    `there is ${[...maps.keys()].join(", ") || "none"}`,
    "unknown-config-map",
  );
}

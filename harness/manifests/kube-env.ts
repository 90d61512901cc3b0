// Decides the variables of a container: those of services, then `envFrom`, then `env`, whose `$(NAME)` stand for what came before.
import { type AddressText, addressOf, isAddressText, joinedText } from "../model/address-text.ts";
import { type ConfigMap, configMapNamed } from "./kube-config-map.ts";
import type { Fields, Placed } from "./placed.ts";

export type Value = string | AddressText;

/** What variables may be taken from. */
export interface EnvSources {
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  /** Variables of services. */
  readonly services: Readonly<Record<string, Value>>;
  readonly pod: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    /** The node whose address is the pod's. */
    readonly node: string;
  };
}

export function readEnv(container: Fields, from: EnvSources): Readonly<Record<string, Value>> {
  const env: Record<string, Value> = { ...from.services };
  for (const placed of container.list("envFrom")) {
    const fields = placed.fields(["configMapRef", "prefix"], {
      secretRef: "secrets are no part of what is declared here",
    });
    const map = configMapNamed(from.configMaps, fields.need("configMapRef").fields(["name"]).need("name"));
    for (const [key, value] of map.text) {
      const name = `${fields.text("prefix") ?? ""}${key}`;
      env[nameOf(name, placed)] = value;
    }
  }
  const own = new Set<string>();
  for (const placed of container.list("env")) {
    const fields = placed.fields(["name", "value", "valueFrom"]);
    const name = nameOf(fields.need("name").text(), fields.need("name"));
    if (own.has(name)) fields.need("name").refuse(`there is a variable "${name}" already`, undefined, "doubled");
    own.add(name);
    const [value, valueFrom] = [fields.get("value"), fields.get("valueFrom")];
    if (value !== undefined && valueFrom !== undefined)
      valueFrom.refuse("it has a value already: give one or the other");
    env[name] = valueFrom === undefined ? expanded(value?.text() ?? "", env) : taken(valueFrom, from);
  }
  return env;
}

function nameOf(name: string, placed: Placed): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) placed.refuse(`"${name}" is not a variable's name`, undefined, "bad-name");
  return name;
}

const others = {
  secretKeyRef: "secrets are no part of what is declared here",
  resourceFieldRef: "write the number",
  fileKeyRef: "write the value",
};

function taken(valueFrom: Placed, { configMaps, pod }: EnvSources): Value {
  const fields = valueFrom.fields(["configMapKeyRef", "fieldRef"], others);
  const [kind, second] = fields.names();
  if (second !== undefined) fields.need(second).refuse("a value is taken from one place");
  if (kind === undefined) return valueFrom.refuse("it names no place that the value is taken from");
  if (kind === "configMapKeyRef") {
    const ref = fields.need(kind).fields(["name", "key"], { optional: "what is not there beforehand never comes" });
    const map = configMapNamed(configMaps, ref.need("name"));
    const key = ref.need("key");
    return (
      map.text.get(key.text()) ??
      key.refuse(`ConfigMap ${map.name} has no key "${key.text()}"`, undefined, "unknown-key")
    );
  }
  const ref = fields.need(kind).fields(["fieldPath", "apiVersion"]);
  ref.only("apiVersion", ["v1"], "pods are of v1");
  const path = ref.need("fieldPath");
  const [, label] = /^metadata\.labels\['(.+)'\]$/.exec(path.text()) ?? [];
  if (label !== undefined) return pod.labels[label] ?? "";
  const known: Readonly<Record<string, Value>> = {
    "metadata.name": pod.name,
    "metadata.namespace": pod.namespace,
    "status.podIP": addressOf(pod.node),
  };
  return (
    known[path.text()] ??
    path.refuse(
      `"${path.text()}" is not supported`,
      `there is ${Object.keys(known).join(", ")}, metadata.labels['…']`,
      "not-supported",
    )
  );
}

/**
 * `$(NAME)` is what a variable before this one holds; one that nobody has stays as it is, and `$$` is `$`.
 * @example expanded("http://$(WEB):80/$$(X)", { WEB: "10.0.0.1" }) // "http://10.0.0.1:80/$(X)"
 */
export function expanded(text: string, env: Readonly<Record<string, Value>>): Value {
  const parts: Value[] = [];
  let end = 0;
  for (const match of text.matchAll(/\$\$|\$\(([^)]*)\)/g)) {
    parts.push(text.slice(end, match.index));
    end = match.index + match[0].length;
    const [, name] = match;
    parts.push(name === undefined ? "$" : Object.hasOwn(env, name) ? (env[name] as Value) : match[0]);
  }
  parts.push(text.slice(end));
  const { text: joined } = joinedText(parts);
  return joined.every((part) => typeof part === "string") ? joined.join("") : { text: joined };
}

/** Words of a command; an address is not known when they are written down. */
export function expandedWords(words: Placed, env: Readonly<Record<string, Value>>): readonly string[] {
  return words.list().map((word) => {
    const value = expanded(word.text(), env);
    if (isAddressText(value))
      return word.refuse(
        "an address in a command is not supported: the engine gives it later",
        "let a shell read the variable, as in sh -c 'exec server --db \"$DB_SERVICE_HOST\"'",
        "not-supported",
      );
    return value;
  });
}

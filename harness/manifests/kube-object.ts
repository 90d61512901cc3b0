// Decides which objects of Kubernetes are read, and what they are called: Pod, Service, PersistentVolumeClaim, ConfigMap of v1, in one
// namespace. Refuses every other kind, and two of one name.
import { type Fields, once, type Placed, readManifest } from "./placed.ts";

export const kinds = ["Pod", "Service", "PersistentVolumeClaim", "ConfigMap"] as const;
export type Kind = (typeof kinds)[number];

export interface KubeObject {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where its name is written. */
  readonly named: Placed;
  readonly fields: Fields;
}

const bodies: Readonly<Record<Kind, readonly string[]>> = {
  Pod: ["spec"],
  Service: ["spec"],
  PersistentVolumeClaim: ["spec"],
  ConfigMap: ["data", "binaryData", "immutable"],
};

/** Every object of these files, in their order. */
export function readObjects(files: readonly string[], from?: string): readonly KubeObject[] {
  const objects = files.flatMap((file) => readManifest(file, "1.1", from)).map(readObject);
  once(objects, ({ kind, name, named }) => [`${kind} ${name}`, named], "manifest");
  const [first] = objects;
  for (const { namespace, named } of objects)
    if (namespace !== first?.namespace)
      named.refuse(
        `it is of namespace ${namespace}, and what came before it of ${first?.namespace}`,
        "an environment is one namespace",
        "not-supported",
      );
  return objects;
}

function readObject(document: Placed): KubeObject {
  const entries = new Map(document.entries());
  const kind = entries.get("kind");
  if (kind === undefined) return document.refuse("it has no kind", undefined, "missing-field");
  const version = entries.get("apiVersion") ?? document.refuse("it has no apiVersion", undefined, "missing-field");
  const known = (kinds as readonly string[]).includes(kind.text());
  if (!known)
    kind.refuse(
      `${version.text()} ${kind.text()} is not supported`,
      `there is ${kinds.join(", ")} of v1`,
      "not-supported",
    );
  if (version.text() !== "v1")
    version.refuse(`"${version.text()}" is not supported`, `${kind.text()} is of v1`, "not-supported");
  const name = kind.text() as Kind;
  // What a cluster adds when it is asked for an object is of its past.
  const fields = document.fields(["apiVersion", "kind", "metadata", "status", ...bodies[name]]);
  return { kind: name, ...readMetadata(fields.need("metadata")), fields };
}

function readMetadata(metadata: Placed): Pick<KubeObject, "name" | "namespace" | "labels" | "named"> {
  const fields = metadata.fields(
    [
      "name",
      "namespace",
      "labels",
      "annotations",
      "creationTimestamp",
      "uid",
      "resourceVersion",
      "generation",
      "managedFields",
    ],
    {
      generateName: "names are known beforehand",
      ownerReferences: "nothing owns what is declared",
      finalizers: "nothing stands in the way of removal",
    },
  );
  const named = fields.need("name");
  const name = named.text();
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || name.length > 40)
    named.refuse(`"${name}" is no name here`, "use up to 40 lower-case letters, digits and single hyphens", "bad-name");
  const words = (field: string) =>
    Object.fromEntries((fields.get(field)?.entries() ?? []).map(([key, value]) => [key, value.text()]));
  words("annotations");
  return { name, namespace: fields.text("namespace") ?? "default", labels: words("labels"), named };
}

// Decides what is told of a second machine beside the first: images first, then what runs them, then what the capsule could not bring. Pure.
import { sayBytes } from "../model/duration.ts";
import type { Report } from "../reporting/report.ts";
import type { Manifest } from "../store/manifest.ts";
import { dataDifference } from "../store/why.ts";
import type { CapsuleImage, CapsuleManifest } from "./manifest.ts";

/** One thing that is not as it was. */
export interface Difference {
  readonly what: string;
  readonly there: string;
  readonly here: string;
  /** What made it so, in lines, where that is known. */
  readonly because?: readonly string[];
}

type Digests = Pick<CapsuleImage, "recipeDigest" | "treeDigest" | "imageId">;

/** In a sentence; `undefined` where it came out the same. */
export function imageDifference(then: Digests, now: Digests): string | undefined {
  if (then.treeDigest !== now.treeDigest) {
    const asked = then.recipeDigest === now.recipeDigest ? "the same recipe" : "another recipe";
    return `${asked} gives another tree: ${short(then.treeDigest)} there, ${short(now.treeDigest)} here`;
  }
  if (then.recipeDigest !== now.recipeDigest) return "the same tree by another recipe digest";
  return then.imageId === now.imageId
    ? undefined
    : `the same tree in another image: ${short(then.imageId)} there, ${short(now.imageId)} here`;
}

/** `moved`: what is known of why an image differs, in lines. */
export function imageDifferences(
  then: readonly CapsuleImage[],
  now: readonly (Digests & { readonly tag: string })[],
  moved: (tag: string) => readonly string[],
): Difference[] {
  return then.flatMap((image) => {
    const here = now.find(({ tag }) => tag === image.tag);
    if (here === undefined || imageDifference(image, here) === undefined) return [];
    const because = [imageDifference(image, here) ?? "", ...moved(image.tag)];
    return [{ what: `image ${image.tag}`, there: image.treeDigest, here: here.treeDigest, because }];
  });
}

/** Lines that say what differs between two resolved recipes. Hashes of secrets have each store's own key, and say nothing here. */
export function recipeMoved(then: Manifest, now: Manifest): string[] {
  return dataDifference(withoutHashes(then), withoutHashes(now));
}

function withoutHashes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHashes);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "hmac");
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutHashes(each)]));
}

type Host = Report["host"];

/** Versions and sizes of what runs it. */
export function hostDifferences(
  then: { readonly assay: string; readonly host: Host },
  now: { readonly assay: string; readonly host: Host },
): Difference[] {
  const pairs: (readonly [string, string, string])[] = [
    ["Assay", then.assay, now.assay],
    ...[...new Set([...Object.keys(then.host.engines), ...Object.keys(now.host.engines)])]
      .sort()
      .filter((name) => then.host.engines[name] !== undefined)
      .map((name) => [name, then.host.engines[name] ?? "", now.host.engines[name] ?? "does not answer"] as const),
    ["kernel", then.host.kernel, now.host.kernel],
    ["Node", then.host.node, now.host.node],
    ["processors", String(then.host.cpus), String(now.host.cpus)],
    // Firmware takes a little of it, and each kernel another bit.
    ["memory", gib(then.host.memoryBytes), gib(now.host.memoryBytes)],
  ];
  return pairs.flatMap(([what, was, is]) => (was === is ? [] : [{ what, there: was, here: is }]));
}

/** What is told of a node and is the same on the same machine: not its addresses, nor its boot. */
const telling = ["accelerator", "engine", "transport", "access"];

/** What runs the nodes: an emulated machine in the place of a quick one, another engine. */
export function nodeDifferences(then: CapsuleManifest["nodes"], now: CapsuleManifest["nodes"]): Difference[] {
  return then.flatMap(({ node, facts }) => {
    const here = now.find((each) => each.node === node)?.facts;
    if (here === undefined) return [];
    return telling.flatMap((name) =>
      facts[name] === here[name]
        ? []
        : [{ what: `${node}: ${name}`, there: facts[name] ?? "", here: here[name] ?? "" }],
    );
  });
}

/** What has to be given again, or is not here: lines. `given`: names of secrets that were; `variables`: that are set. */
export function missingLines(
  { secrets, members, leftOut }: Pick<CapsuleManifest, "secrets" | "members" | "leftOut">,
  given: ReadonlySet<string>,
  isSet: (variable: string) => boolean,
): string[] {
  const stood = (name: string) =>
    members.filter((each) => each.path.startsWith("project/") && each.redacted?.includes(name) === true);
  return [
    ...secrets.flatMap(({ name, variables }) => {
      if (given.has(name)) return [];
      const files = stood(name).map(({ path }) => path.slice("project/".length));
      const unset = variables.filter((variable) => !isSet(variable));
      if (files.length > 0)
        return [
          `secret ${name} stood in ${files.join(", ")}, where ‹${name}› is now: --secret "${name}=@file" gives it`,
        ];
      if (unset.length > 0)
        return [`secret ${name} came from the variable ${unset.join(" or ")}, which is not set here`];
      return variables.length > 0 ? [] : [`secret ${name} came from somewhere else, and is not in the capsule`];
    }),
    ...leftOut
      .filter(({ path }) => !path.startsWith("run/"))
      .map(({ path, because, bytes }) => {
        const why = {
          outside: "lies outside of the project",
          "too-big": `was too big to be taken along${bytes === undefined ? "" : ` (${sayBytes(bytes)})`}`,
          "no-file": "is neither a file nor a directory",
          missing: "was not there",
        }[because];
        return `${path} ${why}: bring it yourself where the spec needs it`;
      }),
  ];
}

/** `sha256:0123456789ab…` */
function short(digest: string): string {
  return `${digest.slice(0, "sha256:".length + 12)}…`;
}

function gib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 3)} GiB`;
}

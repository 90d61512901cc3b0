// Decides what an environment is declared to be, as data that another process can compare later: digests, not tags; no secrets; not
// where it is written. Refuses to look into checks: a condition of being ready is known by its title.
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { Playbook } from "../model/playbook.ts";
import type { Recipe } from "../model/recipe.ts";
import { isSecret } from "../model/secret.ts";
import { canonicalJson, type Digest, digestOf } from "../store/canonical.ts";
import { contextFiles } from "../store/context-files.ts";

export interface Declared {
  readonly digest: Digest;
  /** What the digest is taken over. */
  readonly facts: unknown;
}

/** Who knows what a declaration only names. */
export interface Lookup {
  recipe(recipe: Recipe): Promise<string>;
  /** The digest that a reference stands for now. */
  image(reference: string): Promise<string>;
  /** See `Store.sealed`. */
  sealed(data: unknown): unknown;
}

/** Touches what `lookup` touches, and rejects as that does. */
export async function declaredNow(environment: Environment, lookup: Lookup): Promise<Declared> {
  const { name, nodes, networks, volumes, plays } = environment;
  const each = Object.entries<NodeDeclaration>(nodes).map(async ([node, { at: _, image, ...declared }]) => [
    node,
    {
      ...declared,
      // What a machine's engine makes of a reference is known when the machine is up, and not before.
      image: "on" in declared && typeof image === "string" ? image : await imageFacts(image, lookup),
    },
  ]);
  const played = await Promise.all(plays.map(async ({ play, hosts }) => ({ ...(await playFacts(play)), hosts })));
  // As it is read again from a file: what JSON leaves out is no difference.
  const facts: unknown = JSON.parse(
    canonicalJson(
      lookup.sealed(
        plain({
          name,
          nodes: Object.fromEntries(await Promise.all(each)),
          networks,
          volumes,
          ...(played.length === 0 ? {} : { plays: played }),
        }),
      ),
    ),
  );
  return declaredAs(facts);
}

/** What these facts, as they are read from a file, come to. */
export function declaredAs(facts: unknown): Declared {
  return { digest: digestOf(canonicalJson(facts)), facts };
}

async function imageFacts(image: NodeDeclaration["image"], lookup: Lookup): Promise<unknown> {
  if (typeof image === "string") return { reference: image, digest: await lookup.image(image) };
  if ("kind" in image && image.kind === "recipe")
    return { recipe: `${image.name}:${image.version}`, digest: await lookup.recipe(image) };
  if ("base" in image) return { reference: image.reference, digest: await lookup.image(image.reference) };
  const { at: _, ...source } = image as { readonly at?: unknown };
  return source;
}

/** Its files count by what is in them, not by where they lie. */
async function playFacts(play: Playbook): Promise<object> {
  const { name, steps, timeoutMs } = play;
  return { name, steps, timeoutMs, files: await contextFiles(play) };
}

/** What a declaration holds beside data: patterns, checks, and secrets, which stay for whoever seals them. */
function plain(value: unknown): unknown {
  if (value instanceof RegExp) return { pattern: String(value) };
  if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
  if (isSecret(value)) return value;
  if (Array.isArray(value)) return value.map(plain);
  if ("observe" in value && "title" in value) return { check: value.title };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

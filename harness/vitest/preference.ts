// Decides, once a run, whether the image that is preferred to a recipe's is taken in its place, and tells what was decided and why. One
// answer counts for all test processes of the run, and one digest: what a registry says later changes nothing.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Offer } from "../drivers/docker-offer.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { Preference } from "../model/event.ts";
import { fromImage } from "../model/recipe.ts";
import { takeLock } from "../store/lock.ts";

/** A registry's time for its first answer. */
const answerMs = 5000;

export interface Asking {
  /** Directory of what the processes of this run tell each other. */
  readonly directory: string;
  /** Nobody is asked: `--no-prefer`. */
  readonly never: boolean;
  offered(reference: string, withinMs: number): Promise<Offer>;
  /** Told by the process that decided. */
  say(decided: Preference): void;
}

/** The environment with preferred images in the place of recipes, where they can be had. */
export async function withPreferred(environment: Environment, asking: Asking): Promise<Environment> {
  const nodes = await Promise.all(
    Object.entries<NodeDeclaration>(environment.nodes).map(
      async ([name, node]) => [name, node.kind === "container" ? await taken(node, asking) : node] as const,
    ),
  );
  return { ...environment, nodes: Object.fromEntries(nodes) };
}

async function taken(node: Extract<NodeDeclaration, { kind: "container" }>, asking: Asking): Promise<NodeDeclaration> {
  const { image, on } = node;
  if (on !== undefined || typeof image === "string" || !("kind" in image) || image.prefers === undefined) return node;
  const { imageId } = await decided(image.name, image.prefers, asking);
  return imageId === undefined ? node : { ...node, image: fromImage(imageId) };
}

async function decided(recipe: string, reference: string, asking: Asking): Promise<Preference> {
  const { directory, never, offered, say } = asking;
  await mkdir(directory, { recursive: true });
  const file = join(directory, encodeURIComponent(`${recipe} ${reference}`));
  await using _ = await takeLock(`${file}.lock`);
  const known = await readFile(`${file}.json`, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (known !== undefined) return JSON.parse(known) as Preference;
  const offer: Offer = never ? { why: "--no-prefer" } : await offered(reference, answerMs);
  const preference: Preference = {
    recipe,
    reference,
    ...("why" in offer ? { why: offer.why } : { imageId: offer.imageId, why: `the ${offer.from} has it` }),
  };
  await writeFile(`${file}.json`, JSON.stringify(preference));
  say(preference);
  return preference;
}

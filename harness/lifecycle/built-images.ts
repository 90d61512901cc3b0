// Decides that the images of an environment's recipes are there, known to its engines and told of, before anything is made of them.
import type { NodeDeclaration } from "../model/environment.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import { provenanceOf } from "./layout.ts";
import type { StandingUp } from "./standing-up.ts";

/** By `name:version`, one after the other. `phase` is called for each; what it hands on is told how far a build is, a line at a time. */
export async function builtImages(
  { environment, images, drivers, events, signal }: StandingUp,
  phase: (work: (say: (line: string) => void) => Promise<void>) => Promise<void>,
): Promise<ReadonlyMap<string, BuiltImage>> {
  const recipes = new Map<string, Recipe>();
  for (const { image } of Object.values<NodeDeclaration>(environment.nodes)) {
    if (typeof image === "object" && "kind" in image) recipes.set(`${image.name}:${image.version}`, image);
  }
  const source = drivers.find((driver) => driver.images !== undefined)?.images;
  const built = new Map<string, BuiltImage>();
  for (const [tag, recipe] of recipes)
    await phase(async (say) => {
      const made = await images.build(recipe, {
        say,
        ...(source === undefined ? {} : { source }),
        ...(signal === undefined ? {} : { signal }),
      });
      await Promise.all(drivers.map((driver) => driver.load(made.image)));
      const { recipeDigest, treeDigest, imageId, disk } = made.image;
      events.say({
        event: "image",
        at: Date.now(),
        environment: environment.name,
        recipe: recipe.name,
        tag,
        recipeDigest,
        treeDigest,
        imageId,
        ...(disk === undefined ? {} : { disk: disk.digest }),
        built: made.built,
        ms: made.ms,
        ...provenanceOf(recipe),
      });
      built.set(tag, made.image);
    });
  return built;
}

// Decides how it is said whether a preferred image was used.
import type { Preference } from "../model/event.ts";

/** One sentence. @example sayPreference({ recipe: "mongodb", reference: "mongo:7", why: "--no-prefer" }) */
export function sayPreference({
  recipe,
  reference,
  imageId,
  why,
}: Omit<Preference, "imageId"> & { readonly imageId?: string | undefined }): string {
  return imageId === undefined
    ? `${recipe} is the recipe's, not ${reference}: ${why}`
    : `${recipe} is ${reference}, ${imageId}: ${why}`;
}

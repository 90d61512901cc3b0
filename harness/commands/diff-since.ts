// Decides how the gate is told what an image has that an older one had not: both are opened at rest and held against each other.
import type { Config } from "../config.ts";
import { diffOf } from "../diff/diff-of.ts";
import { DeclarationError } from "../model/errors.ts";
import { changeOf } from "../reporting/diff-change.ts";
import type { ImageChange } from "../reporting/gate-evidence.ts";
import { openImage } from "./diff-image.ts";

/** A recipe and the older image of it, as `assay diff` names images. */
export type Since = readonly [recipe: string, image: string];

/** `recipe=image`, several parted by commas. A `DeclarationError` (code `bad-since`) for anything else. */
export function readSince(text: string | undefined): readonly Since[] {
  return (text ?? "")
    .split(",")
    .filter((each) => each !== "")
    .map((each) => {
      const [, recipe, image] = /^([a-z0-9]+(?:-[a-z0-9]+)*)=(.+)$/.exec(each) ?? [];
      if (recipe !== undefined && image !== undefined) return [recipe, image] as const;
      throw new DeclarationError({
        code: "bad-since",
        seen: `--since ${each} names no recipe and image`,
        hint: "write vfx-studio-soe=soe-0.1.0.tar",
      });
    });
}

/** One after the other. A recipe whose packages are not known is left out: the gate takes that for not known. */
export async function changesSince(config: Config, since: readonly Since[]): Promise<readonly ImageChange[]> {
  const changes: ImageChange[] = [];
  for (const [recipe, image] of since) {
    const old = await openImage(config, image);
    try {
      const now = await openImage(config, recipe);
      try {
        const change = changeOf(recipe, await diffOf({ name: image, ...old }, { name: recipe, ...now }));
        if (change !== undefined) changes.push(change);
      } finally {
        await now.close();
      }
    } finally {
      await old.close();
    }
  }
  return changes;
}

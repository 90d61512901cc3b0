// Decides what the gate is told of an image's difference to an older one. Pure. What could not be seen is told as not known, and the gate
// takes that for a no.

import type { ImageDiff } from "../diff/image-diff.ts";
import { type DiffRule, violations } from "../diff/violations.ts";
import type { ImageChange } from "./gate-evidence.ts";

/** `undefined` where packages of one side are not known. @example changeOf("vfx-studio-soe", diff)?.setuidAdded */
export function changeOf(recipe: string, diff: ImageDiff): ImageChange | undefined {
  if (diff.unknown.some(({ topics }) => topics.includes("package") || topics.includes("setuid"))) return undefined;
  const subjects = (rule: DiffRule) => violations(diff, { [rule]: true }).map(({ subject }) => subject);
  return {
    recipe,
    packagesAdded: subjects("package-added"),
    packagesRemoved: subjects("package-removed"),
    setuidAdded: subjects("setuid-added"),
  };
}

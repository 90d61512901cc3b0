// Decides what a word on the command line means where an image at rest is asked for: files where some are, else a name that the engine knows.
import { existsSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { DeclarationError } from "../model/errors.ts";

/** Absolute paths. */
export type ImageWord =
  | { readonly from: "docker-archive" | "oci-layout" | "rootfs"; readonly path: string }
  | { readonly from: "engine"; readonly reference: string };

/** What a word on the command line means: files where some are, else a name that the engine knows. */
export function sourceOf(word: string): ImageWord {
  const path = resolve(word);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there === undefined || (!/[./]/.test(word.slice(0, 2)) && word.includes(":"))) {
    if (isAbsolute(word) || word.startsWith("."))
      throw new DeclarationError({ code: "image-missing", seen: `there is no ${path}` });
    return { from: "engine", reference: word };
  }
  if (there.isFile()) return { from: "docker-archive", path };
  return existsSync(join(path, "oci-layout")) ? { from: "oci-layout", path } : { from: "rootfs", path };
}

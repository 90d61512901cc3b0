// Decides which file a recipe's archive is, and that it is what was declared.
import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import type { FileStamp } from "../model/image.ts";
import { type FromArchive, inContext, type Recipe } from "../model/recipe.ts";
import { hashFile } from "./canonical.ts";
import { sameStamp, stampOf } from "./verify-disk.ts";

/** What this process has read already: an archive has gigabytes, and a recipe is described several times in a run. */
const known = new Map<string, { readonly stamp: FileStamp; readonly sha256: string }>();

/** Path and digest. A `DeclarationError`: not there, no regular file (`bad-archive`), another digest (`wrong-sha256`). */
export async function archiveFile(recipe: Recipe, from: FromArchive): Promise<{ path: string; sha256: string }> {
  const path = isAbsolute(from.path) ? from.path : inContext(recipe, from.path);
  const refused = (code: string, seen: string) =>
    new DeclarationError({ code, at: recipe.at, seen: `recipe ${recipe.name}: ${path} ${seen}` });
  let found: { readonly stamp: FileStamp; readonly sha256: string };
  try {
    // A FIFO would keep whoever reads it waiting.
    if (!statSync(path).isFile()) throw refused("bad-archive", "is no regular file");
    const stamp = stampOf(path);
    const before = known.get(path);
    found =
      before !== undefined && sameStamp(before.stamp, stamp)
        ? before
        : { stamp, sha256: await hashFile(path, stamp.bytes) };
  } catch (error) {
    throw error instanceof DeclarationError ? error : refused("bad-archive", `cannot be read: ${messageOf(error)}`);
  }
  known.set(path, found);
  if (from.sha256 !== undefined && from.sha256 !== found.sha256)
    throw refused("wrong-sha256", `has sha256 ${found.sha256}, and ${from.sha256} was declared`);
  return { path, sha256: found.sha256 };
}

/**
 * What `read` gives of the archive, whose digest was taken before, and which is the same still when it was read: what is built is what
 * the recipe's digest covers. A `ProvisionError` (code `archive-changed`) where somebody wrote to it.
 */
export async function readArchive<Read>(
  recipe: Recipe,
  from: FromArchive,
  sha256: string,
  read: (path: string) => Promise<Read>,
): Promise<Read> {
  const before = await archiveFile(recipe, from);
  const found = before.sha256 === sha256 ? await read(before.path) : undefined;
  if (found !== undefined && (await archiveFile(recipe, from)).sha256 === sha256) return found;
  throw new ProvisionError({
    code: "archive-changed",
    phase: "build",
    node: recipe.name,
    seen: `${before.path} changed while the recipe was being built`,
    hint: "build again",
  });
}

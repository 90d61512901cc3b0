// Decides that a disk is, byte for byte, still the one that machines of a run ran from: hashed whole, now that no machine has it. Refuses
// to take a size or a time for an answer.
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import type { Tested } from "../reporting/attest-statement.ts";
import { hashFile } from "../store/canonical.ts";
import { diskNames } from "../store/disk-entry.ts";
import { Rooms } from "../store/rooms.ts";

/**
 * Resolves when the store's file of the recipe, or one of `files`, has the digest that was tested. A `ProvisionError`: `base-changed`,
 * `base-gone`. A `DeclarationError` (code `disk-unnamed`) for a disk that no recipe made and no file is named for.
 */
export async function hashTestedDisk(
  { name, sha256, recipeSha256 }: Pick<Tested, "name" | "sha256" | "recipeSha256">,
  config: Pick<Config, "store" | "disks">,
  files: readonly string[],
): Promise<void> {
  const stored =
    recipeSha256 === undefined
      ? []
      : [join(new Rooms(config.store, config.disks).disk(`sha256:${recipeSha256}`), diskNames.disk)];
  const places = [...stored, ...files.map((file) => resolve(file))];
  if (places.length === 0)
    throw new DeclarationError({
      code: "disk-unnamed",
      seen: `the disk of ${name} was made by no recipe, so nobody knows where it is`,
      hint: "name it: --file disk.qcow2",
    });
  const found: string[] = [];
  for (const place of places) {
    const digest = await digestOfFile(place).catch((error: unknown) => {
      throw new ProvisionError({
        code: "base-gone",
        phase: "report",
        node: name,
        seen: `disk image ${place} cannot be read: ${messageOf(error)}`,
        hint: "what was tested is not there to be hashed again: build it and run again",
        cause: error,
      });
    });
    if (digest === sha256) return;
    found.push(`${place} is sha256:${digest}`);
  }
  throw new ProvisionError({
    code: "base-changed",
    phase: "report",
    node: name,
    seen: `sha256:${sha256} was tested, and ${found.join(", ")}`,
    hint: "somebody wrote to it since: build it and run again",
  });
}

/** SHA-256 over all of a regular file, hexadecimal. */
export async function digestOfFile(path: string): Promise<string> {
  const stat = statSync(path);
  // A pipe would be waited for.
  if (!stat.isFile()) throw new Error("it is no regular file");
  return hashFile(path, stat.size);
}

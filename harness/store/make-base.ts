// Decides how a base becomes an entry of the store of its own, so that what is built on it never builds it again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { ProvisionError } from "../model/errors.ts";
import type { DebianRootfs } from "../model/recipe.ts";
import { digestOf, hexOf } from "./canonical.ts";
import { cleanDebian } from "./clean.ts";
import { type Foundation, writeEntry } from "./entry.ts";
import { listingText } from "./entry-listing.ts";
import type { ImageSource } from "./image-source.ts";
import { scanTree } from "./layer.ts";
import type { Described } from "./manifest.ts";
import { archiveDate, bootstrapDebian } from "./steps-debian.ts";
import type { Workplace } from "./steps-tool.ts";

/** Makes the base's tree, layer and listing in `directory`, which is the room's entry. */
export async function makeBase(
  described: Described,
  place: Workplace,
  directory: string,
  source: ImageSource | undefined,
): Promise<Foundation> {
  const { from } = described.recipe;
  const epochSeconds =
    from.base === "debian-rootfs"
      ? await debian(place, from)
      : await imported(described, place, from.base === "image" ? from.reference : "", source);
  const { listing, layer } = await scanTree(place.tree, epochSeconds, join(directory, "layer.tar"));
  if (layer === undefined) throw new TypeError("a base without a layer");
  const entry: Foundation = {
    treeDigest: digestOf(listingText(listing)),
    epochSeconds,
    layers: [{ ...layer, file: `bases/${hexOf(described.baseDigest)}/layer.tar` }],
    config: described.image?.config ?? {},
  };
  await writeEntry(directory, entry, listing);
  return entry;
}

async function debian(place: Workplace, base: DebianRootfs): Promise<number> {
  await bootstrapDebian(place, base);
  const date = archiveDate(place.tree);
  if (date === undefined) {
    throw new ProvisionError({
      code: "no-archive-date",
      phase: "build",
      node: place.recipe,
      seen: "mmdebstrap left no dated package index",
      hint: `whole log in ${place.log.path}`,
    });
  }
  await cleanDebian(place.tree);
  return date;
}

async function imported(
  described: Described,
  place: Workplace,
  reference: string,
  source: ImageSource | undefined,
): Promise<number> {
  if (source === undefined || described.image === undefined) throw new TypeError("an image that nobody resolved");
  await mkdir(place.tree, { mode: 0o755 });
  const tar = spawn(
    "tar",
    [
      "--extract",
      "--numeric-owner",
      "--same-owner",
      "--preserve-permissions",
      "--xattrs",
      "--xattrs-include=*",
      "--directory",
      place.tree,
    ],
    { stdio: ["pipe", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } },
  );
  tar.stderr.setEncoding("utf8").on("data", (chunk: string) => place.log.write(chunk));
  const ended = once(tar, "close");
  const fed = pipeline(await source.export(reference), tar.stdin);
  const [[status], feeding] = await Promise.all([
    ended as Promise<[number | null]>,
    fed.then(
      () => undefined,
      (error: unknown) => error,
    ),
  ]);
  if (status !== 0 || feeding !== undefined) {
    throw new ProvisionError({
      code: "import-failed",
      phase: "build",
      node: place.recipe,
      seen: `${reference} could not be unpacked: ${place.log.lines.slice(-3).join(" / ") || String(feeding)}`,
      cause: feeding,
    });
  }
  // The engine's mark on a container's root, no part of the image.
  await rm(join(place.tree, ".dockerenv"), { force: true });
  const created = Date.parse(described.image.created ?? "");
  return Math.floor((Number.isNaN(created) ? Date.now() : created) / 1000);
}

// Decides what is known of why an image is another one here: what its recipe resolved to, and which packages moved.
import { join } from "node:path";
import { type Difference, imageDifferences, recipeMoved } from "../capsule/differences.ts";
import { movedPackages } from "../capsule/packages.ts";
import type { Capsule } from "../capsule/unpack.ts";
import type { Config } from "../config.ts";
import type { Report } from "../reporting/report.ts";
import type { Digest } from "../store/canonical.ts";
import { readManifest } from "../store/entry.ts";
import type { Manifest } from "../store/manifest.ts";
import { Rooms } from "../store/rooms.ts";
import { packagesOf } from "./capsule.ts";

/** More of them say no more. */
const mostPackages = 40;

/** Beside the images that the report's run used, which lie in the store. */
export async function comparedImages(
  { manifest, contents }: Capsule,
  { images }: Pick<Report, "images">,
  config: Pick<Config, "store" | "disks">,
): Promise<readonly Difference[]> {
  const rooms = new Rooms(config.store, config.disks);
  const reasons = new Map<string, readonly string[]>();
  for (const { tag, recipeDigest } of images) {
    const place = rooms.image(recipeDigest as Digest);
    const now = readManifest(place);
    const then = contents.get(`recipes/${tag}.json`)?.toString("utf8");
    const moved = movedPackages(
      contents.get(`packages/${tag}.txt`)?.toString("utf8") ?? "",
      (await packagesOf(join(place, "tree"))) ?? "",
    );
    const more = moved.length > mostPackages ? [`and ${moved.length - mostPackages} more packages`] : [];
    reasons.set(tag, [
      ...(then === undefined || now === undefined ? [] : recipeMoved(JSON.parse(then) as Manifest, now)),
      ...moved.slice(0, mostPackages),
      ...more,
    ]);
  }
  return imageDifferences(manifest.images, images, (tag) => reasons.get(tag) ?? []);
}

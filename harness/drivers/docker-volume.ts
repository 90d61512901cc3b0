// Decides what the engine is told of a declared volume: the same when it is made and when a container that has it is.
import type { VolumeDeclaration } from "../model/volume.ts";
import type { Standing } from "./driver.ts";
import { labelsOf, resourceName } from "./names.ts";

/** What the engine calls a declared volume. */
export function volumeResource(standing: Standing, volume: string): string {
  return resourceName(standing, `vol_${volume}`);
}

export interface VolumeSettings {
  readonly Labels: Record<string, string>;
  readonly Driver: "local";
  readonly DriverOpts: Record<string, string>;
}

/** For `POST /volumes/create`. */
export function volumeSettings(standing: Standing, volume: string): VolumeSettings {
  const { labels = {}, nfs } = standing.environment.volumes[volume] ?? {};
  return {
    Labels: { ...labels, ...labelsOf(standing) },
    Driver: "local",
    DriverOpts: nfs === undefined ? {} : mounted(nfs),
  };
}

/**
 * The engine hands this to the kernel, which resolves no names: `addr` it looks up itself, where the type is `nfs`.
 * @see https://docs.docker.com/engine/storage/volumes/#create-a-service-which-creates-an-nfs-volume
 */
function mounted({ server, path, version, options }: NonNullable<VolumeDeclaration["nfs"]>): Record<string, string> {
  return { type: "nfs", device: `:${path}`, o: [`addr=${server}`, `vers=${version}`, ...options].join(",") };
}

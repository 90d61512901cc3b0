// Decides what the store asks of whoever can reach images that are not ours. Knows no engine and no registry.
import type { Readable } from "node:stream";
import type { ImageConfig } from "../model/image.ts";
import type { ImageBuilds } from "../model/image-build.ts";
import type { Digest } from "./canonical.ts";

export interface ResolvedImage {
  /** The image's id: SHA-256 of its configuration. */
  readonly digest: Digest;
  readonly config: ImageConfig;
  /** ISO time; files newer than it are dated back to it in layers. Absent: the time of the import. */
  readonly created?: string;
}

/** Where `fromImage` gets images. Both methods reject with a `ProvisionError`; both may be called concurrently. */
export interface ImageSource {
  /** What a reference means now: what the engine has, else what a registry says. Pulls where needed. Idempotent. */
  resolve(reference: string): Promise<ResolvedImage>;
  /** The flattened root file system as an uncompressed tar stream, owners as numbers, without what the engine itself adds. */
  export(reference: string): Promise<Readable>;
  /** Who builds Dockerfiles; without one, those of `builder: "engine"` are refused. */
  readonly builds?: ImageBuilds;
}

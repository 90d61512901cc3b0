// Decides what is asked of an engine that builds Dockerfiles. Knows no engine.
import type { Readable } from "node:stream";
import type { BuiltImage } from "./image.ts";

export interface DockerfileBuild {
  /** The context as a tar stream. */
  readonly context: Readable;
  /** Path of the Dockerfile in it. */
  readonly file: string;
  readonly target: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Told each line that the builder says. */
  readonly say: (line: string) => void;
  /** Aborting ends the build on the engine, too. */
  readonly signal: AbortSignal | undefined;
}

/** An engine that builds. All methods reject with a `ProvisionError` and may be called concurrently. */
export interface ImageBuilds {
  /** What builds, with its version: part of a recipe's digest. */
  version(): Promise<string>;
  /** Makes the engine know an image that a Dockerfile starts from, by its `imageId`. Idempotent. */
  load(image: BuiltImage): Promise<void>;
  /** Builds from nothing, without the engine's cache. The image's id; code `dockerfile-failed` when a step fails. */
  build(request: DockerfileBuild): Promise<string>;
  /** Removes an image that was built, and its steps. Gone is success. */
  remove(id: string): Promise<void>;
}

// Decides that nothing half-made is ever seen: work is done in a room of its own and renamed into its place when it is whole.
import { mkdirSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";

/** A directory in which one thing is made. */
export class Room implements AsyncDisposable {
  readonly path: string;
  /** What is being made; becomes the entry. */
  readonly entry: string;
  /** A disk that belongs to it; made by whoever makes one. */
  readonly disk: string;
  /** What is needed while it is made. */
  readonly scratch: string;

  constructor(path: string) {
    this.path = path;
    this.entry = join(path, "entry");
    this.disk = join(path, "disk");
    this.scratch = join(path, "scratch");
    for (const each of [this.entry, this.scratch]) mkdirSync(each, { mode: 0o700 });
  }

  /**
   * Puts the entry in its place, all at once; what was there, damaged, goes. Its disk follows: between the two the entry is
   * not whole, and a disk without an entry is nobody's.
   */
  async finish(place: string, disk?: string): Promise<void> {
    await this.#put(this.entry, place, "replaced");
    if (disk !== undefined) await this.#put(this.disk, disk, "replaced-disk");
  }

  async #put(made: string, place: string, aside: string): Promise<void> {
    await rename(place, join(this.path, aside)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
    await rename(made, place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

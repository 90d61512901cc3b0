// Decides where things lie in the store, and that nothing half-made is ever seen: work is done in a room of its own and
// renamed into its place when it is whole. A room whose owner died is swept; a living owner's is never touched.
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { identityOf, liveness } from "../model/identity.ts";
import type { Digest } from "./canonical.ts";
import { hexOf } from "./canonical.ts";

/** Paths in a store's directory. */
export class Rooms {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Directory of a base, by its digest. */
  base(digest: Digest): string {
    return join(this.directory, "bases", hexOf(digest));
  }

  /** Directory of an image, by its recipe's digest. */
  image(digest: Digest): string {
    return join(this.directory, "images", hexOf(digest));
  }

  lock(digest: Digest): string {
    return join(this.directory, "locks", hexOf(digest));
  }

  log(name: string, digest: Digest): string {
    return join(this.directory, "logs", `${name}-${hexOf(digest).slice(0, 12)}.log`);
  }

  /** Makes what is missing. For root alone: trees hold programs that run as their owner. Idempotent. */
  prepare(): void {
    for (const room of ["bases", "images", "locks", "logs", "newest", "building"])
      mkdirSync(join(this.directory, room), { recursive: true, mode: 0o700 });
  }

  /** A fresh directory of this process, removed when disposed of. Its name says whose it is, so it is never without an owner. */
  open(): Room {
    const owner = identityOf().replaceAll(" ", ",");
    const path = join(this.directory, "building", `${owner},${randomBytes(6).toString("hex")}`);
    mkdirSync(path, { mode: 0o700 });
    return new Room(path);
  }

  /** Removes rooms whose owner is dead. Resolves with how many; what cannot be removed is left for the next time. */
  async sweep(): Promise<number> {
    let swept = 0;
    for (const name of list(join(this.directory, "building"))) {
      const identity = name.split(",").slice(0, -1).join(" ");
      if (liveness(identity) !== "dead") continue;
      await rm(join(this.directory, "building", name), { recursive: true, force: true }).then(
        () => {
          swept += 1;
        },
        () => {},
      );
    }
    return swept;
  }

  /** The digest that a recipe's name last had when it was built or asked for. */
  newest(name: string): Digest | undefined {
    return read(join(this.directory, "newest", name)) as Digest | undefined;
  }

  setNewest(name: string, digest: Digest): void {
    if (this.newest(name) !== digest) writeWhole(join(this.directory, "newest", name), digest);
  }

  /** The key for hashes of secrets; made at its first use, the same for every process from then on. */
  salt(): string {
    const path = join(this.directory, "salt");
    const known = read(path);
    if (known !== undefined) return known;
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    const own = `${path}.${process.pid}`;
    writeFileSync(own, randomBytes(32).toString("hex"), { mode: 0o600 });
    try {
      linkSync(own, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    } finally {
      rmSync(own, { force: true });
    }
    return readFileSync(path, "utf8");
  }
}

/** A directory in which one thing is made. */
export class Room implements AsyncDisposable {
  readonly path: string;
  /** What is being made; becomes the entry. */
  readonly entry: string;
  /** What is needed while it is made. */
  readonly scratch: string;

  constructor(path: string) {
    this.path = path;
    this.entry = join(path, "entry");
    this.scratch = join(path, "scratch");
    for (const each of [this.entry, this.scratch]) mkdirSync(each, { mode: 0o700 });
  }

  /** Puts the entry in its place, all at once; what was there, damaged, goes. */
  async finish(place: string): Promise<void> {
    await rename(place, join(this.path, "replaced")).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    });
    await rename(this.entry, place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeWhole(path: string, content: string): void {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, content);
  renameSync(own, path);
}

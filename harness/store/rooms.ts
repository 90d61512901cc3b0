// Decides where things lie in the store, and whose the rooms are in which they are made: one whose owner died is swept, a living
// owner's is never touched.
import { randomBytes } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { identityOf, liveness } from "../model/identity.ts";
import type { Digest } from "./canonical.ts";
import { hexOf } from "./canonical.ts";
import { tryLock } from "./lock.ts";
import { Names, namesIn } from "./names.ts";
import { Room } from "./room.ts";

/** Paths in a store's directory. */
export class Rooms {
  readonly directory: string;
  readonly #wantedDisks: string | undefined;

  /** `disks`: where disks shall lie when the store is first used; from then on a link of the store says where. */
  constructor(directory: string, disks?: string) {
    this.directory = directory;
    this.#wantedDisks = disks;
  }

  /** Directory of a base, by its digest. */
  base(digest: Digest): string {
    return join(this.directory, "bases", hexOf(digest));
  }

  /** Directory of an image, by its recipe's digest. */
  image(digest: Digest): string {
    return join(this.directory, "images", hexOf(digest));
  }

  /** Directory of all disks, by real names: QEMU can read there and cannot read in the store. */
  get disks(): string {
    const place = join(this.directory, "disks");
    try {
      return realpathSync(place);
    } catch {
      return this.#wantedDisks ?? place;
    }
  }

  /** Directory of an image's disk and kernel, by its recipe's digest. */
  disk(digest: Digest): string {
    return join(this.disks, hexOf(digest));
  }

  /** Directory of machines that are kept ready; an entry's name is 64 hexadecimal digits. */
  get warm(): string {
    return join(this.directory, "warm");
  }

  /** How long the parts of a recipe's last build took: title → milliseconds. Outlives its image. */
  durations(name: string): Readonly<Record<string, number>> {
    try {
      return JSON.parse(read(join(this.directory, "durations", name)) ?? "{}") as Record<string, number>;
    } catch {
      return {};
    }
  }

  setDurations(name: string, durations: Readonly<Record<string, number>>): void {
    mkdirSync(join(this.directory, "durations"), { recursive: true, mode: 0o700 });
    writeWhole(join(this.directory, "durations", name), JSON.stringify(durations));
  }

  /** Images that the store had and an engine may still have. */
  get forgotten(): Names {
    return new Names(join(this.directory, "forgotten"));
  }

  /** Marks of who uses what. */
  get uses(): string {
    return join(this.directory, "uses");
  }

  /** Directory of sizes of entries, a file each. */
  get sizes(): string {
    return join(this.directory, "sizes");
  }

  lock(digest: Digest): string {
    return join(this.directory, "locks", hexOf(digest));
  }

  log(name: string, digest: Digest): string {
    return join(this.directory, "logs", `${name}-${hexOf(digest).slice(0, 12)}.log`);
  }

  /** Makes what is missing. For root alone: trees hold programs that run as their owner. Idempotent. */
  prepare(): void {
    for (const room of ["bases", "images", "locks", "logs", "newest", "building", "warm"])
      mkdirSync(join(this.directory, room), { recursive: true, mode: 0o700 });
    const disks = this.#wantedDisks ?? join(this.directory, "disks");
    mkdirSync(disks, { recursive: true, mode: 0o711 });
    try {
      if (this.#wantedDisks !== undefined) symlinkSync(disks, join(this.directory, "disks"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
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
    for (const name of namesIn(join(this.directory, "building"))) {
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

  /** Removes disks of which no image is known, nor is being built. Resolves with how many. */
  async sweepDisks(): Promise<number> {
    const isAlone = (hex: string) =>
      lstatSync(join(this.directory, "images", hex), { throwIfNoEntry: false }) === undefined;
    let swept = 0;
    for (const hex of namesIn(this.disks)) {
      if (!/^[0-9a-f]{64}$/.test(hex) || !isAlone(hex)) continue;
      // An entry that replaces a damaged one is away for a moment; whoever puts it there has the lock.
      await using lock = await tryLock(this.lock(`sha256:${hex}`));
      if (lock === undefined || !isAlone(hex)) continue;
      await rm(join(this.disks, hex), { recursive: true, force: true });
      swept += 1;
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

// Decides when an image is built and when it is only found: by the digest of its recipe. Owns the directory of bases and
// images; never talks to an engine.
import { join } from "node:path";
import { sayBytes } from "../model/duration.ts";
import { HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import { type Budget, budgetBytes, readBudget } from "./budget.ts";
import type { BuildOptions, FindOptions } from "./build-image.ts";
import { type Digest, hexOf } from "./canonical.ts";
import { differenceSince } from "./changes.ts";
import { imageEntry, storedImage } from "./entry.ts";
import { evict } from "./evict.ts";
import { type Kept, listKept } from "./kept.ts";
import { type Described, describeRecipe, withoutSecrets } from "./manifest.ts";
import { namesIn } from "./names.ts";
import { markUsed, pruneImages, restMs } from "./prune.ts";
import { Rooms } from "./rooms.ts";
import { Uses } from "./uses.ts";
import { type Reasons, reasonsOf, whyLines } from "./why.ts";

export interface StoreOptions {
  /** Where everything lies: `config.store`. */
  readonly directory: string;
  /**
   * Where disks lie, which QEMU must be able to read: `config.disks`. On the same file system. The first to build says where;
   * the store remembers it. Without it: `disks` in the store's directory.
   */
  readonly disks?: string;
  /** How much disk it may take, as `readBudget` reads it: `"20g"`, `"15%"`, `"none"`. Without it: 15 % of the disk, at most 40 GiB. */
  readonly budget?: string | undefined;
  /** Variables for programs of a build: proxies. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What `Store.contents` tells. */
export interface StoreContents {
  readonly directory: string;
  /** Bytes; `Infinity` where there is no budget. */
  readonly budget: number;
  /** Disk space of all entries. */
  readonly bytes: number;
  /** `usedBy`: identities of live processes (`host boot-id pid-namespace pid start-time …`). */
  readonly entries: readonly (Kept & { readonly usedBy: readonly string[] })[];
}

export interface BuildResult {
  readonly image: BuiltImage;
  /** `false`: it was in the store, or another process built it meanwhile. */
  readonly built: boolean;
  readonly ms: number;
}

/**
 * Bases and images by digest. Any number of processes may use one directory at the same time: what one builds, the others
 * wait for and find. Building needs root; finding does not.
 *
 * @example
 * const store = new Store({ directory: config.store });
 * const { image, built, ms } = await store.build(soe, { say: console.log });
 */
export class Store {
  readonly #rooms: Rooms;
  readonly #options: StoreOptions;
  readonly #budget: Budget | undefined;
  readonly #uses: Uses;

  /** Throws a `DeclarationError` (code `bad-budget`) where the budget cannot be read. */
  constructor(options: StoreOptions) {
    this.#options = options;
    this.#rooms = new Rooms(options.directory, options.disks);
    this.#budget = options.budget === undefined ? undefined : readBudget(options.budget, "the store's budget");
    this.#uses = new Uses(this.#rooms.uses);
  }

  /** The image of a recipe as its files are now, if it is in the store. Reads the context; asks no engine but for `fromImage`. */
  async find(recipe: Recipe, options: FindOptions = {}): Promise<BuiltImage | undefined> {
    return this.#find(await this.#describe(recipe, options));
  }

  /** Images of recipes whose digest begins with these hexadecimal digits; this process uses them from now on. */
  imagesOf(prefix: string): BuiltImage[] {
    return namesIn(join(this.#rooms.directory, "images"))
      .filter((hex) => /^[0-9a-f]{64}$/.test(hex) && hex.startsWith(prefix))
      .flatMap((hex) => this.#found(`sha256:${hex}`) ?? []);
  }

  /** What a build of the recipe, as its files are now, would be known by. Builds nothing. */
  async digest(recipe: Recipe, options: FindOptions = {}): Promise<Digest> {
    return (await this.#describe(recipe, options)).digest;
  }

  /** Data that may be written down: a hash with this store's key in the place of each secret. */
  sealed(data: unknown): unknown {
    return withoutSecrets(data, () => this.#rooms.salt());
  }

  /** Finds the image or builds it. Rejects with a `DeclarationError` before anything is made, else with a `ProvisionError`. */
  async build(recipe: Recipe, options: BuildOptions = {}): Promise<BuildResult> {
    const started = performance.now();
    const described = await this.#describe(recipe, options);
    const result = (image: BuiltImage, built: boolean) => ({ image, built, ms: performance.now() - started });
    const found = this.#find(described);
    if (found !== undefined) {
      this.#rooms.setNewest(recipe.name, described.digest);
      return result(found, false);
    }
    try {
      const { checkHost, ImageBuilding } = await import("./build-image.ts");
      checkHost(recipe);
      const building = new ImageBuilding(this.#rooms, this.#uses, this.#options.environment ?? {});
      this.#rooms.prepare();
      await this.#rooms.sweep();
      const { entry, built } = await building.build(described, options);
      await this.#trim({ sinceMs: Date.now() - restMs });
      return result(storedImage(this.#rooms, described.digest, entry), built);
    } catch (error) {
      throw this.#asProvisionError(recipe, error);
    }
  }

  /** What differs between the recipe as it is now and as it was last built, in lines; and why the present image was built. */
  async why(recipe: Recipe, options: FindOptions = {}): Promise<string[]> {
    return whyLines(recipe.name, await this.reasons(recipe, options));
  }

  /** The same as data. */
  async reasons(recipe: Recipe, options: FindOptions = {}): Promise<Reasons> {
    const now = await this.#describe(recipe, options);
    const last = this.#rooms.newest(recipe.name);
    return reasonsOf(now.digest, last, imageEntry(this.#rooms, now.digest), (before) =>
      differenceSince(this.#rooms, before as Digest, now),
    );
  }

  /**
   * Removes what killed builds left behind, images that newer ones have replaced, and what is over the budget; `budget` stands in for
   * the store's own. What was used within the hour stays, with `now` that goes too. Never what a live process uses. Resolves with what
   * is gone, a line each.
   */
  async sweep({ budget, now }: { readonly budget?: Budget; readonly now?: boolean } = {}): Promise<string[]> {
    this.#rooms.prepare();
    const rooms = await this.#rooms.sweep();
    this.#uses.sweep();
    const sinceMs = now === true ? Number.POSITIVE_INFINITY : Date.now() - restMs;
    const trimmed = await this.#trim({ sinceMs, ...(budget === undefined ? {} : { budget }) });
    const disks = await this.#rooms.sweepDisks();
    return [
      ...(rooms === 0 ? [] : [`${rooms} half-made ${rooms === 1 ? "image" : "images"} of killed builds`]),
      ...trimmed.map(({ kind, title, hex, bytes }) => `${kind} ${title} sha256:${hex}, ${sayBytes(bytes)}`),
      ...(disks === 0 ? [] : [`${disks} ${disks === 1 ? "disk" : "disks"} of images that are gone`]),
    ];
  }

  /** What it holds and what it may hold, the longest unused first. */
  async contents(): Promise<StoreContents> {
    const kept = (await listKept(this.#rooms)).sort((a, b) => a.usedMs - b.usedMs);
    const used = this.#uses.all();
    return {
      directory: this.#rooms.directory,
      budget: budgetBytes(this.#budget, this.#rooms.directory),
      bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
      entries: kept.map((each) => ({ ...each, usedBy: used.get(each.hex) ?? [] })),
    };
  }

  /** Digests of recipes whose images this store had and has no more, an engine perhaps; see `forget`. */
  async forgotten(): Promise<string[]> {
    const known = new Set((await listKept(this.#rooms)).map(({ hex }) => hex));
    return this.#rooms.forgotten.all().flatMap((hex) => (known.has(hex) ? [] : [`sha256:${hex}`]));
  }

  /** No engine has them any more either. */
  forget(digests: readonly string[]): void {
    for (const digest of digests) this.#rooms.forgotten.drop(hexOf(digest as Digest));
  }

  /** How long the parts of a recipe's last build took, milliseconds by title: the lines of `say` without their times. */
  lastDurations(recipe: Recipe): Readonly<Record<string, number>> {
    return this.#rooms.durations(recipe.name);
  }

  /** This process uses nothing of the store any more: what it found or built may go. Without it, that is so when it ends. */
  release(): void {
    this.#uses.release();
  }

  async #trim({ sinceMs, budget = this.#budget }: { sinceMs: number; budget?: Budget | undefined }): Promise<Kept[]> {
    const kept = await listKept(this.#rooms);
    const pruned = await pruneImages(this.#rooms, kept);
    const rest = kept.filter((each) => !pruned.includes(each));
    const bytes = budgetBytes(budget, this.#rooms.directory);
    return [...pruned, ...(await evict(this.#rooms, rest, { budget: bytes, sinceMs }))];
  }

  #describe(recipe: Recipe, { source }: FindOptions): Promise<Described> {
    return describeRecipe(recipe, { salt: () => this.#rooms.salt(), source });
  }

  #find({ digest }: Described): BuiltImage | undefined {
    return this.#found(digest);
  }

  #found(digest: Digest): BuiltImage | undefined {
    const entry = this.#uses.use(hexOf(digest), () => imageEntry(this.#rooms, digest));
    if (entry === undefined) return undefined;
    markUsed(this.#rooms.image(digest));
    return storedImage(this.#rooms, digest, entry);
  }

  #asProvisionError(recipe: Recipe, error: unknown): unknown {
    if (error instanceof HarnessError) return error;
    const full = (error as NodeJS.ErrnoException).code === "ENOSPC";
    return new ProvisionError({
      code: full ? "disk-full" : "build-failed",
      phase: "build",
      node: recipe.name,
      seen: full ? `no space left on the disk of ${this.#rooms.directory}` : messageOf(error),
      ...(full
        ? { hint: 'free some ("assay gc --store 0" empties the store of what is not in use), then build again' }
        : {}),
      cause: error,
    });
  }
}

// Decides when an image is built and when it is only found: by the digest of its recipe. Owns the directory of bases and
// images; never talks to an engine.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { sayBytes, sayMs } from "../model/duration.ts";
import { HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import { type Budget, budgetBytes, readBudget } from "./budget.ts";
import { BuildLog } from "./build-log.ts";
import { timed } from "./build-parts.ts";
import { type Digest, hexOf } from "./canonical.ts";
import { builtImage, type Foundation, type ImageEntry, readEntry, readManifest } from "./entry.ts";
import { evict } from "./evict.ts";
import type { ImageSource } from "./image-source.ts";
import { type Kept, listKept } from "./kept.ts";
import { takeLock } from "./lock.ts";
import { type Described, describeRecipe, withoutSecrets } from "./manifest.ts";
import { markUsed, pruneImages, restMs } from "./prune.ts";
import { type Room, Rooms } from "./rooms.ts";
import { findTool, type Workplace } from "./steps-tool.ts";
import { Uses } from "./uses.ts";
import { manifestDifference } from "./why.ts";

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

export interface FindOptions {
  /** Who is asked for `fromImage`; without one such recipes are refused. */
  readonly source?: ImageSource | undefined;
}

export interface BuildOptions extends FindOptions {
  /** Told a line as each part of the work ends, and when another process is waited for. */
  readonly say?: (line: string) => void;
  /** Aborting ends the build with a `ProvisionError` (code `cancelled`) and leaves nothing. */
  readonly signal?: AbortSignal | undefined;
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
      checkHost(recipe);
      this.#rooms.prepare();
      await this.#rooms.sweep();
      const { entry, built } = await this.#image(described, options);
      await this.#trim({ sinceMs: Date.now() - restMs });
      return result(this.#built(described.digest, entry), built);
    } catch (error) {
      throw this.#asProvisionError(recipe, error);
    }
  }

  /** What differs between the recipe as it is now and as it was last built, in lines; and why the present image was built. */
  async why(recipe: Recipe, options: FindOptions = {}): Promise<string[]> {
    const now = await this.#describe(recipe, options);
    const last = this.#rooms.newest(recipe.name);
    if (last === undefined) return [`${recipe.name} was never built here`];
    const entry = this.#entry(now.digest);
    if (last !== now.digest || entry === undefined) {
      const lines = this.#difference(last, now);
      const found = entry === undefined ? "a build would make it anew" : "the store has it as it is now";
      return [`${recipe.name} is not what was last built; ${found}:`, ...lines];
    }
    return [
      `${recipe.name}: nothing has changed since it was built at ${entry.builtAt}, which was because:`,
      ...entry.because,
    ];
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

  #find(described: Described): BuiltImage | undefined {
    const entry = this.#use(described.digest, () => this.#entry(described.digest));
    if (entry === undefined) return undefined;
    markUsed(this.#rooms.image(described.digest));
    return this.#built(described.digest, entry);
  }

  /** What `look` finds of an entry, which this process uses from then on; `undefined` too while somebody removes it. */
  #use<Found>(digest: Digest, look: () => Found | undefined): Found | undefined {
    // Said before it is looked: whoever removes it looks for uses after having said so.
    if (!this.#uses.take(hexOf(digest))) return undefined;
    const found = look();
    if (found === undefined) this.#uses.drop(hexOf(digest));
    return found;
  }

  #entry(digest: Digest): ImageEntry | undefined {
    return readEntry(this.#rooms.image(digest), this.#rooms.disk(digest)) as ImageEntry | undefined;
  }

  #built(digest: Digest, entry: ImageEntry): BuiltImage {
    return builtImage(this.#rooms.image(digest), entry, this.#rooms.disk(digest));
  }

  /** The image's entry, built where it is missing: by this process, or by the one that it waited for. */
  async #image(described: Described, options: BuildOptions): Promise<{ entry: ImageEntry; built: boolean }> {
    const directory = this.#rooms.image(described.digest);
    const look = () => this.#use(described.digest, () => this.#entry(described.digest));
    const known = look();
    if (known !== undefined) return { entry: known, built: false };
    await using _lock = await this.#lock("it is", described.digest, options);
    const meanwhile = look();
    if (meanwhile !== undefined) return { entry: meanwhile, built: false };

    await checkTools(described.recipe);
    const parts = timed(options.say ?? (() => {}));
    const { foundation, below } = await this.#foundation(described, { ...options, say: parts.say });
    // Loaded when something is built: most runs only find.
    const { makeImage } = await import("./make-image.ts");
    await using room = this.#rooms.open();
    const entry = await this.#logged(described, described.digest, room, options, (place) =>
      makeImage({
        described,
        place,
        directory: room.entry,
        disk: room.disk,
        target: directory,
        foundation,
        below,
        store: this.#rooms.directory,
        because: this.#because(described),
        say: parts.say,
      }),
    );
    this.#rooms.setDurations(described.recipe.name, parts.durations);
    await room.finish(directory, entry.disk === undefined ? undefined : this.#rooms.disk(described.digest));
    this.#uses.take(hexOf(described.digest));
    this.#rooms.setNewest(described.recipe.name, described.digest);
    return { entry, built: true };
  }

  /** What the recipe is made on: another recipe's image, or a base of its own in the store. */
  async #foundation(described: Described, options: BuildOptions): Promise<{ foundation: Foundation; below: string }> {
    if (described.parent !== undefined) {
      const { recipe, digest } = described.parent;
      const say = (line: string) => options.say?.(`${recipe.name}: ${line}`);
      const { entry } = await this.#image(described.parent, { ...options, say });
      return { foundation: entry, below: this.#rooms.image(digest) };
    }
    const below = this.#rooms.base(described.baseDigest);
    const look = () => this.#use(described.baseDigest, () => readEntry(below));
    const known = look();
    if (known !== undefined) markUsed(below);
    if (known !== undefined) return { foundation: known, below };
    await using _lock = await this.#lock("its base is", described.baseDigest, options);
    const meanwhile = look();
    if (meanwhile !== undefined) return { foundation: meanwhile, below };
    if (described.recipe.from.base === "debian-rootfs") findTool("mmdebstrap", described.recipe.name);
    const bases = new Map<string, BuiltImage & { epochSeconds: number }>();
    for (const [name, each] of described.bases) {
      const say = (line: string) => options.say?.(`${each.recipe.name}: ${line}`);
      const { entry } = await this.#image(each, { ...options, say });
      bases.set(name, { ...this.#built(each.digest, entry), epochSeconds: entry.epochSeconds });
    }
    const { baseTitle, makeBase } = await import("./make-base.ts");
    const started = performance.now();
    await using room = this.#rooms.open();
    const foundation = await this.#logged(described, described.baseDigest, room, options, (place) =>
      makeBase({ described, place, directory: room.entry, source: options.source, bases }),
    );
    await room.finish(below);
    this.#uses.take(hexOf(described.baseDigest));
    options.say?.(`base ${baseTitle(described.recipe)}: ${sayMs(performance.now() - started)}`);
    return { foundation, below };
  }

  async #lock(what: string, digest: Digest, { say, signal }: BuildOptions) {
    const waiting = (holder: string) => {
      const pid = holder.split(" ")[3] ?? "unknown";
      const who = pid === String(process.pid) ? "this process" : `process ${pid}`;
      say?.(`${what} being built by ${who}; waiting for that`);
    };
    const lock = await takeLock(this.#rooms.lock(digest), { waiting, signal });
    this.#uses.clearRemovals(hexOf(digest));
    return lock;
  }

  /** Does the work with a log, which goes into the entry; after a failure it stays where the message says. */
  async #logged<Result>(
    described: Described,
    digest: Digest,
    room: Room,
    { signal }: BuildOptions,
    work: (place: Workplace) => Promise<Result>,
  ): Promise<Result> {
    const log = new BuildLog(this.#rooms.log(described.recipe.name, digest));
    const place: Workplace = {
      recipe: described.recipe.name,
      tree: join(room.entry, "tree"),
      scratch: room.scratch,
      context: join(room.scratch, "context"),
      log,
      signal,
      environment: this.#options.environment ?? {},
    };
    try {
      const result = await work(place);
      await log.close();
      await rename(log.path, join(room.entry, "build.log"));
      return result;
    } finally {
      await log.close();
    }
  }

  #because(described: Described): string[] {
    const last = this.#rooms.newest(described.recipe.name);
    if (last === undefined) return ["it had never been built here"];
    return last === described.digest
      ? ["its entry in the store was gone or damaged"]
      : this.#difference(last, described);
  }

  #difference(before: Digest, now: Described): string[] {
    const manifest = readManifest(this.#rooms.image(before));
    if (manifest === undefined) return [`the manifest of the last build, ${before}, is gone`];
    const own = manifestDifference(manifest, now.manifest);
    const base = manifest.base;
    if (now.parent === undefined || base.kind !== "recipe" || base.digest === now.parent.digest) return own;
    return [...own, ...this.#difference(base.digest, now.parent).map((line) => `${base.recipe}: ${line}`)];
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

/** Refuses before anything is made what could not be finished. */
function checkHost(recipe: Recipe): void {
  if (process.getuid?.() !== 0) {
    throw new ProvisionError({
      code: "not-root",
      phase: "build",
      node: recipe.name,
      seen: "building an image needs root: it makes files of other owners",
      hint: `sudo npm run assay -- build ${recipe.name}`,
    });
  }
}

/** Refuses for want of a program before the base is made, not after. */
async function checkTools({ name, steps, disk }: Recipe): Promise<void> {
  for (const tool of ["tar", "unshare", "setpriv", "flock", "cp"]) findTool(tool, name);
  if (steps.some((step) => step.step === "ansible")) findTool("ansible-playbook", name);
  if (disk === undefined) return;
  const { checkDisk } = await import("./make-disk.ts");
  checkDisk(name, disk);
}

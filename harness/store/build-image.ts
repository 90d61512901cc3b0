// Decides how an image comes to be in the store, with all that it is made of: under a lock, in a room of its own, and in its place only
// when it is whole. Whoever else builds the same is waited for.
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { sayMs } from "../model/duration.ts";
import { ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import type { Recipe } from "../model/recipe.ts";
import { BuildLog } from "./build-log.ts";
import { baseTitle, timed } from "./build-parts.ts";
import { type Digest, hexOf } from "./canonical.ts";
import { reasonsToBuild } from "./changes.ts";
import { type Foundation, type ImageEntry, imageEntry, readEntry, storedImage } from "./entry.ts";
import type { ImageSource } from "./image-source.ts";
import { takeLock } from "./lock.ts";
import type { Described } from "./manifest.ts";
import { markUsed } from "./prune.ts";
import type { Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import { findTool, type Workplace } from "./steps-tool.ts";
import type { Uses } from "./uses.ts";

export interface FindOptions {
  /** Who is asked for `fromImage`; without one such recipes are refused. */
  readonly source?: ImageSource | undefined;
}

export interface BuildOptions extends FindOptions {
  /** Told a line as each part of the work ends, and when another process is waited for. */
  readonly say?: (line: string) => void;
  /** Told a part, or the beginning of several, as `lastDurations` has them, that need not be done: they are in the store. */
  readonly skip?: (part: string) => void;
  /** Aborting ends the build with a `ProvisionError` (code `cancelled`) and leaves nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** Builds in one store. */
export class ImageBuilding {
  readonly #rooms: Rooms;
  readonly #uses: Uses;
  readonly #environment: Readonly<Record<string, string>>;

  /** `environment`: variables for programs of a build. */
  constructor(rooms: Rooms, uses: Uses, environment: Readonly<Record<string, string>>) {
    this.#rooms = rooms;
    this.#uses = uses;
    this.#environment = environment;
  }

  /** The image's entry, built where it is missing: by this process, or by the one that it waited for. */
  async build(described: Described, options: BuildOptions): Promise<{ entry: ImageEntry; built: boolean }> {
    const directory = this.#rooms.image(described.digest);
    const look = () => this.#uses.use(hexOf(described.digest), () => imageEntry(this.#rooms, described.digest));
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
        because: reasonsToBuild(this.#rooms, described),
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
      const { digest } = described.parent;
      const entry = await this.#below(described.parent, options);
      return { foundation: entry, below: this.#rooms.image(digest) };
    }
    const below = this.#rooms.base(described.baseDigest);
    const part = `base ${baseTitle(described.recipe)}`;
    const found = (foundation: Foundation) => {
      options.skip?.(part);
      return { foundation, below };
    };
    const look = () => this.#uses.use(hexOf(described.baseDigest), () => readEntry(below));
    const known = look();
    if (known !== undefined) markUsed(below);
    if (known !== undefined) return found(known);
    await using _lock = await this.#lock("its base is", described.baseDigest, options);
    const meanwhile = look();
    if (meanwhile !== undefined) return found(meanwhile);
    if (described.recipe.from.base === "debian-rootfs") findTool("mmdebstrap", described.recipe.name);
    const bases = new Map<string, BuiltImage & { epochSeconds: number }>();
    for (const [name, each] of described.bases) {
      const entry = await this.#below(each, options);
      bases.set(name, { ...storedImage(this.#rooms, each.digest, entry), epochSeconds: entry.epochSeconds });
    }
    const { makeBase } = await import("./make-base.ts");
    const started = performance.now();
    await using room = this.#rooms.open();
    const foundation = await this.#logged(described, described.baseDigest, room, options, (place) =>
      makeBase({ described, place, directory: room.entry, source: options.source, bases }),
    );
    await room.finish(below);
    this.#uses.take(hexOf(described.baseDigest));
    options.say?.(`${part}: ${sayMs(performance.now() - started)}`);
    return { foundation, below };
  }

  /** An image that another one is made of, its parts told with its name. */
  async #below(described: Described, options: BuildOptions): Promise<ImageEntry> {
    const { name } = described.recipe;
    const { entry, built } = await this.build(described, {
      ...options,
      say: (line) => options.say?.(`${name}: ${line}`),
      skip: (part) => options.skip?.(`${name}: ${part}`),
    });
    if (!built) options.skip?.(`${name}: `);
    return entry;
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
      environment: this.#environment,
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
}

/** Refuses before anything is made what could not be finished. */
export function checkHost(recipe: Recipe): void {
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

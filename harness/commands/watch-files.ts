// Decides when files have changed: told by the kernel, and believed when their contents are others than before. Directories are watched,
// not files, as editors put a new file in the old one's place. Refuses to poll.
import { createHash } from "node:crypto";
import { type FSWatcher, readdirSync, readFileSync, realpathSync, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, ProvisionError } from "../model/errors.ts";

/** One save is several events, and a checkout hundreds: what comes within this time after another is one change. */
const settleMs = 60;
/** Bytes; a larger file is known by its size and time. */
const mostRead = 16 * 1024 ** 2;
/** What editors keep beside a file, and what holds no sources. */
const aside = /~$|\.sw[a-z]$|^4913$|^\.#|^\.git$|^node_modules$/;

/** Files and directories, with all that is in them, followed over any number of changes. Close it. */
export class WatchedFiles {
  /** By directory; `inode` tells whether it is still the one that is watched. */
  readonly #watchers = new Map<string, { readonly watcher: FSWatcher; readonly inode: number }>();
  /** Of each file: what it held when it was last looked at. */
  #signs = new Map<string, string>();
  #followed: readonly string[] = [];
  #touched = false;
  #wake = () => {};

  /**
   * From now on these are followed: absolute paths, of which some may not be there yet. What is new among them and was written after
   * `sinceMs` (milliseconds since the epoch) has changed already.
   */
  follow(paths: readonly string[], sinceMs: number): void {
    this.#followed = [...new Set(paths)];
    const known = this.#signs;
    const { files, directories } = walk(this.#followed);
    this.#signs = new Map(
      [...files].map((file) => {
        const before = known.get(file);
        if (before === undefined && writtenAt(file) > sinceMs) this.#touched = true;
        return [file, before ?? (writtenAt(file) > sinceMs ? "not seen yet" : signOf(file))];
      }),
    );
    this.#watch(directories);
  }

  /** How many files that is. */
  get count(): number {
    return this.#signs.size;
  }

  /** Resolves with the paths of files that are others than before, or gone, or new; with none when `signal` is aborted first. */
  async next(signal: AbortSignal): Promise<readonly string[]> {
    const aborted = () => this.#wake();
    signal.addEventListener("abort", aborted);
    try {
      for (;;) {
        if (!this.#touched && !signal.aborted)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        if (signal.aborted) return [];
        while (this.#touched) {
          this.#touched = false;
          await pause(settleMs);
        }
        const changed = this.#changed();
        if (changed.length > 0) return changed;
      }
    } finally {
      signal.removeEventListener("abort", aborted);
    }
  }

  close(): void {
    this.#watch(new Set());
  }

  #changed(): readonly string[] {
    const { files, directories } = walk(this.#followed);
    // Before anything is read: what is written from here on is told.
    this.#watch(directories);
    const before = this.#signs;
    this.#signs = new Map([...files].map((file) => [file, signOf(file)]));
    const changed = [...this.#signs].filter(([file, sign]) => before.get(file) !== sign).map(([file]) => file);
    return [...changed, ...[...before.keys()].filter((file) => !files.has(file))].sort();
  }

  #watch(directories: ReadonlySet<string>): void {
    for (const [directory, { watcher, inode }] of this.#watchers)
      if (!directories.has(directory) || inodeOf(directory) !== inode) {
        watcher.close();
        this.#watchers.delete(directory);
      }
    for (const directory of directories) {
      if (this.#watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, (_, name) => {
          if (name !== null && aside.test(name)) return;
          this.#touched = true;
          this.#wake();
        });
        watcher.on("error", () => {});
        this.#watchers.set(directory, { watcher, inode: inodeOf(directory) });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
        throw new ProvisionError({
          code: "cannot-watch",
          phase: "setup",
          seen: `${directory} cannot be watched: ${messageOf(error)}`,
          hint: "raise fs.inotify.max_user_watches, or watch fewer specs",
          cause: error,
        });
      }
    }
  }
}

/** All files of these paths, and the directories in which they change. A path that is not there is a file, in the nearest directory. */
function walk(paths: readonly string[]): { readonly files: Set<string>; readonly directories: Set<string> } {
  const files = new Set<string>();
  const directories = new Set<string>();
  const entered = new Set<string>();
  // `above`: real paths of the directories in which it lies. A link to one of them has no end.
  const enter = (directory: string, above: readonly string[]) => {
    const real = realpathSync(directory);
    if (entered.has(directory) || above.includes(real)) return;
    entered.add(directory);
    directories.add(directory);
    for (const name of readdirSync(directory)) if (!aside.test(name)) visit(join(directory, name), [...above, real]);
  };
  const visit = (path: string, above: readonly string[] = []) => {
    try {
      if (statSync(path).isDirectory()) return enter(path, above);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw error;
    }
    files.add(path);
  };
  // A directory that is followed as a whole is entered; of a file's the others do not matter.
  for (const path of paths) {
    visit(path);
    directories.add(nearest(dirname(path)));
  }
  return { files, directories };
}

function nearest(directory: string): string {
  return inodeOf(directory) === 0 && dirname(directory) !== directory ? nearest(dirname(directory)) : directory;
}

function inodeOf(directory: string): number {
  return statSync(directory, { throwIfNoEntry: false })?.ino ?? 0;
}

/** 0 for what cannot be looked at: `signOf` says the same of that each time. */
function writtenAt(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function signOf(file: string): string {
  try {
    const stats = statSync(file);
    const { size, mtimeMs, mode } = stats;
    // A pipe would be waited for.
    if (size > mostRead || !stats.isFile()) return `${size} ${mtimeMs} ${mode}`;
    return `${createHash("sha256").update(readFileSync(file)).digest("hex")} ${mode}`;
  } catch {
    return "not there";
  }
}

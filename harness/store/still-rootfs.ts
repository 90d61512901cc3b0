// Decides how a directory is asked as a root file system: links are followed inside it alone, and nothing but regular files is opened.
import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, ObservationError } from "../model/errors.ts";
import type { FileTree, NothingToRead, TreeEntry } from "../model/tree.ts";

const mostLinks = 40;
/** How many files are looked at together. */
const together = 32;

interface Found {
  /** On this machine, no link on its way. */
  readonly path: string;
  readonly stat: Stats;
}

/** @example const tree = new RootfsTree("/srv/rootfs"); await tree.look(["/etc/passwd"]) */
export class RootfsTree implements FileTree {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  look(paths: readonly string[]): Promise<readonly (TreeEntry | undefined | Error)[]> {
    return each(paths, async (path) => {
      const found = await this.#find(path, false);
      if (found === undefined) return undefined;
      return entryOf(found.stat, found.path);
    });
  }

  /** Stays on the file system of the directory, as what is mounted below a root file system is none of its own. */
  async walk(directory: string): Promise<readonly (readonly [path: string, entry: TreeEntry])[] | undefined> {
    const [start] = await each([directory], async (path) => {
      const [self, through] = await Promise.all([this.#find(path, false), this.#find(path, true)]);
      return through?.stat.isDirectory() ? self : undefined;
    });
    if (start instanceof Error) throw start;
    if (start === undefined) return undefined;
    const found: (readonly [string, TreeEntry])[] = [[directory, await entryOf(start.stat, start.path)]];
    const said = directory.replace(/\/$/, "");
    let level = start.stat.isDirectory() ? [{ path: Buffer.from(start.path), said }] : [];
    while (level.length > 0) {
      const listed = await inTurns(level, async (here) => {
        const names = await readdir(here.path, { encoding: "buffer" });
        return Promise.all(
          names.map(async (name) => {
            const path = Buffer.concat([here.path, Buffer.from("/"), name]);
            const stat = await lstat(path);
            return { path, said: `${here.said}/${name.toString("utf8")}`, stat, entry: await entryOf(stat, path) };
          }),
        ).catch((error: unknown) => {
          throw notSeen(here.said, error);
        });
      });
      const entries = listed.flat();
      for (const each of entries) found.push([each.said, each.entry]);
      level = entries.filter(({ stat }) => stat.isDirectory() && stat.dev === start.stat.dev);
    }
    return found;
  }

  read(
    paths: readonly string[],
    most: number,
  ): Promise<readonly ({ readonly bytes: Buffer; readonly whole: boolean } | NothingToRead | Error)[]> {
    return each(paths, (path) =>
      this.#opened(path, async (file, { size }) => {
        const bytes = Buffer.alloc(Math.min(size, most));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
        return { bytes: bytes.subarray(0, bytesRead), whole: size <= most };
      }),
    );
  }

  sha256(paths: readonly string[]): Promise<readonly (string | NothingToRead | Error)[]> {
    return each(paths, (path) =>
      this.#opened(path, async (file) => {
        const hash = createHash("sha256");
        for await (const piece of file.createReadStream({ autoClose: false })) hash.update(piece as Buffer);
        return hash.digest("hex");
      }),
    );
  }

  list(directories: readonly string[]): Promise<readonly (readonly string[] | undefined | Error)[]> {
    return each(directories, async (path) => {
      const found = await this.#find(path, true);
      if (!found?.stat.isDirectory()) return undefined;
      const names = (await readdir(found.path, { encoding: "buffer" })).sort(Buffer.compare);
      return names.map((name) => name.toString("utf8"));
    });
  }

  async #opened<Answer>(
    path: string,
    answer: (file: FileHandle, stat: Stats) => Promise<Answer>,
  ): Promise<Answer | NothingToRead> {
    const found = await this.#find(path, true);
    if (found === undefined) return { nothing: "absent" };
    if (!found.stat.isFile()) return { nothing: "irregular" };
    const file = await open(found.path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      return await answer(file, found.stat);
    } finally {
      await file.close();
    }
  }

  /** Walks as the kernel would after chroot; `undefined` where nothing is. */
  async #find(path: string, follow: boolean): Promise<Found | undefined> {
    const through = follow || /\/\.?$/.test(path);
    const left = path
      .split("/")
      .filter((step) => step !== "" && step !== ".")
      .reverse();
    const above: Found[] = [{ path: this.#root, stat: await lstat(this.#root) }];
    let links = 0;
    while (left.length > 0) {
      const step = left.pop() as string;
      const here = above.at(-1) as Found;
      if (!here.stat.isDirectory()) return undefined;
      if (step === "..") {
        if (above.length > 1) above.pop();
        continue;
      }
      const next = join(here.path, step);
      const stat = await lstat(next).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
        throw error;
      });
      if (stat === undefined) return undefined;
      if (!stat.isSymbolicLink() || (left.length === 0 && !through)) {
        above.push({ path: next, stat });
        continue;
      }
      links += 1;
      if (links > mostLinks) throw new Error("too many levels of symbolic links");
      const target = await readlink(next);
      if (target.startsWith("/")) above.length = 1;
      left.push(
        ...target
          .split("/")
          .filter((each) => each !== "" && each !== ".")
          .reverse(),
      );
    }
    const found = above.at(-1) as Found;
    return /\/\.?$/.test(path) && !found.stat.isDirectory() ? undefined : found;
  }
}

/** Some at a time; what goes wrong with one is that one's answer. */
function each<Answer>(
  paths: readonly string[],
  answer: (path: string) => Promise<Answer>,
): Promise<readonly (Answer | Error)[]> {
  return inTurns(paths, (path) => answer(path).catch((error: unknown) => notSeen(path, error)));
}

async function inTurns<Of, Answer>(all: readonly Of[], answer: (one: Of) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < all.length; at += together)
    answers.push(...(await Promise.all(all.slice(at, at + together).map(answer))));
  return answers;
}

function notSeen(path: string, error: unknown): ObservationError {
  const denied = (error as NodeJS.ErrnoException).code === "EACCES";
  const seen = `cannot look at ${JSON.stringify(path)}: ${messageOf(error)}`;
  return new ObservationError({ code: denied ? "probe-denied" : "probe-failed", phase: "observe", seen, cause: error });
}

async function entryOf(stat: Stats, path: string | Buffer): Promise<TreeEntry> {
  const { mode, uid, gid, size } = stat;
  return { mode, uid, gid, size, target: stat.isSymbolicLink() ? String(await readlink(path)) : undefined };
}

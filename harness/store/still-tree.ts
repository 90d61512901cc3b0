// Decides how a tree of layers is asked: metadata from memory, contents where they lie. What is asked in one tick of a compressed
// layer is answered by one passage over it.
import { createHash, type Hash } from "node:crypto";
import { ObservationError } from "../model/errors.ts";
import type { FileTree, NothingToRead, TreeEntry } from "../model/tree.ts";
import { badArchive, sayName } from "./bad-archive.ts";
import type { ByteSource } from "./byte-source.ts";
import type { StillLayer } from "./still-layer.ts";
import { readTar, type TarEntry } from "./tar-entries.ts";
import { type Inode, TreeIndex } from "./tree-index.ts";

/** Of a compressed layer, files that most answers need are kept while it is read: databases of accounts and packages, /etc. */
const early = /^(\.?\/)?(etc\/|var\/lib\/dpkg\/status)/;
const mostEarly = { file: 8 * 1024 ** 2, all: 32 * 1024 ** 2 };
const pieceBytes = 256 * 1024;
const none: ReadonlyMap<string, Buffer> = new Map();

interface Wanted {
  readonly inode: Inode;
  /** Bytes from the beginning; `hash` takes all. */
  readonly most: number | "hash";
  readonly resolve: (answer: Buffer | string) => void;
  readonly reject: (error: unknown) => void;
}

/** @example const tree = await StillTree.of(layers); await tree.look(["/etc/passwd"]) */
export class StillTree implements FileTree {
  readonly keepWhatIsRead: boolean;
  readonly #layers: readonly StillLayer[];
  readonly #index: TreeIndex;
  /** By layer and place. */
  readonly #early: ReadonlyMap<string, Buffer>;
  #wanted: Wanted[] = [];

  private constructor(layers: readonly StillLayer[], index: TreeIndex, early: ReadonlyMap<string, Buffer>) {
    this.keepWhatIsRead = layers.some((layer) => layer.bytes === undefined);
    this.#layers = layers;
    this.#index = index;
    this.#early = early;
  }

  /** Reads all layers once, the lowest first. Rejects with the errors of `badArchive`. */
  static async of(layers: readonly StillLayer[]): Promise<StillTree> {
    const index = new TreeIndex();
    const kept = new Map<string, Buffer>();
    let bytes = 0;
    for (const [number, layer] of layers.entries()) {
      const source = await layer.open();
      const keep = (entry: TarEntry) =>
        !layer.seekable &&
        entry.mode >> 12 === 0o10 &&
        entry.size <= mostEarly.file &&
        bytes + entry.size <= mostEarly.all &&
        early.test(entry.name);
      try {
        await readTar(
          source,
          layer.where,
          (entry) => {
            index.add(entry, number, layer.where);
            return keep(entry);
          },
          (entry, contents) => {
            bytes += contents.length;
            kept.set(`${number} ${entry.at}`, Buffer.from(contents));
          },
        );
        // The digest of a compressed layer is that of all its bytes, and gzip's own sum stands at the end.
        if (!layer.seekable) while (await source.skip(1024 ** 2));
      } finally {
        source.close();
      }
    }
    return new StillTree(layers, index, kept);
  }

  async look(paths: readonly string[]): Promise<readonly (TreeEntry | undefined | Error)[]> {
    return paths.map((path) => {
      const found = this.#index.find(path, false);
      if (found === undefined) return undefined;
      if (found === "loop") return looped(path);
      return entryOf(found);
    });
  }

  async walk(directory: string): Promise<readonly (readonly [path: string, entry: TreeEntry])[] | undefined> {
    const through = this.#index.find(directory, true);
    const start = this.#index.find(directory, false);
    if (through === "loop" || start === "loop") throw looped(directory);
    if (start === undefined || through?.children === undefined) return undefined;
    const found: (readonly [string, TreeEntry])[] = [[directory, entryOf(start)]];
    const below = Buffer.from(directory.replace(/\/$/, "")).toString("latin1");
    // By a stack of its own: a hostile tree is deeper than the engine's.
    const todo: [path: string, inode: Inode][] = [[below, start]];
    for (let next = todo.pop(); next !== undefined; next = todo.pop())
      for (const [name, inode] of next[1].children ?? []) {
        const path = `${next[0]}/${name}`;
        found.push([utf8(path), entryOf(inode)]);
        if (inode.children !== undefined) todo.push([path, inode]);
      }
    return found;
  }

  read(
    paths: readonly string[],
    most: number,
  ): Promise<readonly ({ readonly bytes: Buffer; readonly whole: boolean } | NothingToRead | Error)[]> {
    return this.#each(paths, async (inode) => {
      const bytes = (await this.#contents(inode, Math.min(most, inode.size))) as Buffer;
      return { bytes, whole: inode.size <= most };
    });
  }

  sha256(paths: readonly string[]): Promise<readonly (string | NothingToRead | Error)[]> {
    return this.#each(paths, (inode) => this.#contents(inode, "hash") as Promise<string>);
  }

  async list(directories: readonly string[]): Promise<readonly (readonly string[] | undefined | Error)[]> {
    return directories.map((path) => {
      const found = this.#index.find(path, true);
      if (found === "loop") return looped(path);
      return found?.children === undefined ? undefined : [...found.children.keys()].sort().map(utf8);
    });
  }

  #each<Answer>(
    paths: readonly string[],
    answer: (inode: Inode) => Promise<Answer>,
  ): Promise<(Answer | NothingToRead | Error)[]> {
    return Promise.all(
      paths.map(async (path) => {
        const found = this.#index.find(path, true);
        if (found === undefined) return { nothing: "absent" } as const;
        if (found === "loop") return looped(path);
        if (found.mode >> 12 !== 0o10) return { nothing: "irregular" } as const;
        if (found.at === undefined)
          return notSeen(`the contents of ${sayName(path)} are stored with holes, which is not read`);
        return answer(found).catch((error: unknown) => error as Error);
      }),
    );
  }

  #contents(inode: Inode, most: number | "hash"): Promise<Buffer | string> {
    const kept = this.#early.get(`${inode.layer} ${inode.at}`);
    if (kept !== undefined)
      return Promise.resolve(
        most === "hash" ? createHash("sha256").update(kept).digest("hex") : kept.subarray(0, most),
      );
    if (this.#wanted.length === 0) setImmediate(() => this.#flush());
    return new Promise((resolve, reject) => this.#wanted.push({ inode, most, resolve, reject }));
  }

  #flush(): void {
    const byLayer = Map.groupBy(this.#wanted, ({ inode }) => inode.layer);
    this.#wanted = [];
    for (const [number, wanted] of byLayer) {
      const layer = this.#layers[number] as StillLayer;
      const answered = layer.bytes === undefined ? passOver(layer, wanted) : readPlaces(layer, wanted);
      // Who has its answer already does not hear of it.
      void answered.catch((error: unknown) => {
        for (const { reject } of wanted) reject(error);
      });
    }
  }
}

/** One after the other: a disk likes it, and only one piece is in memory. */
async function readPlaces({ bytes }: StillLayer, wanted: readonly Wanted[]): Promise<void> {
  for (const { inode, most, resolve } of wanted) {
    const { size, at = 0 } = inode;
    if (most !== "hash") resolve((await bytes?.(at, most)) as Buffer);
    else {
      const hash = createHash("sha256");
      for (let done = 0; done < size; done += 1024 * 1024)
        hash.update((await bytes?.(at + done, Math.min(1024 * 1024, size - done))) as Buffer);
      resolve(hash.digest("hex"));
    }
  }
}

async function passOver(layer: StillLayer, wanted: readonly Wanted[]): Promise<void> {
  const source = await layer.open();
  try {
    const byPlace = Map.groupBy(wanted, ({ inode }) => inode.at ?? 0);
    for (const place of [...byPlace.keys()].sort((a, b) => a - b)) {
      if (!(await source.skip(place - source.position))) throw badArchive(layer.where, "it is shorter than it was");
      await answerHere(source, layer, byPlace.get(place) ?? []);
    }
  } finally {
    source.close();
  }
}

/** All who ask about one file: its bytes pass once. */
async function answerHere(source: ByteSource, layer: StillLayer, asking: readonly Wanted[]): Promise<void> {
  const size = asking[0]?.inode.size ?? 0;
  const hash: Hash | undefined = asking.some(({ most }) => most === "hash") ? createHash("sha256") : undefined;
  const most = Math.max(0, ...asking.map((each) => (each.most === "hash" ? 0 : each.most)));
  const end = hash === undefined ? most : size;
  const held: Buffer[] = [];
  for (let done = 0; done < end; ) {
    const piece = await source.take(Math.min(pieceBytes, end - done));
    if (piece.length === 0) throw badArchive(layer.where, "it is shorter than it was");
    hash?.update(piece);
    if (done < most) held.push(Buffer.from(piece.subarray(0, most - done)));
    done += piece.length;
  }
  const digest = hash?.digest("hex") ?? "";
  const bytes = Buffer.concat(held);
  for (const each of asking) each.resolve(each.most === "hash" ? digest : bytes.subarray(0, each.most));
}

function entryOf({ mode, uid, gid, size, target, attributes = none }: Inode): TreeEntry {
  return { mode, uid, gid, size, target: target === undefined ? undefined : utf8(target), attributes };
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

function looped(path: string): ObservationError {
  return notSeen(`cannot look at ${JSON.stringify(path)}: too many levels of symbolic links`);
}

function notSeen(seen: string): ObservationError {
  return new ObservationError({ code: "probe-failed", phase: "observe", seen });
}

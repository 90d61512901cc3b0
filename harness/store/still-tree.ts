// Decides how a tree of layers is asked: metadata from memory, contents where they lie. What is asked in one tick of a compressed
// layer is answered by one passage over it.
import { createHash, type Hash, hash } from "node:crypto";
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
/** What sources lend without making a buffer for it. */
const pieceBytes = 64 * 1024;
/** The same in every encoding here: nothing is made of it. */
const ascii = /^[ -~]*$/;
const none: ReadonlyMap<string, Buffer> = new Map();

type Answer = Buffer | string | NothingToRead | Error;

/** What one call asked for. */
interface Batch {
  readonly answers: (Answer | undefined)[];
  /** How many have no answer yet. */
  left: number;
  readonly resolve: (answers: readonly Answer[]) => void;
}

interface Wanted {
  readonly inode: Inode;
  /** Bytes from the beginning; `hash` takes all. */
  readonly most: number | "hash";
  readonly batch: Batch;
  /** Among the batch's answers. */
  readonly index: number;
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

  /** Of one layer whose entries are known; their places are the layer's. */
  static ofEntries(entries: Iterable<TarEntry>, layer: StillLayer): StillTree {
    const index = new TreeIndex();
    for (const entry of entries) index.add(entry, 0, layer.where);
    return new StillTree([layer], index, new Map());
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

  async read(
    paths: readonly string[],
    most: number,
  ): Promise<readonly ({ readonly bytes: Buffer; readonly whole: boolean } | NothingToRead | Error)[]> {
    const whole: boolean[] = [];
    const answers = await this.#each(paths, ({ size }, index) => {
      whole[index] = size <= most;
      return Math.min(most, size);
    });
    return answers.map((answer, index) =>
      Buffer.isBuffer(answer)
        ? { bytes: answer, whole: whole[index] === true }
        : (answer as Exclude<Answer, Buffer | string>),
    );
  }

  sha256(paths: readonly string[]): Promise<readonly (string | NothingToRead | Error)[]> {
    return this.#each(paths, () => "hash") as Promise<readonly Exclude<Answer, Buffer>[]>;
  }

  async list(directories: readonly string[]): Promise<readonly (readonly string[] | undefined | Error)[]> {
    return directories.map((path) => {
      const found = this.#index.find(path, true);
      if (found === "loop") return looped(path);
      return found?.children === undefined ? undefined : [...found.children.keys()].sort().map(utf8);
    });
  }

  /** One answer a path. A promise a path would take more memory than all that is known of the tree. */
  #each(
    paths: readonly string[],
    mostOf: (inode: Inode, index: number) => number | "hash",
  ): Promise<readonly Answer[]> {
    return new Promise((resolve) => {
      const batch: Batch = { answers: Array.from({ length: paths.length }), left: 1, resolve };
      for (const [index, path] of paths.entries()) {
        const found = this.#index.find(path, true);
        const known = typeof found === "object" ? unreadable(path, found) : notThere(path, found);
        if (known !== undefined) batch.answers[index] = known;
        else {
          batch.left += 1;
          const inode = found as Inode;
          this.#ask({ inode, most: mostOf(inode, index), batch, index });
        }
      }
      ended(batch);
    });
  }

  #ask(wanted: Wanted): void {
    const kept = this.#early.get(`${wanted.inode.layer} ${wanted.inode.at}`);
    if (kept !== undefined) {
      const { most } = wanted;
      give(wanted, most === "hash" ? createHash("sha256").update(kept).digest("hex") : kept.subarray(0, most));
      return;
    }
    if (this.#wanted.length === 0) setImmediate(() => this.#flush());
    this.#wanted.push(wanted);
  }

  #flush(): void {
    const byLayer = Map.groupBy(this.#wanted, ({ inode }) => inode.layer);
    this.#wanted = [];
    for (const [number, wanted] of byLayer) {
      const layer = this.#layers[number] as StillLayer;
      // Digests in the order of their places: a disk likes it, and pieces are lent out of one buffer.
      const passing = wanted.filter(({ most }) => layer.bytes === undefined || most === "hash");
      const placed = wanted.filter(({ most }) => layer.bytes !== undefined && most !== "hash");
      // Who has its answer already does not hear of it.
      for (const [asked, answered] of [
        [passing, passing.length === 0 ? undefined : passOver(layer, passing)],
        [placed, readPlaces(layer, placed)],
      ] as const)
        void answered?.catch((error: unknown) => {
          for (const each of asked) give(each, error as Error);
        });
    }
  }
}

function ended(batch: Batch): void {
  batch.left -= 1;
  if (batch.left === 0) batch.resolve(batch.answers as Answer[]);
}

function give({ batch, index }: Wanted, answer: Answer): void {
  if (batch.answers[index] !== undefined) return;
  batch.answers[index] = answer;
  ended(batch);
}

function notThere(path: string, found: "loop" | undefined): Answer {
  return found === "loop" ? looped(path) : { nothing: "absent" };
}

function unreadable(path: string, { mode, at }: Inode): Answer | undefined {
  if (mode >> 12 !== 0o10) return { nothing: "irregular" };
  return at === undefined
    ? notSeen(`the contents of ${sayName(path)} are stored with holes, which is not read`)
    : undefined;
}

/** One after the other: only one piece is in memory. */
async function readPlaces({ bytes }: StillLayer, wanted: readonly Wanted[]): Promise<void> {
  for (const each of wanted)
    give(each, (await bytes?.(each.inode.at ?? 0, each.most === "hash" ? 0 : each.most)) as Buffer);
}

async function passOver(layer: StillLayer, wanted: readonly Wanted[]): Promise<void> {
  const source = await layer.open();
  const placeOf = ({ inode }: Wanted) => inode.at ?? 0;
  const sorted = wanted.toSorted((a, b) => placeOf(a) - placeOf(b));
  try {
    for (let from = 0; from < sorted.length; ) {
      const place = placeOf(sorted[from] as Wanted);
      let to = from + 1;
      while (to < sorted.length && placeOf(sorted[to] as Wanted) === place) to += 1;
      if (!(await source.skip(place - source.position))) throw badArchive(layer.where, "it is shorter than it was");
      await answerHere(source, layer, sorted.slice(from, to));
      from = to;
    }
  } finally {
    source.close();
  }
}

/** All who ask about one file: its bytes pass once. */
async function answerHere(source: ByteSource, layer: StillLayer, asking: readonly Wanted[]): Promise<void> {
  const size = asking[0]?.inode.size ?? 0;
  if (size <= pieceBytes && asking.every((each) => each.most === "hash")) {
    const piece = await source.take(size);
    if (piece.length < size) throw badArchive(layer.where, "it is shorter than it was");
    // Most files are small, and an object for each would wait for the collector with memory that this does not know of.
    const sum = hash("sha256", piece, "hex");
    for (const each of asking) give(each, sum);
    return;
  }
  const whole: Hash | undefined = asking.some(({ most }) => most === "hash") ? createHash("sha256") : undefined;
  const most = Math.max(0, ...asking.map((each) => (each.most === "hash" ? 0 : each.most)));
  const end = whole === undefined ? most : size;
  const held: Buffer[] = [];
  for (let done = 0; done < end; ) {
    const piece = await source.take(Math.min(pieceBytes, end - done));
    if (piece.length === 0) throw badArchive(layer.where, "it is shorter than it was");
    whole?.update(piece);
    if (done < most) held.push(Buffer.from(piece.subarray(0, most - done)));
    done += piece.length;
  }
  const digest = whole?.digest("hex") ?? "";
  const bytes = Buffer.concat(held);
  for (const each of asking) give(each, each.most === "hash" ? digest : bytes.subarray(0, each.most));
}

function entryOf({ mode, uid, gid, size, target, attributes = none }: Inode): TreeEntry {
  return { mode, uid, gid, size, target: target === undefined ? undefined : utf8(target), attributes };
}

function utf8(latin1: string): string {
  if (ascii.test(latin1)) return latin1;
  return Buffer.from(latin1, "latin1").toString("utf8");
}

function looped(path: string): ObservationError {
  return notSeen(`cannot look at ${JSON.stringify(path)}: too many levels of symbolic links`);
}

function notSeen(seen: string): ObservationError {
  return new ObservationError({ code: "probe-failed", phase: "observe", seen });
}

// Decides who uses an entry of the store, so that nobody removes it meanwhile. A use is a file whose name says whose it is; it
// counts while that process lives. Whoever removes says so first, then looks for uses; whoever uses says so first, then looks for
// removers: of two at the same time, one at least sees the other. Waits for nobody.
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identityOf, liveness } from "../model/identity.ts";
import { namesIn } from "./names.ts";

/** A mark of a process that cannot be asked from here, in another pid namespace for example, counts for so long. */
const foreignMs = 24 * 3_600_000;

/** The uses of one store. Entries are named by 64 hexadecimal digits, whatever kind they are. */
export class Uses {
  readonly #directory: string;
  readonly #own = new Set<string>();
  // The number tells apart those of one process; `liveness` does not read it.
  readonly #identity = `${identityOf()} ${nextNumber()}`.replaceAll(" ", ",");

  /** `directory`: made when missing. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Says that this process uses the entry from now on until it ends. `false`: somebody is removing it; whoever builds it then
   * takes the entry's lock and looks again. Idempotent. Where nothing may be written, nothing is said: who cannot write cannot
   * remove either.
   */
  take(hex: string): boolean {
    if (this.#own.has(hex)) return true;
    const mark = this.#mark(hex, "use");
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      writeFileSync(mark, "");
    } catch {
      return true;
    }
    if (this.#living(hex, "removal").length > 0) {
      rmSync(mark, { force: true });
      return false;
    }
    this.#own.add(hex);
    return true;
  }

  /** What `look` finds of an entry, which this process uses from then on; `undefined` too while somebody removes it. */
  use<Found>(hex: string, look: () => Found | undefined): Found | undefined {
    // Said before it is looked: whoever removes it looks for uses after having said so.
    if (!this.take(hex)) return undefined;
    const found = look();
    if (found === undefined) this.drop(hex);
    return found;
  }

  /** Takes a use back: of an entry that turned out not to be there. */
  drop(hex: string): void {
    if (this.#own.delete(hex)) rmSync(this.#mark(hex, "use"), { force: true });
  }

  /** Takes all uses back. */
  release(): void {
    for (const hex of [...this.#own]) this.drop(hex);
  }

  /** Identities of the processes that use an entry, this one's too. */
  of(hex: string): string[] {
    return this.#living(hex, "use").map(({ identity }) => identity.replaceAll(",", " "));
  }

  /** All entries that are used → by whom. One look for many entries. */
  all(): ReadonlyMap<string, readonly string[]> {
    const used = new Map<string, string[]>();
    for (const { hex, identity } of this.#living(undefined, "use"))
      used.set(hex, [...(used.get(hex) ?? []), identity.replaceAll(",", " ")]);
    return used;
  }

  /**
   * Says that this process is about to remove the entry; `undefined`: somebody uses it. For the holder of the entry's lock alone,
   * so that a mark of somebody else is of one that died. Disposing of it takes the word back.
   */
  beginRemoval(hex: string): Disposable | undefined {
    this.clearRemovals(hex);
    const mark = this.#mark(hex, "removal");
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(mark, "");
    const withdraw = () => rmSync(mark, { force: true });
    if (this.of(hex).length > 0) {
      withdraw();
      return undefined;
    }
    return { [Symbol.dispose]: withdraw };
  }

  /** For the holder of the entry's lock: nobody is removing it, whatever marks a dead process left. */
  clearRemovals(hex: string): void {
    for (const { name } of this.#marks(hex, "removal")) rmSync(join(this.#directory, name), { force: true });
  }

  /** Removes marks of processes that are dead. Resolves with how many. */
  sweep(): number {
    const dead = [...this.#marks(undefined, "use"), ...this.#marks(undefined, "removal")].filter(
      (mark) => !this.#counts(mark),
    );
    for (const { name } of dead) rmSync(join(this.#directory, name), { force: true });
    return dead.length;
  }

  #mark(hex: string, kind: Kind): string {
    return join(this.#directory, `${hex}.${kind}.${this.#identity}`);
  }

  #living(hex: string | undefined, kind: Kind): Mark[] {
    return this.#marks(hex, kind).filter((mark) => this.#counts(mark));
  }

  #counts({ name, identity }: Mark): boolean {
    const state = liveness(identity.replaceAll(",", " "));
    if (state !== "foreign") return state === "alive";
    const stat = statSync(join(this.#directory, name), { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs < foreignMs;
  }

  #marks(hex: string | undefined, kind: Kind): Mark[] {
    return namesIn(this.#directory).flatMap((name) => {
      const [, of = "", what, identity = ""] = /^([0-9a-f]{64})\.(use|removal)\.(.+)$/.exec(name) ?? [];
      return what === kind && (hex === undefined || of === hex) ? [{ name, hex: of, identity }] : [];
    });
  }
}

let numbers = 0;
function nextNumber(): number {
  numbers += 1;
  return numbers;
}

type Kind = "use" | "removal";

interface Mark {
  readonly name: string;
  readonly hex: string;
  /** As in the file's name: with commas. */
  readonly identity: string;
}

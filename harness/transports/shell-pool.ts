// Decides how many shells of a node are open at once, and who gets which: one is enough until callers come together.
import { TransportError } from "../model/errors.ts";
import { LiveShell } from "./live-shell.ts";
import type { Opener, OpenOptions, ProbingShell } from "./transport.ts";

/** Live shells of one node and one purpose at the same time; further commands wait for one to be free. */
const mostShells = 8;
/** The shells of one user and one purpose: the idle one is taken first, a further one opened up to the limit. */
export class ShellPool {
  readonly #opener: Opener;
  readonly #options: OpenOptions;
  readonly #probing: ProbingShell | undefined;
  readonly #shells = new Set<LiveShell>();
  readonly #waiting: (() => void)[] = [];
  readonly #taken = new Set<LiveShell>();
  #opening = 0;
  #first: Promise<void> | undefined;
  #closed: TransportError | undefined;
  whyNoShell: string | undefined;

  constructor(opener: Opener, options: OpenOptions, probing?: ProbingShell) {
    this.#opener = opener;
    this.#options = options;
    this.#probing = probing;
  }

  /** Whether the node has no `/bin/sh` at all. Other reasons for which a shell cannot be opened reject. */
  async lacksShell(): Promise<boolean> {
    this.#first ??= this.#open().then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof TransportError && error.code === "no-such-file") {
          this.whyNoShell = error.seen;
          return;
        }
        this.#first = undefined; // the node may be restarting: the next command asks again
        throw error;
      },
    );
    await this.#first;
    return this.whyNoShell !== undefined;
  }

  async take(): Promise<{ shell: LiveShell; release: () => void }> {
    for (;;) {
      for (const shell of this.#shells) if (shell.closed) this.#shells.delete(shell);
      const free = [...this.#shells].find((shell) => !this.#taken.has(shell) && shell.idle);
      const shell = free ?? (this.#shells.size + this.#opening < mostShells ? await this.#open() : undefined);
      if (shell !== undefined && !this.#taken.has(shell)) {
        this.#taken.add(shell);
        const release = () => {
          this.#taken.delete(shell);
          this.#waiting.shift()?.();
        };
        return { shell, release };
      }
      if (shell !== undefined) continue;
      if (this.#closed !== undefined) throw this.#closed;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The shells that are open. */
  get open(): readonly LiveShell[] {
    return [...this.#shells].filter((shell) => !shell.closed);
  }

  async close(): Promise<void> {
    const taken = [...this.#shells].filter((shell) => this.#taken.has(shell));
    const reason = new TransportError({
      code: "closed",
      phase: "exec",
      node: this.#opener.node,
      seen: "the node was torn down while a command ran",
    });
    this.#closed = reason;
    for (const shell of this.#shells) if (!taken.includes(shell)) shell.end();
    for (const go of this.#waiting.splice(0)) go();
    await Promise.all(taken.map((shell) => shell.kill(reason)));
  }

  async #open(): Promise<LiveShell> {
    this.#opening += 1;
    try {
      if (this.#closed !== undefined) throw this.#closed;
      const shell = await LiveShell.open(this.#opener, this.#options, this.#probing);
      this.#shells.add(shell);
      // Whoever asked for it came too late.
      if (this.#closed !== undefined) shell.end();
      return shell;
    } catch (error) {
      // There is room for another one: whoever waits tries it, and is told what is wrong.
      this.#waiting.shift()?.();
      throw error;
    } finally {
      this.#opening -= 1;
    }
  }
}

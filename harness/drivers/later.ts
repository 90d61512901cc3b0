// Decides when an engine is spoken to by those who only remove: when there is something to remove, or nobody can know without asking.
// A run that never used it pays nothing for it.
import type { Driver, FoundResource, Remover, ResourceRef } from "./driver.ts";

export interface Later {
  readonly kind: string;
  readonly open: () => Promise<Driver>;
  /** Whether nothing of ours can be on the engine, as far as can be seen without asking it. In doubt it says no. */
  readonly nothingThere: () => boolean;
}

/** An engine that is opened at its first use. From then on it is always asked. An opening that failed is tried again. */
export class LaterRemover implements Remover {
  readonly kind: string;
  readonly #later: Later;
  #opened: Promise<Driver> | undefined;

  constructor(later: Later) {
    this.kind = later.kind;
    this.#later = later;
  }

  async probe(): Promise<Readonly<Record<string, string>>> {
    return (await this.#driver()).probe();
  }

  async find(run?: string): Promise<readonly FoundResource[]> {
    if (this.#opened === undefined && this.#later.nothingThere()) return [];
    return (await this.#driver()).find(run);
  }

  async destroy(resource: ResourceRef): Promise<void> {
    await (await this.#driver()).destroy(resource);
  }

  async unseat(run: string): Promise<void> {
    if (this.#opened === undefined && this.#later.nothingThere()) return;
    await (await this.#driver()).unseat?.(run);
  }

  async close(): Promise<void> {
    await (await this.#opened?.catch(() => undefined))?.close();
  }

  #driver(): Promise<Driver> {
    this.#opened ??= this.#later.open().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }
}

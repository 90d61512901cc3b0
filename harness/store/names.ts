// Decides how names are kept that outlive a process: as files of a directory, which may be missing.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The names in a directory; none where there is no directory. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Names that are kept as empty files: any number of processes may add and drop at once. */
export class Names {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  all(): string[] {
    return namesIn(this.#directory);
  }

  add(name: string): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.#directory, name), "");
  }

  drop(name: string): void {
    rmSync(join(this.#directory, name), { force: true });
  }
}

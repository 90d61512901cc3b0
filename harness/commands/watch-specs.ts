// Decides which spec files depend on which files: by what each was made of when it last ran. Refuses to read code: the process that ran it
// told what it loaded, and what its recipes read.
import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { RunEvent } from "../model/event.ts";

/** How many environments stand ahead at most: each takes memory while nobody uses it. */
const mostAhead = 6;

/** Spec files are named relative to the project, all other paths are absolute. */
export class WatchedSpecs {
  readonly #project: string;
  readonly #patterns: readonly string[];
  /** By spec file. A directory stands for all that is in it. */
  readonly #reads = new Map<string, readonly string[]>();
  /** What the rounds before this one said. */
  #before: ReadonlyMap<string, readonly string[]> = new Map();
  /** Files that could not be loaded to their end in this round. */
  readonly #troubled = new Set<string>();
  readonly #environments = new Set<string>();

  /** Patterns are those of `assay run`. */
  constructor(project: string, patterns: readonly string[]) {
    this.#project = project;
    this.#patterns = patterns.map((pattern) => pattern.toLowerCase());
  }

  /** Where a new spec file may appear. */
  get room(): string {
    return join(this.#project, "specs");
  }

  /** Spec files that are meant and there. */
  present(): readonly string[] {
    if (!existsSync(this.room)) return [];
    return readdirSync(this.room, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".spec.ts"))
      .map((name) => relative(this.#project, join(this.room, name)))
      .filter((file) => this.#patterns.length === 0 || this.#patterns.some((each) => file.toLowerCase().includes(each)))
      .sort();
  }

  /** A round begins. */
  begin(): void {
    this.#before = new Map(this.#reads);
    this.#troubled.clear();
    this.#environments.clear();
  }

  /** Told each event of the round. */
  hear(event: RunEvent): void {
    if (event.event === "reads") this.#reads.set(event.file, event.paths);
    else if (event.event === "trouble" && event.file !== undefined) this.#troubled.add(event.file);
    else if (event.event === "test-ended" && event.environment !== undefined) this.#environments.add(event.environment);
  }

  /** Names of environments that this round used, and that the next may want. */
  environments(): readonly string[] {
    return [...this.#environments].slice(0, mostAhead);
  }

  /** All that the spec files are made of. */
  reads(): readonly string[] {
    return [...new Set(this.present().flatMap((file) => this.#readsOf(file)))];
  }

  /** Those that were made of any of these, and new ones among these. */
  madeOf(changed: readonly string[]): readonly string[] {
    return this.present().filter((file) =>
      this.#readsOf(file).some((read) => changed.some((path) => path === read || path.startsWith(read + sep))),
    );
  }

  #readsOf(file: string): readonly string[] {
    const own = join(this.#project, file);
    // One that failed to load did not come to all that it asks for.
    const before = this.#troubled.has(file) ? (this.#before.get(file) ?? []) : [];
    return [own, ...before, ...(this.#reads.get(file) ?? [])];
  }
}

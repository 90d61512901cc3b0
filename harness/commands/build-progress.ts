// Decides how builds that go on at the same time are shown: a line as each part ends, and on a terminal a line for each recipe below
// them, with what is left by its last build. Plain lines where no terminal is, with NO_COLOR, and in CI.
import { sayMs } from "../model/duration.ts";
import { redact } from "../model/secret.ts";
import { oneLine } from "../reporting/escape.ts";
import { partOf, settle } from "../store/build-parts.ts";

export type ProgressKind = "live" | "plain" | "plain-on-stderr";

/** One recipe's build. */
export interface Building {
  /** A part has ended: a line of the store's `say`. */
  part(line: string): void;
  /** Parts need not be done: the store's `skip`. */
  skip(part: string): void;
  end(): void;
}

interface Shown {
  readonly name: string;
  readonly began: number;
  readonly left: Map<string, number>;
  partBegan: number;
}

type Update = ((text: string) => void) & { clear(): void; done(): void };

/** What is told of builds. */
export class BuildProgress {
  readonly #kind: ProgressKind;
  readonly #update: Update | undefined;
  readonly #shown = new Set<Shown>();
  #clock: NodeJS.Timeout | undefined;

  private constructor(kind: ProgressKind, update: Update | undefined) {
    this.#kind = kind;
    this.#update = update;
  }

  static async open(kind: ProgressKind): Promise<BuildProgress> {
    return new BuildProgress(kind, kind === "live" ? (await import("log-update")).default : undefined);
  }

  /** A line that stays. */
  tell(line: string): void {
    // What a builder or a file name says must not steer the terminal.
    const safe = oneLine(redact(line), 2000);
    this.#update?.clear();
    (this.#kind === "plain-on-stderr" ? console.error : console.log)(safe);
    this.#draw();
  }

  /** A build begins; `durations` are those of the last one's parts, milliseconds. */
  begin(name: string, durations: Readonly<Record<string, number>>): Building {
    const now = performance.now();
    const shown: Shown = { name, began: now, partBegan: now, left: new Map(Object.entries(durations)) };
    this.#shown.add(shown);
    if (this.#update !== undefined) this.#clock ??= setInterval(() => this.#draw(), 1000).unref();
    this.#draw();
    return {
      part: (line) => {
        settle(shown.left, partOf(line));
        shown.partBegan = performance.now();
        this.tell(`${name}: ${line}`);
      },
      skip: (part) => {
        settle(shown.left, part);
        this.#draw();
      },
      end: () => {
        this.#shown.delete(shown);
        this.#draw();
      },
    };
  }

  close(): void {
    clearInterval(this.#clock);
    this.#update?.clear();
    this.#update?.done();
  }

  #draw(): void {
    this.#update?.([...this.#shown].map((each) => oneLine(progressLine(each, performance.now()))).join("\n"));
  }
}

/**
 * `vfx-studio-soe: 12.0s, about 40s left (ansible playbook.yml)`; without a last build no guess. Pure.
 * The part that goes on is the first of the last build's that has not ended; what it took longer than then is not taken off others.
 */
export function progressLine({ name, began, partBegan, left }: Shown, now: number): string {
  const [current, ...after] = [...left];
  const so = `${name}: ${sayMs(now - began)}`;
  if (current === undefined) return so;
  const [title, ms] = current;
  const rest = Math.max(0, ms - (now - partBegan)) + after.reduce((sum, [, each]) => sum + each, 0);
  return `${so}, about ${sayMs(Math.max(1000, rest))} left (${title})`;
}

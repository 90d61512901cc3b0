// Decides where a program's output begins and ends on a connection that outlives it. Passes bytes on as they come, unlike
// `MarkedStream`, which keeps a whole answer.
import { Readable } from "node:stream";

/** What stands before a program's output and after it: `\x01<token> b<number>\x02` and `\x01<token> e<number>\x02`. */
export interface Passage {
  readonly stream: Readable;
  /** Number of the first marker. Rejects never; `undefined` when the connection was lost. */
  readonly begun: Promise<number | undefined>;
  /** Number of the last marker; the stream has been ended by then. */
  readonly ended: Promise<number | undefined>;
}

const longestNumber = 12;

/** Cuts one program's output out of what a connection carries. What lies outside the two markers belongs to nobody and is dropped. */
export class MarkedPassage implements Passage {
  readonly stream: Readable;
  readonly begun: Promise<number | undefined>;
  readonly ended: Promise<number | undefined>;
  readonly #prefix: Buffer;
  readonly #flow: { pause(): void; resume(): void };
  #state: "before" | "inside" | "after" = "before";
  #kept: Buffer = Buffer.alloc(0);
  #begin: (value: number | undefined) => void = () => undefined;
  #end: (value: number | undefined) => void = () => undefined;

  constructor(token: string, flow: { pause(): void; resume(): void }) {
    this.#prefix = Buffer.from(`\x01${token} `);
    this.#flow = flow;
    this.begun = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // Who destroys the stream wants no more of it; what still comes must be taken off the connection all the same.
    this.stream = new Readable({
      highWaterMark: 1 << 20,
      read: () => flow.resume(),
      destroy: (error, done) => {
        flow.resume();
        done(error);
      },
    });
  }

  /** Whether both markers have been seen, or the connection was lost. */
  get over(): boolean {
    return this.#state === "after";
  }

  take(chunk: Buffer): void {
    if (this.#state === "after") return;
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    for (;;) {
      const start = bytes.indexOf(this.#prefix);
      const end = start === -1 ? -1 : bytes.indexOf(2, start + this.#prefix.length);
      if (end === -1) {
        const safe = start === -1 ? bytes.length - this.#beginning(bytes) : start;
        this.#pass(bytes.subarray(0, safe));
        this.#kept = Buffer.from(bytes.subarray(safe));
        return;
      }
      const [kind, ...digits] = bytes.toString("latin1", start + this.#prefix.length, end);
      const number = Number(digits.join(""));
      this.#pass(bytes.subarray(0, start));
      bytes = bytes.subarray(end + 1);
      if (kind === "e") {
        this.#begin(undefined); // it may have been killed before it said that it began
        this.#close(number);
        return;
      }
      this.#state = "inside";
      this.#begin(number);
    }
  }

  /** The connection is lost: nothing more will come. */
  lose(): void {
    if (this.#state === "after") return;
    this.#pass(this.#kept);
    this.#begin(undefined);
    this.#close(undefined);
  }

  #close(number: number | undefined): void {
    this.#state = "after";
    this.#kept = Buffer.alloc(0);
    this.#flow.resume();
    this.stream.push(null);
    this.#end(number);
  }

  #pass(bytes: Buffer): void {
    if (this.#state !== "inside" || bytes.length === 0 || this.stream.destroyed) return;
    if (!this.stream.push(bytes)) this.#flow.pause();
  }

  /** How many bytes at the end may be the beginning of a marker. */
  #beginning(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.#prefix.length - longestNumber);
    for (let at = bytes.indexOf(1, from); at !== -1; at = bytes.indexOf(1, at + 1))
      if (this.#prefix.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return bytes.length - at;
    return 0;
  }
}

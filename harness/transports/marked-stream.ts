// Decides where one answer ends and the next begins in a byte stream: at a marker that no output can contain by chance.
import type { Readable } from "node:stream";

/** `\x01<token> <number> <status>\x02` closes each answer. */
export function markerCommand(token: string, number: number, status: string): string {
  return `printf '\\001%s %d %d\\002' ${token} ${number} ${status}`;
}

export interface MarkedPart {
  readonly bytes: Buffer;
  readonly number: number;
  readonly status: number;
}

/** Cuts a stream at its markers. Output may be binary and of any size up to `limit`; each byte is searched once. */
export class MarkedStream {
  readonly #prefix: Buffer;
  readonly #limit: number;
  readonly #part: (part: MarkedPart) => void;
  readonly #overflow: () => void;
  #chunks: Buffer[] = [];
  #size = 0;
  #over = false;

  constructor(
    stream: Readable,
    token: string,
    limit: number,
    heard: { part(part: MarkedPart): void; overflow(): void },
  ) {
    this.#prefix = Buffer.from(`\x01${token} `);
    this.#limit = limit;
    this.#part = heard.part;
    this.#overflow = heard.overflow;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
  }

  /** The last bytes since the last marker, `most` of them. */
  last(most: number): Buffer {
    const parts: Buffer[] = [];
    let size = 0;
    for (let index = this.#chunks.length - 1; index >= 0 && size < most; index -= 1) {
      const part = this.#chunks[index] ?? Buffer.alloc(0);
      parts.unshift(part);
      size += part.length;
    }
    const end = Buffer.concat(parts);
    return end.subarray(Math.max(0, end.length - most));
  }

  #take(chunk: Buffer): void {
    if (this.#over) return;
    let fresh = chunk;
    for (;;) {
      // As much of the end of what is kept as may hold the beginning of a marker.
      const carried = this.last(this.#prefix.length + 24);
      const window = carried.length === 0 ? fresh : Buffer.concat([carried, fresh]);
      this.#chunks.push(fresh);
      this.#size += fresh.length;
      const start = window.indexOf(this.#prefix);
      const end = start === -1 ? -1 : window.indexOf(0x02, start + this.#prefix.length);
      if (end === -1) {
        if (this.#size > this.#limit) {
          // It may take a while until who prints is killed, and print on at full speed.
          this.#over = true;
          this.#chunks = [];
          this.#overflow();
        }
        return;
      }
      const [number, status] = window
        .toString("latin1", start + this.#prefix.length, end)
        .split(" ")
        .map(Number);
      const whole = Buffer.concat(this.#chunks);
      const cut = whole.length - window.length;
      this.#chunks = [];
      this.#size = 0;
      this.#part({ bytes: whole.subarray(0, cut + start), number: number ?? -1, status: status ?? -1 });
      fresh = whole.subarray(cut + end + 1);
      if (fresh.length === 0) return;
    }
  }
}

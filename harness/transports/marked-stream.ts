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

  /** Bytes since the last marker. */
  get rest(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  #take(chunk: Buffer): void {
    let fresh = chunk;
    for (;;) {
      const carried = this.#tail();
      const window = carried.length === 0 ? fresh : Buffer.concat([carried, fresh]);
      this.#chunks.push(fresh);
      this.#size += fresh.length;
      const start = window.indexOf(this.#prefix);
      const end = start === -1 ? -1 : window.indexOf(0x02, start + this.#prefix.length);
      if (end === -1) {
        if (this.#size > this.#limit) this.#overflow();
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

  /** As much of the end of what is kept as may hold the beginning of a marker. */
  #tail(): Buffer {
    const most = this.#prefix.length + 24;
    const parts: Buffer[] = [];
    let size = 0;
    for (let index = this.#chunks.length - 1; index >= 0 && size < most; index -= 1) {
      const part = this.#chunks[index] ?? Buffer.alloc(0);
      parts.unshift(part);
      size += part.length;
    }
    const tail = Buffer.concat(parts);
    return tail.subarray(Math.max(0, tail.length - most));
  }
}

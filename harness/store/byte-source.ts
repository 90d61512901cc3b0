// Decides how an archive is read: forwards, in big pieces, and past contents nobody asked for without reading them where the file
// allows it. Refuses to hold more than a piece in memory.
import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

const pieceBytes = 64 * 1024;
/** Read past big contents, and doubled as long as there are none: all that is wanted may be the next header. */
const firstBytes = 4 * 1024;
const bigBytes = 16 * 1024;
/** Pieces are read at once, because to wait for another thread takes longer than to read one; after so long others have their turn. */
const turnMs = 10;

/** Bytes in their order. One reader; no two calls at a time. */
export interface ByteSource {
  /** How many bytes have been taken or skipped. */
  readonly position: number;
  /** The next `count` bytes where they are at hand already, so that nobody waits for nothing. The buffer is only lent. */
  now(count: number): Buffer | undefined;
  /** The next `count` bytes, fewer where the end comes first. The buffer is only lent. */
  take(count: number): Promise<Buffer>;
  /** Whether there were that many bytes to pass. */
  skip(count: number): Promise<boolean>;
  close(): void;
}

/** A part of an open file: contents that are skipped are not read. Does not close the file. */
export class FileSource implements ByteSource {
  readonly #file: FileHandle;
  readonly #start: number;
  readonly #length: number;
  /** Pieces are lent out of it, one after the other. */
  readonly #memory = Buffer.allocUnsafeSlow(pieceBytes);
  #next = firstBytes;
  #piece: Buffer = Buffer.alloc(0);
  /** Where the piece begins, and how far into it the reader is. */
  #pieceAt = 0;
  #in = 0;
  #turn = performance.now();

  constructor(file: FileHandle, start: number, length: number) {
    this.#file = file;
    this.#start = start;
    this.#length = length;
  }

  get position(): number {
    return this.#pieceAt + this.#in;
  }

  now(count: number): Buffer | undefined {
    if (this.#piece.length - this.#in < count) return undefined;
    this.#in += count;
    return this.#piece.subarray(this.#in - count, this.#in);
  }

  async take(count: number): Promise<Buffer> {
    const ready = this.now(count);
    if (ready !== undefined) return ready;
    const at = this.position;
    const wanted = Math.max(0, Math.min(Math.max(count, this.#next), this.#length - at));
    this.#next = Math.min(this.#next * 2, pieceBytes);
    const piece = wanted <= pieceBytes ? this.#memory.subarray(0, wanted) : Buffer.allocUnsafe(wanted);
    let filled = 0;
    while (filled < piece.length) {
      const bytesRead = readSync(this.#file.fd, piece, filled, piece.length - filled, this.#start + at + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#piece = piece.subarray(0, filled);
    this.#pieceAt = at;
    this.#in = Math.min(count, filled);
    if (performance.now() - this.#turn > turnMs) {
      await setImmediate();
      this.#turn = performance.now();
    }
    return this.#piece.subarray(0, this.#in);
  }

  async skip(count: number): Promise<boolean> {
    if (this.now(count) !== undefined) return true;
    const target = this.position + count;
    if (target - this.#pieceAt - this.#piece.length > bigBytes) this.#next = firstBytes;
    this.#piece = Buffer.alloc(0);
    this.#in = 0;
    this.#pieceAt = Math.min(target, this.#length);
    return target <= this.#length;
  }

  close(): void {}
}

/** A stream, as of a decompressor: what is skipped passes by. */
export class StreamSource implements ByteSource {
  readonly #stream: Readable;
  readonly #pieces: AsyncIterator<Buffer>;
  #piece: Buffer = Buffer.alloc(0);
  #in = 0;
  #passed = 0;
  #ended = false;

  constructor(stream: Readable) {
    this.#stream = stream;
    this.#pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  get position(): number {
    return this.#passed + this.#in;
  }

  now(count: number): Buffer | undefined {
    if (this.#piece.length - this.#in < count) return undefined;
    this.#in += count;
    return this.#piece.subarray(this.#in - count, this.#in);
  }

  async take(count: number): Promise<Buffer> {
    const ready = this.now(count);
    if (ready !== undefined) return ready;
    const parts = [this.#piece.subarray(this.#in)];
    let held = this.#piece.length - this.#in;
    this.#passed += this.#piece.length - held;
    while (held < count && !this.#ended) {
      const { value, done } = await this.#pieces.next();
      if (done === true) this.#ended = true;
      else {
        parts.push(value);
        held += value.length;
      }
    }
    this.#piece = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    this.#in = Math.min(count, held);
    return this.#piece.subarray(0, this.#in);
  }

  async skip(count: number): Promise<boolean> {
    let left = count;
    for (;;) {
      const here = Math.min(left, this.#piece.length - this.#in);
      this.#in += here;
      left -= here;
      if (left === 0) return true;
      this.#passed += this.#piece.length;
      this.#piece = Buffer.alloc(0);
      this.#in = 0;
      if (this.#ended) return false;
      const { value, done } = await this.#pieces.next();
      if (done === true) this.#ended = true;
      else this.#piece = value;
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

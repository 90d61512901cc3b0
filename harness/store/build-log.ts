// Decides what is kept of a build's output: every line, redacted, in a file; the last ones for messages.

import { createWriteStream, type WriteStream } from "node:fs";
import { redact } from "../model/secret.ts";

/** Output without an end of a line is taken for one when it is longer; so much of it is held back. */
const endless = { length: 1 << 20, held: 1 << 16 };

/** The log of one build. */
export class BuildLog {
  readonly path: string;
  #file: WriteStream;
  #rest = "";
  #lines: string[] = [];

  constructor(path: string) {
    this.path = path;
    this.#file = createWriteStream(path, { flags: "w", mode: 0o600 });
    // A log that cannot be written must not hide why the build failed.
    this.#file.on("error", () => {});
  }

  /** Takes output as it comes; lines are redacted whole, so that no secret hides across two pieces. */
  write(chunk: string): void {
    const lines = (this.#rest + chunk).split(/\r?\n/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
    if (this.#rest.length <= endless.length) return;
    // Redacted before it is cut, and cut before its last part, in which a secret may have begun.
    const safe = redact(this.#rest);
    this.#rest = safe.slice(-endless.held);
    this.line(safe.slice(0, -endless.held));
  }

  line(text: string): void {
    const safe = redact(text);
    this.#lines.push(safe);
    if (this.#lines.length > 2000) this.#lines.splice(0, 1000);
    this.#file.write(`${safe}\n`);
  }

  /** Forgets the lines of the step before, so that a message tells of its own step only. The file keeps them. */
  begin(step: string): void {
    this.#flushRest();
    this.#lines = [];
    this.#file.write(`== ${redact(step)}\n`);
  }

  /** Lines of the present step, the oldest first. */
  get lines(): readonly string[] {
    this.#flushRest();
    return this.#lines;
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    this.#flushRest();
    if (this.#file.destroyed) return;
    // `once` of node:events would reject with the file's error, in the place of what went wrong before.
    await new Promise<void>((resolve) => this.#file.once("close", () => resolve()).end());
  }

  #flushRest(): void {
    if (this.#rest !== "") this.line(this.#rest);
    this.#rest = "";
  }
}

// Decides how several answers of any bytes share one output: after each come a boundary, a few words about it, and NUL.
import { randomUUID } from "node:crypto";
import type { ProbeOutput } from "../model/check.ts";
import { unreadable } from "./unanswered.ts";

/** Nobody can have written it into a file before the probe ran. */
const boundary = randomUUID();

export interface Frame {
  readonly bytes: Buffer;
  /** The words that the script gave `endFrame`. */
  readonly words: string;
}

/** Shell text that ends an answer. `words` is shell text, too: quoted words, expansions. */
export function endFrame(words: string): string {
  return `printf '${boundary}%s\\0' ${words}`;
}

/** Exactly `count` answers; anything else is an `ObservationError` (code `probe-unreadable`). */
export function readFrames(probe: string, output: ProbeOutput, count: number): readonly Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; frames.length < count; ) {
    const mark = output.stdout.indexOf(boundary, at);
    const end = mark === -1 ? -1 : output.stdout.indexOf(0, mark);
    if (end === -1) throw unreadable(probe, output);
    frames.push({
      bytes: output.stdout.subarray(at, mark),
      words: output.stdout.toString("utf8", mark + boundary.length, end),
    });
    at = end + 1;
  }
  return frames;
}

/** What a script with `endFrame` prints: for tests of parsers on recorded answers. @example framed([["root:x:0", "0"]]) */
export function framed(frames: readonly (readonly [text: string, words: string])[]): Buffer {
  return Buffer.from(frames.map(([text, words]) => `${text}${boundary}${words}\0`).join(""));
}

// Decides how the engine's log frames become text again, in the engine's order, once or as they come.
import { PassThrough } from "node:stream";
import type Docker from "dockerode";

/**
 * Text of a multiplexed log: frames of an 8-byte header (stream, 0, 0, 0, length as 32 bits big-endian) and their bytes.
 * A container with a terminal has no frames; its bytes are taken as they are.
 * @see Docker Engine API, ContainerAttach, "Stream format"
 */
export function logText(bytes: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const stream = bytes[at] ?? 255;
    if (stream > 2 || bytes[at + 1] !== 0 || bytes[at + 2] !== 0 || bytes[at + 3] !== 0) return bytes.toString("utf8");
    const length = bytes.readUInt32BE(at + 4);
    parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return parts.length === 0 ? bytes.toString("utf8") : Buffer.concat(parts).toString("utf8");
}

/** The log so far, or its last `tail` lines; with `timestamps` the engine's own time before each. */
export async function readLog(container: Docker.Container, tail?: number, timestamps = false): Promise<string> {
  const answer = await container.logs({
    stdout: true,
    stderr: true,
    follow: false,
    timestamps,
    ...(tail === undefined ? {} : { tail }),
  });
  return logText(Buffer.isBuffer(answer) ? answer : Buffer.from(answer as unknown as string, "latin1"));
}

/**
 * Whole lines of both streams as they come, from the engine's instant `since` on (`State.FinishedAt`). Ends with the log, or
 * when `signal` is aborted. Rejects when the log cannot be had.
 */
export async function* followLog(
  container: Docker.Container,
  since: string,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const frames = await container.logs({
    stdout: true,
    stderr: true,
    follow: true,
    since: engineTime(since) as unknown as number,
  });
  const stop = () => (frames as unknown as PassThrough).destroy();
  signal.addEventListener("abort", stop, { once: true });
  const lines = new PassThrough({ objectMode: true });
  container.modem.demuxStream(frames, intoLines(lines), intoLines(lines));
  const end = () => lines.end();
  frames.once("end", end).once("close", end).once("error", end);
  try {
    yield* lines;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** Cuts one stream at its line ends, whatever the frames' borders are. */
function intoLines(lines: PassThrough): PassThrough {
  const decoder = new TextDecoder();
  let kept = "";
  return new PassThrough().on("data", (chunk: Buffer) => {
    const whole = (kept + decoder.decode(chunk, { stream: true })).split("\n");
    kept = whole.pop() ?? "";
    for (const line of whole) lines.write(line);
  });
}

/** The API's time in a query: seconds, with nanoseconds as their fraction; 0 for the engine's "never", the year 1. */
export function engineTime(iso: string): string {
  if (iso.startsWith("0001-")) return "0";
  const fraction = /\.(\d+)/.exec(iso)?.[1] ?? "";
  return `${Math.floor(Date.parse(iso) / 1000)}.${fraction.padEnd(9, "0").slice(0, 9)}`;
}

// Decides how the engine's log frames become text again, in the engine's order.
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

/** The log so far, or its last `tail` lines. */
export async function readLog(container: Docker.Container, tail?: number): Promise<string> {
  const answer = await container.logs({
    stdout: true,
    stderr: true,
    follow: false,
    ...(tail === undefined ? {} : { tail }),
  });
  return logText(Buffer.isBuffer(answer) ? answer : Buffer.from(answer as unknown as string, "latin1"));
}

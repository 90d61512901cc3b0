// Decides that the engine's log frames become the text that was logged, wherever frames and chunks end.
import { describe, expect, test } from "vitest";
import { engineTime, logText } from "./docker-logs.ts";

/** One frame as the engine sends it: stream, three zeros, length, bytes. */
function frame(stream: number, text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

describe("frames", () => {
  test("of both streams, in their order", () => {
    expect(logText(Buffer.concat([frame(1, "a\n"), frame(2, "b\n"), frame(1, ""), frame(1, "c")]))).toBe("a\nb\nc");
  });

  test("a character that two frames share is whole again", () => {
    const bytes = Buffer.from("é✓");
    expect(
      logText(
        Buffer.concat([frame(1, bytes.subarray(0, 1)), frame(1, bytes.subarray(1, 4)), frame(1, bytes.subarray(4))]),
      ),
    ).toBe("é✓");
  });

  test("nothing is nothing, and a frame that was cut off gives what came", () => {
    expect(logText(Buffer.alloc(0))).toBe("");
    expect(logText(frame(1, "abcdef").subarray(0, 11))).toBe("abc");
    expect(logText(Buffer.concat([frame(1, "abc"), frame(2, "def").subarray(0, 5)]))).toBe("abc");
  });

  test("a terminal's output has no frames and is taken as it is", () => {
    expect(logText(Buffer.from("plain text, longer than a header\n"))).toBe("plain text, longer than a header\n");
    expect(logText(Buffer.from("x"))).toBe("x");
  });
});

test.each([
  ["2026-11-21T07:00:00.123456789Z", "1795244400.123456789"],
  ["2026-11-21T07:00:00.5Z", "1795244400.500000000"],
  ["2026-11-21T07:00:00Z", "1795244400.000000000"],
  ["0001-01-01T00:00:00Z", "0"],
])("%s is %s to the API", (iso, expected) => expect(engineTime(iso)).toBe(expected));

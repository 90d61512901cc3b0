// Decides how time and sizes are read and said.
import { describe, expect, test } from "vitest";
import { durationMs, sayMs, sizeBytes } from "./duration.ts";

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
    ["0s", 0],
  ])("%s is %d ms", (text, ms) => expect(durationMs(text)).toBe(ms));

  test.each(["30", "s", "", "30 s", "30S", "-1s", "1e3s", "1.s", ".5s", "30sec", "1d", "∞s"])(
    '"%s" is none',
    (text) => {
      expect(() => durationMs(text, "spec.ts:1:1")).toThrow(
        expect.objectContaining({
          name: "DeclarationError",
          code: "bad-duration",
          message: `declare: spec.ts:1:1: "${text}" is not a duration; write a number and ms, s, m or h, as in "30s"`,
        }),
      );
    },
  );
});

describe("sizes", () => {
  test.each([
    ["512b", 512],
    ["64k", 65_536],
    ["256m", 268_435_456],
    ["2g", 2_147_483_648],
    ["1.5k", 1536],
  ])("%s is %d bytes", (text, bytes) => expect(sizeBytes(text)).toBe(bytes));

  test.each(["64", "64M", "64mb", "", "m", "-1m"])('"%s" is none', (text) => {
    expect(() => sizeBytes(text)).toThrow(expect.objectContaining({ code: "bad-size" }));
  });
});

test.each([
  [0, "0ms"],
  [999.4, "999ms"],
  [1000, "1.0s"],
  [59_900, "59.9s"],
  [93_500, "1m 34s"],
  [999.6, "1.0s"],
  [59_960, "1m 0s"],
  [119_700, "2m 0s"],
])("%d ms are said as %s", (ms, said) => expect(sayMs(ms)).toBe(said));

// Decides that answers are cut out of a stream to the byte, however it comes in pieces.
import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { MarkedStream, markerCommand } from "./marked-stream.ts";

const token = "0123456789abcdef0123456789abcdef";
const marker = (number: number, status: number) => Buffer.from(`\x01${token} ${number} ${status}\x02`);

interface Heard {
  readonly parts: [text: string, number: number, status: number][];
  overflows: number;
  readonly rest: () => string;
}

function hear(chunks: readonly Buffer[], limit = 1e9): Heard {
  const stream = new PassThrough();
  const heard: Omit<Heard, "rest"> = { parts: [], overflows: 0 };
  const marked = new MarkedStream(stream, token, limit, {
    part: ({ bytes, number, status }) => heard.parts.push([bytes.toString("latin1"), number, status]),
    overflow: () => {
      heard.overflows += 1;
    },
  });
  for (const chunk of chunks) stream.emit("data", chunk);
  return Object.assign(heard, { rest: () => marked.last(1000).toString("latin1") });
}

const whole = Buffer.concat([
  Buffer.from("first\n"),
  marker(1, 0),
  marker(2, 255),
  Buffer.from("\x01\x02\xff\x00", "latin1"),
  marker(3, 137),
]);
const parts = [
  ["first\n", 1, 0],
  ["", 2, 255],
  ["\x01\x02\xff\x00", 3, 137],
];

describe("answers", () => {
  test("several in one chunk, empty and binary ones too", () => {
    expect(hear([whole]).parts).toEqual(parts);
  });

  test("cut in two at every byte", () => {
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const heard = hear([whole.subarray(0, cut), whole.subarray(cut)]);
      expect(heard.parts, `cut at ${cut}`).toEqual(parts);
      expect(heard.rest()).toBe("");
    }
  });

  test("byte by byte", () => {
    expect(hear([...whole].map((byte) => Buffer.from([byte]))).parts).toEqual(parts);
  });

  test("in three pieces, at every two bytes of a marker", () => {
    const one = Buffer.concat([Buffer.from("x"), marker(7, 3), Buffer.from("tail")]);
    for (let a = 0; a < one.length; a += 1) {
      for (let b = a; b < one.length; b += 1) {
        const heard = hear([one.subarray(0, a), one.subarray(a, b), one.subarray(b)]);
        expect(heard.parts, `cut at ${a} and ${b}`).toEqual([["x", 7, 3]]);
        expect(heard.rest()).toBe("tail");
      }
    }
  });

  test("much output in many chunks, with beginnings of markers in it that are none", () => {
    const lure = Buffer.from(`\x01${token.slice(0, 20)}\x01${token}`);
    const big = Buffer.concat(Array.from({ length: 500 }, () => Buffer.concat([Buffer.alloc(997, "a"), lure])));
    const stream = Buffer.concat([big, marker(1, 0)]);
    const chunks = Array.from({ length: Math.ceil(stream.length / 1000) }, (_, n) =>
      stream.subarray(n * 1000, n * 1000 + 1000),
    );
    const { parts: seen } = hear(chunks);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.[0]).toBe(big.toString("latin1"));
  });

  test("another shell's marker is output", () => {
    const other = `\x01${"f".repeat(32)} 1 0\x02`;
    expect(hear([Buffer.from(other), marker(1, 0)]).parts).toEqual([[other, 1, 0]]);
  });
});

describe("limits", () => {
  test("more than the limit without a marker is told; an answer of that size is not", () => {
    expect(hear([Buffer.alloc(60), Buffer.alloc(60)], 100).overflows).toBe(1);
    expect(
      hear([Buffer.alloc(50), marker(1, 0), Buffer.alloc(50), marker(2, 0), Buffer.alloc(50)], 100).overflows,
    ).toBe(0);
  });

  test("what comes after that is neither told again nor kept", () => {
    const heard = hear([Buffer.alloc(120), Buffer.alloc(120), Buffer.from("more")], 100);
    expect(heard.overflows).toBe(1);
    expect(heard.rest()).toBe("");
  });

  test("what came last, without a marker, is the rest", () => {
    expect(hear([marker(1, 0), Buffer.from("last words")]).rest()).toBe("last words");
  });
});

test("a shell prints the marker that is looked for", () => {
  const printed = execFileSync("/bin/sh", ["-c", `printf out; false; s=$?; ${markerCommand(token, 12, '"$s"')}`]);
  expect(hear([printed]).parts).toEqual([["out", 12, 1]]);
});

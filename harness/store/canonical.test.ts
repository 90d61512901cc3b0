import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalJson, digestOf, hashFile } from "./canonical.ts";

test("equal data gives equal text, whatever the order of keys", () => {
  expect(canonicalJson({ b: [1, { d: null, c: "x" }], a: true })).toBe('{"a":true,"b":[1,{"c":"x","d":null}]}');
  expect(canonicalJson({ b: 1, a: 2 })).toBe(canonicalJson({ a: 2, b: 1 }));
});

test("keys without a value are left out, in lists they keep their place", () => {
  expect(canonicalJson({ a: undefined, b: [undefined, 1] })).toBe('{"b":[null,1]}');
});

test("keys are in byte order, not in the order of a language", () => {
  expect(canonicalJson({ é: 1, z: 2, Z: 3, "\u{1F600}": 4, "\uFFFD": 5 })).toBe(
    '{"Z":3,"z":2,"é":1,"\uFFFD":5,"\u{1F600}":4}',
  );
});

test("indented text says the same", () => {
  const data = { list: [], none: {}, b: [1, 2], a: { c: "d" } };
  expect(JSON.parse(canonicalJson(data, "  "))).toEqual(data);
  expect(canonicalJson({ a: [1] }, "  ")).toBe('{\n  "a": [\n    1\n  ]\n}');
});

test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [() => 1], [1n]])(
  "%s has no JSON form and is refused",
  (value) => {
    expect(() => canonicalJson({ value })).toThrow(TypeError);
  },
);

test("a file's hash is that of its bytes", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-canonical-"));
  const content = Buffer.alloc((1 << 20) * 2 + 17, "studio");
  writeFileSync(join(directory, "big"), content);
  expect(`sha256:${await hashFile(join(directory, "big"))}`).toBe(digestOf(content));
  rmSync(directory, { recursive: true });
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { placed } from "./syntax-place.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-syntax-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each([
  ["what TypeScript cannot be", "a.ts", "export const a = 1;\n\nexport const b = ;\n", ":3:18"],
  ["what nobody exports", "b.ts", 'const b: number = 1;\nimport { c } from "./c.ts";\nexport { b, c };\n', ":2:10"],
])("%s", async (_, name, text, place) => {
  const file = join(directory, name);
  writeFileSync(file, text);
  writeFileSync(join(directory, "c.ts"), "");
  const error = await import(pathToFileURL(file).href).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SyntaxError);
  expect(placed(error)).toBe(error);
  expect(error).toMatchObject({ code: "unreadable-file", at: `${file}${place}` });
});

test("other errors are none of its business", () => {
  const error = new TypeError("x");
  expect(placed(error)).toBe(error);
  expect(error).not.toHaveProperty("at");
  expect(placed("text")).toBe("text");
});

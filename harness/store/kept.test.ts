// What entries take is measured once, and never taken for nothing.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listKept } from "./kept.ts";
import { Rooms } from "./rooms.ts";

const hex = "ab".repeat(32);
let directory: string;
let rooms: Rooms;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-kept-"));
  rooms = new Rooms(directory);
  rooms.prepare();
  mkdirSync(join(directory, "bases", hex));
  writeFileSync(join(directory, "bases", hex, "layer.tar"), Buffer.alloc(100_000));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a size is kept beside the store, and believed", async () => {
  const [first] = await listKept(rooms);
  expect(first?.bytes).toBeGreaterThanOrEqual(100_000);
  const kept = join(rooms.sizes, `base-${hex}`);
  expect(readFileSync(kept, "utf8")).toBe(String(first?.bytes));
  writeFileSync(kept, "7");
  expect((await listKept(rooms))[0]?.bytes).toBe(7);
});

// A machine that lost its power leaves such files.
test.each(["", "\0\0\0", "0"])("a size that is none is measured anew: %j", async (text) => {
  mkdirSync(rooms.sizes, { recursive: true });
  writeFileSync(join(rooms.sizes, `base-${hex}`), text);
  expect((await listKept(rooms))[0]?.bytes).toBeGreaterThanOrEqual(100_000);
});

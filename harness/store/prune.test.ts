// Which images of a name go when newer ones have replaced them, on real directories.
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Kept } from "./kept.ts";
import { pruneImages } from "./prune.ts";
import { Rooms } from "./rooms.ts";
import { Uses } from "./uses.ts";

let directory: string;
let rooms: Rooms;
let kept: Kept[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-prune-"));
  rooms = new Rooms(directory);
  rooms.prepare();
  kept = ["a", "b", "c", "d"].map((letter, at) => {
    const hex = letter.repeat(64);
    const places = [rooms.image(`sha256:${hex}`), rooms.disk(`sha256:${hex}`)];
    for (const place of places) mkdirSync(place);
    writeFileSync(join(places[1] ?? "", "disk.qcow2"), letter);
    return { kind: "image", hex, title: "soe:1", recipe: "soe", places, bytes: 1, usedMs: at * 1000, needs: [] };
  });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const later = 24 * 3_600_000;
const gone = async () => (await pruneImages(rooms, kept, later)).map(({ hex }) => hex[0]);

test("all but the two used last, with their disks; what was used lately stays", async () => {
  expect(await pruneImages(rooms, kept, 2000)).toEqual([]);
  expect(await gone()).toEqual(["a", "b"]);
  expect(kept.flatMap(({ places }) => places.map((place) => existsSync(place)))).toEqual([
    ...[false, false, false, false],
    ...[true, true, true, true],
  ]);
});

test("what a process says that it uses stays, and so does a disk that one has open without a word", async () => {
  new Uses(rooms.uses).take("a".repeat(64));
  const file = openSync(join(rooms.disk(`sha256:${"b".repeat(64)}`), "disk.qcow2"), "r");
  try {
    expect(await gone()).toEqual([]);
  } finally {
    closeSync(file);
  }
  expect(await gone()).toEqual(["b"]);
});

test("what an image in use is made of stays with it, and goes with it", async () => {
  const uses = new Uses(rooms.uses);
  const [below, above] = ["a".repeat(64), "b".repeat(64)] as const;
  kept = kept.map((each) => (each.hex === above ? { ...each, needs: [below] } : each));
  uses.take(above);
  expect(await gone()).toEqual([]);
  uses.release();
  expect(await gone()).toEqual(["b", "a"]);
});

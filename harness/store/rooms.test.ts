import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identityOf } from "../model/identity.ts";
import { takeLock } from "./lock.ts";
import { Rooms } from "./rooms.ts";

let directory: string;
let rooms: Rooms;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-rooms-"));
  rooms = new Rooms(directory);
  rooms.prepare();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a dead owner's room is swept; a living one's and another machine's are not", async () => {
  await using own = rooms.open();
  const named = (identity: string) => join(directory, "building", `${identity.replaceAll(" ", ",")},0123`);
  // The same pid with another start time: a reused pid.
  const dead = named([...identityOf().split(" ").slice(0, 4), "1"].join(" "));
  const foreign = named(["elsewhere", ...identityOf().split(" ").slice(1)].join(" "));
  for (const each of [dead, foreign]) mkdirSync(join(each, "entry"), { recursive: true });
  expect(await rooms.sweep()).toBe(1);
  expect([dead, foreign, own.path].map((path) => existsSync(path))).toEqual([false, true, true]);
});

test("an entry appears whole, and replaces a damaged one", async () => {
  const place = rooms.image(`sha256:${"a".repeat(64)}`);
  mkdirSync(place);
  writeFileSync(join(place, "torn"), "");
  {
    await using room = rooms.open();
    writeFileSync(join(room.entry, "whole"), "");
    expect(existsSync(join(place, "whole"))).toBe(false);
    await room.finish(place);
  }
  expect(existsSync(join(place, "whole"))).toBe(true);
  expect(existsSync(join(place, "torn"))).toBe(false);
  expect(await rooms.sweep()).toBe(0);
});

test("the newest digest of a name is remembered", () => {
  expect(rooms.newest("soe")).toBeUndefined();
  rooms.setNewest("soe", "sha256:aa");
  rooms.setNewest("soe", "sha256:bb");
  expect(new Rooms(directory).newest("soe")).toBe("sha256:bb");
});

test("the salt is made once, and is the same for all", () => {
  expect(rooms.salt()).toMatch(/^[0-9a-f]{64}$/);
  expect(new Rooms(directory).salt()).toBe(rooms.salt());
});

test("a disk without an image is swept, and not while its image is being built", async () => {
  const [built, left] = ["a", "b"].map((letter) => letter.repeat(64)) as [string, string];
  for (const hex of [built, left]) mkdirSync(join(rooms.disks, hex));
  {
    await using _building = await takeLock(rooms.lock(`sha256:${built}`));
    expect(await rooms.sweepDisks()).toBe(1);
    expect(readdirSync(rooms.disks)).toEqual([built]);
  }
  expect(await rooms.sweepDisks()).toBe(1);
  expect(readdirSync(rooms.disks)).toEqual([]);
});

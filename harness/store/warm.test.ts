// Decides that kept machines are given whole or not at all, whoever keeps, damages or forgets them meanwhile.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WarmMachines } from "./warm.ts";

const key = "ab".repeat(32);
let directory: string;
let warm: WarmMachines;
let files: Map<string, string>;
let places: Map<string, string>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-warm-"));
  warm = new WarmMachines({ directory: join(directory, "store"), disks: join(directory, "disks") });
  files = new Map(["disk.qcow2", "console.log"].map((name) => [name, join(directory, `own-${name}`)]));
  places = new Map(["disk.qcow2", "console.log"].map((name) => [name, join(directory, `next-${name}`)]));
  for (const [name, path] of files) writeFileSync(path, `state of ${name}`);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const kept = (words: unknown = { id: 1 }, host = "QEMU 1") => ({ host, base: "/base", files, words });
const keep = async (...args: Parameters<typeof kept>) => (await warm.keep(key, kept(...args)))?.();
const entry = () => join(directory, "store", "warm", key);

test("what is kept is given again, to its own host alone, and for its owner's eyes alone", async () => {
  expect(await warm.take(key, "QEMU 1", places)).toEqual({ why: "no machine like it was kept" });
  const publish = await warm.keep(key, kept());
  // The machine runs on, and writes.
  writeFileSync(files.get("disk.qcow2") ?? "", "later");
  expect(existsSync(entry())).toBe(false);
  await publish?.();
  expect(await warm.take(key, "QEMU 1", places)).toEqual({ words: { id: 1 } });
  expect(readFileSync(places.get("disk.qcow2") ?? "", "utf8")).toBe("state of disk.qcow2");
  expect(await warm.take(key, "QEMU 2", places)).toEqual({ why: "it was kept by QEMU 1; this is QEMU 2" });
  for (const name of readdirSync(entry())) expect(statSync(join(entry(), name)).mode & 0o777).toBe(0o600);
  expect(await warm.keep(key, kept())).toBeUndefined();
  await keep({ id: 2 }, "QEMU 2");
  expect(await warm.take(key, "QEMU 2", places)).toEqual({ words: { id: 2 } });
});

test("two that keep the same at once leave one, whole, and no room", async () => {
  const publish = await Promise.all([warm.keep(key, kept()), warm.keep(key, kept())]);
  await Promise.all(publish.map((each) => each?.()));
  expect(await warm.take(key, "QEMU 1", places)).toEqual({ words: { id: 1 } });
  expect(readdirSync(join(directory, "store", "building"))).toEqual([]);
});

test.each([
  ["cut short", () => truncateSync(join(entry(), "disk.qcow2"), 3)],
  ["without a file", () => rmSync(join(entry(), "disk.qcow2"))],
  ["without an entry", () => rmSync(join(entry(), "entry.json"))],
  ["with a torn entry", () => writeFileSync(join(entry(), "entry.json"), "{")],
])("%s it is damaged: told, and removed", async (_, harm) => {
  await keep();
  harm();
  expect(await warm.take(key, "QEMU 1", places)).toMatchObject({ why: expect.stringContaining("damaged") });
  expect(existsSync(entry())).toBe(false);
  await keep();
  expect(await warm.take(key, "QEMU 1", places)).toEqual({ words: { id: 1 } });
});

test("a store that cannot be made is a reason, and no error", async () => {
  await keep();
  rmSync(join(entry(), "entry.json"));
  rmSync(join(directory, "store", "building"), { recursive: true });
  writeFileSync(join(directory, "store", "building"), "in the way");
  expect(await warm.take(key, "QEMU 1", places)).toMatchObject({
    why: expect.stringContaining("could not be removed"),
  });
});

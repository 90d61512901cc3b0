// Uses of entries by real processes: they count while those live.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { identityOf } from "../model/identity.ts";
import { Uses } from "./uses.ts";

const hex = "a".repeat(64);
let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "assay-uses-"));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

test("what is used cannot be removed, until the use is taken back", () => {
  const uses = new Uses(place);
  expect(uses.take(hex)).toBe(true);
  expect(new Uses(place).beginRemoval(hex)).toBeUndefined();
  expect(uses.of(hex)).toHaveLength(1);
  uses.release();
  const removal = new Uses(place).beginRemoval(hex);
  expect(removal).toBeDefined();
  // While it is being removed, nobody gets it.
  expect(uses.take(hex)).toBe(false);
  removal?.[Symbol.dispose]();
  expect(uses.take(hex)).toBe(true);
  expect(uses.take("b".repeat(64))).toBe(true);
});

test("a use counts while its process lives, and is swept afterwards", async () => {
  const child = spawn("sleep", ["600"]);
  await once(child, "spawn");
  const mark = `${hex}.use.${identityOf(child.pid).replaceAll(" ", ",")}`;
  writeFileSync(join(place, mark), "");
  const uses = new Uses(place);
  expect(uses.beginRemoval(hex)).toBeUndefined();
  expect(uses.sweep()).toBe(0);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(uses.sweep()).toBe(1);
  expect(readdirSync(place)).toEqual([]);
  expect(uses.beginRemoval(hex)).toBeDefined();
});

test("the mark of one that died while it removed keeps nobody out for ever", () => {
  const dead = [...identityOf().split(" ").slice(0, 3), "4194999", "1"].join(",");
  writeFileSync(join(place, `${hex}.removal.${dead}`), "");
  expect(new Uses(place).take(hex)).toBe(true);
});

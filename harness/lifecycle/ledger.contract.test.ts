// Decides that a full disk is told as that, and takes nothing of what was written before: on a real file system that is full.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Ledger } from "./ledger.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-full-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=512k", "assay-full", directory]);
});
afterEach(() => {
  execFileSync("umount", [directory]);
  rmSync(directory, { recursive: true });
});

test("a full disk is told with the directory; the ledger stays readable, and goes on when there is space again", () => {
  const file = join(directory, "ledger.db");
  using ledger = Ledger.open(file);
  ledger.beginRun("r1", "x", "c");
  const kept: number[] = [];
  const fill = () => {
    for (;;) kept.push(ledger.intend("r1", { driver: "d", kind: "volume", name: "n".repeat(2000), environment: "e" }));
  };
  expect(fill).toThrow(
    expect.objectContaining({
      code: "ledger-unwritable",
      seen: expect.stringContaining(`the ledger ${file} cannot be used: database or disk is full`),
      hint: expect.stringContaining(`make sure that ${directory} is writable, on a local disk and has space`),
    }),
  );
  expect(kept.length).toBeGreaterThan(10);
  expect(ledger.standing("r1").map(({ entry }) => entry)).toEqual(kept.toReversed());
  execFileSync("mount", ["-o", "remount,size=4m", directory]);
  // Teardown goes on where it stood.
  for (const entry of kept) ledger.gone(entry);
  ledger.endRun("r1");
  expect(ledger.run("r1")?.endedAt).toBeDefined();
});

test("a disk that is full before there is a ledger is told the same way, and half of none is left", () => {
  try {
    writeFileSync(join(directory, "filler"), Buffer.alloc(1_000_000));
  } catch {
    // As meant.
  }
  expect(() => Ledger.open(join(directory, "ledger.db"))).toThrow(
    expect.objectContaining({ code: "ledger-unwritable" }),
  );
  rmSync(join(directory, "filler"));
  using ledger = Ledger.open(join(directory, "ledger.db"));
  expect(ledger.runs()).toEqual([]);
});

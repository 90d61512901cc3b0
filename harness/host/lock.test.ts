import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holdLock } from "./lock.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("the second waits until the first lets go", async () => {
  const file = join(directory, "state", "setup.lock");
  const first = await holdLock(file, () => undefined);
  const waiting = Promise.withResolvers<void>();
  let got = false;
  const second = holdLock(file, waiting.resolve).then((lock) => {
    got = true;
    return lock;
  });
  await waiting.promise;
  expect(got).toBe(false);
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  expect(got).toBe(true);
});

test("a holder that is killed lets go", async () => {
  const file = join(directory, "setup.lock");
  const module = JSON.stringify(join(import.meta.dirname, "lock.ts"));
  const hold = `(await import(${module})).holdLock(${JSON.stringify(file)}, () => {}).then(() => console.log("held")); setTimeout(() => {}, 15_000)`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", hold], { stdio: ["ignore", "pipe", "ignore"] });
  await once(holder.stdout, "data");
  let waited = false;
  const mine = holdLock(file, () => {
    waited = true;
    holder.kill("SIGKILL");
  });
  (await mine)[Symbol.dispose]();
  expect(waited).toBe(true);
});

test("a file that cannot be made is an error that names it", async () => {
  await expect(holdLock("/dev/null/setup.lock", () => undefined)).rejects.toThrow(
    "/dev/null/setup.lock could not be locked",
  );
});

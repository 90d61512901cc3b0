// The lock between real processes: one holds it, the others wait; a killed holder's is given up at once.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./lock.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A process that takes the lock, says so, and keeps it until its standard input ends. */
async function holder(file: string) {
  const program = `
    import { takeLock } from ${JSON.stringify(join(import.meta.dirname, "lock.ts"))};
    const lock = await takeLock(${JSON.stringify(file)}, { waiting: () => console.log("waiting") });
    console.log("held");
    process.stdin.resume().on("end", async () => {
      await lock[Symbol.asyncDispose]();
      console.log("released");
    });`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return { child, said: async () => (await lines.next()).value as string };
}

test("two processes hold it one after the other", async () => {
  const file = join(directory, "lock");
  const first = await holder(file);
  expect(await first.said()).toBe("held");
  const second = await holder(file);
  expect(await second.said()).toBe("waiting");
  first.child.stdin.end();
  expect(await first.said()).toBe("released");
  expect(await second.said()).toBe("held");
  second.child.stdin.end();
  await once(second.child, "exit");
});

test("a killed holder's lock is given up by the kernel", async () => {
  const file = join(directory, "lock");
  const first = await holder(file);
  expect(await first.said()).toBe("held");
  const told: string[] = [];
  const waiting = takeLock(file, { waiting: (who) => told.push(who) });
  const second = await holder(file);
  expect(await second.said()).toBe("waiting");
  second.child.kill("SIGKILL");
  first.child.kill("SIGKILL");
  await using lock = await waiting;
  expect(lock.waited).toBe(true);
  expect(told[0]?.split(" ")[3]).toBe(String(first.child.pid));
});

test("waiting ends when it is aborted, and holds nothing afterwards", async () => {
  const file = join(directory, "lock");
  const stop = new AbortController();
  {
    await using _held = await takeLock(file);
    const waiting = takeLock(file, { signal: stop.signal, waiting: () => stop.abort() });
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  }
  await using again = await takeLock(file);
  expect(again.waited).toBe(false);
});

test("a place where no lock can be is an error that names it", async () => {
  await expect(takeLock(join(directory, "missing", "lock"))).rejects.toMatchObject({ code: "lock-failed" });
});

test("a file that cannot be written to is locked all the same, and given up again", async () => {
  {
    await using held = await takeLock("/dev/full");
    expect(held.waited).toBe(false);
  }
  await using again = await takeLock("/dev/full");
  expect(again.waited).toBe(false);
});

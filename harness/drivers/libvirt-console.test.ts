import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConsoleLog, panicIn, plain, readConsole } from "./libvirt-console.ts";

describe("a line of a console", () => {
  test("is read without what only terminals understand", () => {
    const line = "[\u001b[0;32m  OK  \u001b[0m] Started \u001b[0;1;39mssh.service\u001b[0m.\r";
    expect(plain(line)).toBe("[  OK  ] Started ssh.service.");
    expect(plain(Buffer.from("Grüße\u0007").toString("latin1"))).toBe("Grüße");
  });

  test.each([
    ["[    5.642293] Kernel panic - not syncing: VFS: Unable to mount root fs", "VFS: Unable to mount root fs"],
    ["[    5.642293][    T1] Kernel panic - not syncing: Attempted to kill init!", "Attempted to kill init!"],
    ["Kernel panic - not syncing: early", "early"],
    ["[    8.0] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---", undefined],
    ["a log that tells of a Kernel panic - not syncing: elsewhere", undefined],
  ])("%s", (line, reason) => {
    expect(panicIn(line)).toBe(reason);
  });
});

describe("the log of a console", () => {
  let directory: string;
  let path: string;
  let log: ConsoleLog;
  const next = (wanted: string) =>
    new Promise<void>((resolve) => {
      const off = log.onLine((line) => {
        if (line !== wanted) return;
        off();
        resolve();
      });
    });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "assay-console-"));
    path = join(directory, "console.log");
    writeFileSync(path, "before\n");
    log = new ConsoleLog(path);
  });
  afterEach(() => {
    log.close();
    rmSync(directory, { recursive: true });
  });

  test("is told line by line as it is written, in pieces or many at once", async () => {
    const whole = next("one line");
    appendFileSync(path, "one ");
    await log.settle();
    appendFileSync(path, "line\ntwo\n\nlogin: ");
    await whole;
    await log.settle();
    expect(log.lastLines(10)).toEqual(["before", "one line", "two", "login: "]);
    expect(log.lastLines(2)).toEqual(["two", "login: "]);
  });

  test("goes on after it was moved aside, and is read whole", async () => {
    await log.settle();
    renameSync(path, `${path}.0`);
    writeFileSync(path, "after\n");
    await log.settle();
    const heard = next("more");
    appendFileSync(path, "more\n");
    await log.settle();
    await heard;
    expect(await readConsole(path)).toBe("before\nafter\nmore\n");
  });

  test("that was never written is empty", async () => {
    expect(await readConsole(join(directory, "other.log"))).toBe("");
  });
});

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lastLines, startDockerd } from "./dockerd.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "assay-dockerd-"));
});
afterEach(() => rmSync(state, { recursive: true }));

/** A program in the place of dockerd. It is a daemon as far as starting one goes. */
function program(text: string): string {
  const file = join(state, "daemon");
  writeFileSync(file, text);
  chmodSync(file, 0o755);
  return file;
}

test("counts as started when it answers; its pid and its output are kept", async () => {
  const socket = join(state, "engine.sock");
  const serve = `require("http").createServer((q, a) => a.end('{"Version":"1","ApiVersion":"1.41"}')).listen("${socket}")`;
  const pid = await startDockerd(
    program(`#!${process.execPath}\nconsole.log("coming up"); setTimeout(() => ${serve}, 50);\n`),
    state,
    { socket },
  );
  try {
    expect(readFileSync(join(state, "dockerd.pid"), "utf8")).toBe(`${pid}\n`);
    expect(readFileSync(join(state, "dockerd.log"), "utf8")).toBe("coming up\n");
    // A session of its own: the field after the group in proc(5) stat.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    expect(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]).toBe(String(pid));
  } finally {
    process.kill(pid, "SIGKILL");
  }
});

test("one that ends says why with its last words", async () => {
  const started = startDockerd(program("#!/bin/sh\necho failed to mount cgroup >&2\nexit 1\n"), state, {
    socket: join(state, "engine.sock"),
  });
  await expect(started).rejects.toThrow(/it ended with 1; its last words: failed to mount cgroup; the whole log is/);
});

test("one that never answers is ended", async () => {
  const started = startDockerd(program("#!/bin/sh\necho $$\nexec sleep 600\n"), state, {
    socket: join(state, "engine.sock"),
    timeoutMs: 300,
  });
  await expect(started).rejects.toThrow(/no answer at .* within 300 ms/);
});

test("a program that is not there", async () => {
  await expect(startDockerd("/no/such/dockerd", state, { socket: join(state, "x") })).rejects.toThrow(/ENOENT/);
});

test("last lines skip empty ones and what was overwritten", () => {
  expect(lastLines("a\n\nReading 1%\rReading 100%\r\nb\n", 2)).toEqual(["Reading 100%", "b"]);
});

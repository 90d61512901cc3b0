import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isListening } from "./socket.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-socket-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test("somebody listens, by whichever path; nobody where nothing is", async () => {
  const path = join(directory, "engine.sock");
  const server = createServer().listen(path);
  await once(server, "listening");
  symlinkSync(directory, join(directory, "link"));
  expect([isListening(path), isListening(join(directory, "link", "engine.sock"))]).toEqual([true, true]);
  expect(isListening(join(directory, "other.sock"))).toBe(false);
  server.close();
});

test("a socket that a killed service left has nobody behind it", () => {
  const path = join(directory, "engine.sock");
  const leave = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  expect(spawnSync(process.execPath, ["-e", leave]).signal).toBe("SIGKILL");
  expect(isListening(path)).toBe(false);
});

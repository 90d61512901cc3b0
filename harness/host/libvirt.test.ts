import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { daemonOf, knock } from "./libvirt.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-libvirt-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

test.each([
  ["qemu:///system", "system"],
  ["qemu:///session", "session"],
  ["qemu+ssh://root@far/system", "elsewhere"],
  ["qemu:///system?socket=/run/own/libvirt-sock", "elsewhere"],
])("%s is %s", (uri, daemon) => {
  expect(daemonOf(uri)).toBe(daemon);
});

test("who listens lets in, whether it speaks or not", async () => {
  const socket = join(directory, "libvirt-sock");
  const silent = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  silent.listen(socket, resolve);
  await promise;
  expect(await knock(socket)).toBeUndefined();
  silent.close();
});

test("a socket that is not there, and one that its daemon left", async () => {
  const socket = join(directory, "libvirt-sock");
  expect(await knock(socket)).toBe("ENOENT");
  const { spawnSync } = await import("node:child_process");
  const leave = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
  expect(spawnSync(process.execPath, ["-e", leave]).signal).toBe("SIGKILL");
  expect(await knock(socket)).toBe("ECONNREFUSED");
});

// Decides that the program which asks systemd hears "none" from nothing but systemd's own none, and that its place is not trusted.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { noneFailed } from "./no-failed-units.ts";

const root = mkdtempSync(join(tmpdir(), "assay-no-failed-units-"));
afterAll(() => rmSync(root, { recursive: true }));
const socket = join(root, "private");
const why = process.arch === "x64" ? undefined : "its code is that of x86-64";

/** What a guest's shell runs, with other places. */
const scriptAt = (place: string) =>
  `${noneFailed.replaceAll("/dev/shm/.assay-no-failed-units", place).replace("/run/systemd/private", socket)}\nnone_failed`;
const program = join(root, "program");

const length = (value: number) => Buffer.from(Uint32Array.of(value).buffer);
const fields = Buffer.from("\x05\x01u\0\x01\0\0\0\x08\x01g\0\x01v\0", "latin1");
function message(type: number, body: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from(["l".charCodeAt(0), type, 0, 1]), length(body.length), length(1)]);
  const padding = Buffer.alloc(-fields.length & 7);
  return Buffer.concat([head, length(fields.length), fields, padding, body]);
}
const count = (value: number) => Buffer.concat([Buffer.from("\x01u\0\0", "latin1"), length(value)]);
const welcome = Buffer.from(`OK ${"a".repeat(32)}\r\n`);
const none = message(2, count(0));
const signal = message(4, Buffer.from("somebody else's"));

/** Its exit status, where systemd says this; and what it was asked. */
async function heard(parts: readonly Buffer[], end = true): Promise<{ status: number; asked: string }> {
  let asked = "";
  const server = createServer(async (stream) => {
    stream.on("data", (bytes) => {
      asked += bytes.toString("latin1");
    });
    stream.on("error", () => undefined);
    for (const part of parts) {
      stream.write(part);
      if (parts.length < 200) await pause(2);
    }
    if (end) stream.end();
  });
  server.listen(socket);
  await once(server, "listening");
  const child = spawn("/bin/sh", ["-c", scriptAt(program)]);
  const [status] = (await once(child, "exit")) as [number];
  server.close();
  await once(server, "close");
  return { status, asked };
}

describe.skipIf(why !== undefined)(`the program${why === undefined ? "" : ` (${why})`}`, () => {
  test("logs in as root and asks for one property", async () => {
    const { status, asked } = await heard([welcome, none]);
    expect(status).toBe(0);
    expect(asked.slice(0, 26)).toBe("\0AUTH EXTERNAL 30\r\nBEGIN\r\n");
    expect(asked.slice(26).match(/[\w./]{3,}/g)).toEqual([
      "/org/freedesktop/systemd1",
      "org.freedesktop.DBus.Properties",
      "Get",
      "org.freedesktop.systemd1.Manager",
      "NFailedUnits",
    ]);
  });

  test.each<[string, readonly Buffer[], number]>([
    ["none, behind somebody's signal, in one piece", [Buffer.concat([welcome, signal, none])], 0],
    ["none, byte by byte", [...Buffer.concat([welcome, signal, none])].map((byte) => Buffer.of(byte)), 0],
    ["one", [welcome, message(2, count(1))], 3],
    ["so many that the last byte alone says it", [welcome, message(2, count(0x01000000))], 3],
    ["that it may not be asked", [Buffer.from(`REJECTED ${"a".repeat(40)}\r\n`)], 8],
    ["nothing", [], 7],
    ["a welcome alone", [welcome], 7],
    ["half an answer", [welcome, none.subarray(0, -1)], 7],
    ["an error", [welcome, message(3, count(0))], 10],
    ["a text", [welcome, message(2, Buffer.from("\x01s\0\0\0\0\0\0", "latin1"))], 10],
    ["a longer answer", [welcome, message(2, Buffer.concat([count(0), length(0)]))], 10],
    ["the other order of bytes", [welcome, Buffer.concat([Buffer.from("B"), none.subarray(1)])], 10],
    ["more than it has room for", [welcome, message(4, Buffer.alloc(5000)), none], 7],
    ["a length beyond everything", [welcome, Buffer.concat([none.subarray(0, 4), Buffer.alloc(60, 0xff)])], 7],
  ])("hears %s", async (_, parts, status) => {
    expect((await heard(parts)).status).toBe(status);
  });

  test("tells that nobody is there", () => {
    expect(spawnSync("/bin/sh", ["-c", scriptAt(program)]).status).toBe(5);
  });

  test("is what its source says", ({ skip }) => {
    if (spawnSync("as", ["--version"]).error !== undefined) skip("no as: apt-get install binutils");
    const [object, file] = [join(root, "it.o"), join(root, "it")];
    const source = new URL("./no-failed-units.s", import.meta.url).pathname;
    expect(spawnSync("as", ["--64", "-o", object, source])).toMatchObject({ status: 0 });
    const link = ["--oformat", "binary", "-Ttext", "0x400000", "-o", file, object];
    expect(spawnSync("ld", link)).toMatchObject({ status: 0 });
    spawnSync("/bin/sh", ["-c", scriptAt(program)]);
    expect(readFileSync(program)).toEqual(readFileSync(file));
  });

  test("is not run where it is a link, somebody else's, or not whole", ({ skip }) => {
    if (process.getuid?.() !== 0) skip("only root may give files away");
    const status = (place: string) => spawnSync("/bin/sh", ["-c", scriptAt(place)]).status;
    const [own, link, foreign, begun] = ["own", "link", "foreign", "begun"].map((name) => join(root, name)) as [
      string,
      string,
      string,
      string,
    ];
    // A program that says "none" whatever it is asked.
    copyFileSync("/bin/true", own);
    expect(status(own)).toBe(0);
    symlinkSync("/bin/true", link);
    expect(status(link)).not.toBe(0);
    copyFileSync("/bin/true", foreign);
    chownSync(foreign, 1, 1);
    expect(status(foreign)).not.toBe(0);
    copyFileSync("/bin/true", begun);
    spawnSync("chmod", ["0600", begun]);
    expect(status(begun)).not.toBe(0);
  });
});

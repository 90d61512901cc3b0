// What the program does is seen in a guest: here it would set this host's clock.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freshScript, placeFresh } from "./libvirt-fresh.ts";

test("the program arrives as it is: an ELF file of which every byte is there", () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-fresh-"));
  const file = join(directory, "program");
  try {
    const script = placeFresh().shell.replaceAll("/dev/shm/.assay-fresh", file);
    expect(spawnSync("/bin/sh", ["-c", script]).status).toBe(0);
    const bytes = readFileSync(file);
    expect(bytes.subarray(0, 4).toString("latin1")).toBe("\u007fELF");
    // One segment holds all of it: its offset and length are in the program header that follows the file's.
    expect(bytes.readBigUInt64LE(64 + 8) + bytes.readBigUInt64LE(64 + 32)).toBe(BigInt(bytes.length));
    expect(bytes.subarray(-13).toString("latin1")).toBe("/dev/urandom\0");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("the script is one that a POSIX shell can read, whatever the bytes are", () => {
  for (const byte of [0, 0x27, 0x2d, 0xff]) {
    const script = freshScript(1_795_000_000_123.5, new Uint8Array(48).fill(byte), "exit 0");
    expect(spawnSync("/bin/sh", ["-n"], { input: script }).status).toBe(0);
    expect(script).toContain(" 1795000000124 ");
  }
});

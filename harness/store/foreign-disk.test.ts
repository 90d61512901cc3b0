// Somebody else's disk: each refusal with its code and the line that declares it, and what is noticed afterwards.
import { createHash } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fromQcow2 } from "../model/vm.ts";
import { inspectForeignDisk } from "./foreign-disk.ts";
import { stampOf, verifyDisk } from "./verify-disk.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-foreign-"));
  path = join(directory, "disk.qcow2");
  writeFileSync(path, image());
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The least image: 1 GiB of nothing, tables and all. */
function image(): Buffer {
  const bytes = Buffer.alloc(196_624);
  bytes.write("514649fb00000003", "hex");
  bytes.write("00000010000000004000000000000000000000020000000000030000000000000001000000000001", 0x14, "hex");
  bytes.write("0000000400000070", 0x60, "hex");
  return bytes;
}
const sha256 = () => createHash("sha256").update(readFileSync(path)).digest("hex");
const inspected = () => inspectForeignDisk(fromQcow2(path, { sha256: sha256() }));

test("a good one is used where it lies, and brings no kernel", async () => {
  const disk = await inspected();
  expect(disk).toMatchObject({ path, digest: `sha256:${sha256()}`, virtualSize: 1 << 30, kernelArguments: [] });
  expect(disk.kernel).toBeUndefined();
  await verifyDisk(disk);
});

test("each refusal has its code, its file and the line of its declaration", async () => {
  const declared = fromQcow2(path, { sha256: "0".repeat(64) });
  const wrong = await inspectForeignDisk(declared).catch((error: unknown) => error);
  expect(wrong).toMatchObject({ code: "wrong-sha256", at: expect.stringMatching(/foreign-disk\.test\.ts:\d+:\d+$/) });
  expect(String(wrong)).toContain(`${declared.at}: disk image ${path} has sha256 ${sha256()}`);

  writeFileSync(path, Buffer.alloc(4096, "raw"));
  await expect(inspected()).rejects.toMatchObject({ code: "not-qcow2" });
  writeFileSync(path, image().subarray(0, 90));
  await expect(inspected()).rejects.toMatchObject({ code: "disk-truncated" });
  writeFileSync(path, image().subarray(0, 100_000));
  await expect(inspected()).rejects.toMatchObject({ code: "disk-truncated" });
  const onAnother = image();
  onAnother.write("000000000000021000000007", 0x08, "hex");
  onAnother.write("/etc/shadow", 0x210);
  writeFileSync(path, onAnother);
  await expect(inspected()).rejects.toMatchObject({ code: "backing-file", seen: expect.stringContaining("/etc/sh") });
  rmSync(path);
  await expect(inspectForeignDisk(declared)).rejects.toMatchObject({ code: "disk-missing" });
  await expect(inspectForeignDisk(fromQcow2(directory, { sha256: "0".repeat(64) }))).rejects.toMatchObject({
    code: "not-qcow2",
  });
});

test("a digest is asked for anew when the file is another", async () => {
  const before = sha256();
  await inspected();
  appendFileSync(path, "more");
  await expect(inspectForeignDisk(fromQcow2(path, { sha256: before }))).rejects.toMatchObject({ code: "wrong-sha256" });
  await inspected();
});

test("afterwards it is noticed that it was written to, replaced or removed, and not that it was only touched", async () => {
  const disk = await inspected();
  utimesSync(path, 1, 1);
  await verifyDisk(disk);
  const other = image();
  other.write("overwritten", 100_000);
  writeFileSync(path, other);
  await expect(verifyDisk(disk)).rejects.toMatchObject({ code: "base-changed" });
  // As somebody would who sets the time back.
  utimesSync(path, 1, 1);
  await expect(verifyDisk(disk)).rejects.toMatchObject({ code: "base-changed" });
  writeFileSync(`${path}.other`, other);
  renameSync(`${path}.other`, path);
  await expect(verifyDisk(disk)).rejects.toMatchObject({ code: "base-changed" });
  rmSync(path);
  await expect(verifyDisk(disk)).rejects.toMatchObject({ code: "base-gone" });
});

test("bytes that a stamp knows nothing of are found by looking at all of them", async () => {
  const disk = await inspected();
  const other = image();
  other.write("overwritten", 100_000);
  writeFileSync(path, other);
  // Taken when it was too late.
  const blind = { ...disk, stamp: stampOf(path) };
  await verifyDisk(blind);
  await expect(verifyDisk(blind, { whole: true })).rejects.toMatchObject({ code: "base-changed" });
});

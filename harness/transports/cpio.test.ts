// Decides that archives are what cpio(1) reads, and that equal files give equal bytes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { appended, cpio } from "./cpio.ts";

const entries = [
  { path: "a/b/script", mode: 0o755, content: "#!/bin/sh\n" },
  { path: "a/odd", content: Buffer.from([0, 1, 2, 255, 10]) },
  { path: "a/link", target: "b/script" },
  { path: "empty" },
];

describe("an archive", () => {
  test("is unpacked by cpio with modes, bytes and links", () => {
    const directory = mkdtempSync(join(tmpdir(), "assay-cpio-"));
    try {
      execFileSync("cpio", ["-idm", "--quiet"], { cwd: directory, input: cpio(entries) });
      expect(readFileSync(join(directory, "a/b/script"), "utf8")).toBe("#!/bin/sh\n");
      expect(statSync(join(directory, "a/b/script")).mode & 0o7777).toBe(0o755);
      expect(readFileSync(join(directory, "a/odd"))).toEqual(Buffer.from([0, 1, 2, 255, 10]));
      expect(readlinkSync(join(directory, "a/link"))).toBe("b/script");
      expect(statSync(join(directory, "empty")).size).toBe(0);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("names each directory once, before what is in it", () => {
    const names = execFileSync("cpio", ["-t", "--quiet"], { input: cpio(entries), encoding: "utf8" });
    expect(names.trim().split("\n")).toEqual(["a", "a/b", "a/b/script", "a/odd", "a/link", "empty"]);
  });

  test("has the same bytes each time, in whole blocks", () => {
    expect(cpio(entries).equals(cpio(entries))).toBe(true);
    expect(cpio(entries).length % 512).toBe(0);
  });

  test("begins where a record may begin when it follows another", () => {
    const both = appended(Buffer.alloc(1000, 1), cpio(entries));
    expect(both.subarray(1000, 1024).every((byte) => byte === 0)).toBe(true);
    expect(both.toString("latin1", 1024, 1030)).toBe("070701");
  });

  test("refuses absolute paths", () => expect(() => cpio([{ path: "/etc/passwd" }])).toThrow(RangeError));
});

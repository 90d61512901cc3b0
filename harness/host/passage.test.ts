import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { barrier, passable } from "./passage.ts";

test("the outermost closed directory is named, and what is not there is closed", () => {
  const top = mkdtempSync(join(tmpdir(), "assay-passage-"));
  try {
    const disks = join(top, "state", "disks");
    mkdirSync(disks, { recursive: true });
    chmodSync(top, 0o711);
    chmodSync(join(top, "state"), 0o700);
    chmodSync(disks, 0o700);
    expect(barrier(disks)).toBe(join(top, "state"));
    chmodSync(join(top, "state"), 0o711);
    expect(barrier(disks)).toBe(disks);
    chmodSync(disks, 0o711);
    expect(barrier(disks)).toBeUndefined();
    expect(barrier(join(disks, "missing"))).toBe(join(disks, "missing"));
    writeFileSync(join(disks, "file"), "", { mode: 0o777 });
    expect(passable(join(disks, "file"))).toBe(false);
  } finally {
    rmSync(top, { recursive: true });
  }
});

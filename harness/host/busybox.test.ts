// A busybox is taken only where it would run in an image that has nothing.
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { staticBusybox } from "./busybox.ts";

const room = mkdtempSync(join(tmpdir(), "assay-busybox-"));
afterAll(() => rmSync(room, { recursive: true, force: true }));

const placed = (name: string, make: (file: string) => void): string => {
  const directory = join(room, name);
  mkdirSync(directory);
  make(join(directory, "busybox"));
  chmodSync(join(directory, "busybox"), 0o755);
  return directory;
};

describe("a busybox that is refused, with the reason", () => {
  test("one that needs libraries of the image", async () => {
    const path = placed("dynamic", (file) => copyFileSync("/bin/ls", file));
    expect((await staticBusybox(path)).missing).toMatch(/dynamic\/busybox is not a static program: .*busybox-static/);
  });

  test("one that is no program of this machine", async () => {
    const path = placed("script", (file) => writeFileSync(file, "#!/bin/sh\necho directory\n"));
    expect((await staticBusybox(path)).missing).toMatch(/no ELF file/);
  });
});

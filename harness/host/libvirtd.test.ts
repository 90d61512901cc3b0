import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ProvisionError } from "../model/errors.ts";
import { startLibvirt } from "./libvirtd.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-libvirtd-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A program in the place of a daemon. */
function program(name: string, script: string): readonly [string, string] {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return [file, "-d"];
}

test("one that does not come up says why with its last words; the next is not started", async () => {
  const first = program("virtlogd", "echo starting >&2; echo no room left >&2; exit 3");
  const second = program("libvirtd", `touch ${join(directory, "started")}`);
  const started = startLibvirt([first, second]);
  await expect(started).rejects.toThrow(ProvisionError);
  await expect(started).rejects.toThrow(
    /virtlogd -d was started and is not up: it ended with 3; its last words: no room left/,
  );
  await expect(started).rejects.toThrow(/then try: \S+virtlogd$/);
});

test("a program that is not there", async () => {
  await expect(startLibvirt([["/no/such/virtlogd", "-d"]])).rejects.toThrow(/ENOENT/);
});

test("one that hangs instead of going to the background is ended", async () => {
  await expect(startLibvirt([program("virtlogd", "exec sleep 600")], 200)).rejects.toThrow(/it ended with SIGTERM/);
});

test("nothing of this process's surroundings reaches the daemon", async () => {
  const told = program("virtlogd", 'env | cut -d= -f1 | sort | tr "\\n" " " >&2; exit 1');
  await expect(startLibvirt([told])).rejects.toThrow(/last words: PATH PWD( SHLVL)?( _)? ?;/);
});

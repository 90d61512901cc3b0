import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { bindingFinding, bindingToBuild } from "./binding.ts";

let modules: string;
let bin: string;
const directory = () => join(modules, "@unraid", "libvirt");
beforeEach(() => {
  modules = mkdtempSync(join(tmpdir(), "assay-binding-"));
  bin = join(modules, ".bin");
  for (const each of [bin, join(directory(), "src"), join(modules, `node-linux-${process.arch}`, "include", "node")])
    mkdirSync(each, { recursive: true });
  writeFileSync(join(directory(), "src", "a.cc"), "");
  compiler('for word; do last=$word; done; printf "%s" "$*" >"$last"');
});
afterEach(() => rmSync(modules, { recursive: true }));

/** A program in the place of the compiler. */
function compiler(script: string): void {
  writeFileSync(join(bin, "g++"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "g++"), 0o755);
}

function build() {
  const command = bindingToBuild(modules, bin)?.command;
  if (command === undefined) throw new Error("nothing is to be built");
  const [program, ...words] = command;
  return spawnSync(program, words, { encoding: "utf8", env: { PATH: `${bin}:/usr/bin:/bin` } });
}

test("it is built once, against the headers of our own Node", () => {
  expect(build().status).toBe(0);
  expect(readFileSync(join(directory(), "build", "Release", "libvirt.node"), "utf8")).toContain(
    `-I${join(modules, `node-linux-${process.arch}`, "include", "node")} src/a.cc -lvirt`,
  );
  expect(bindingToBuild(modules, bin)).toBeUndefined();
});

test("what failed is not tried again, and doctor tells how to", () => {
  compiler("exit 1");
  expect(build().status).toBe(1);
  expect(bindingToBuild(modules, bin)).toBeUndefined();
  expect(bindingFinding(modules, bin)).toMatchObject({ can: "no", remedy: expect.stringContaining("rm -r") });
});

test("a binding that does not load is told with the loader's words", () => {
  expect(build().status).toBe(0);
  expect(bindingFinding(modules, bin)).toMatchObject({ can: "no", cause: expect.stringMatching(/does not load: .+/) });
});

test("without the package there is nothing to build", () => {
  rmSync(directory(), { recursive: true });
  expect(bindingToBuild(modules, bin)).toBeUndefined();
  expect(bindingFinding(modules, bin)).toMatchObject({ can: "no", cause: expect.stringContaining("not installed") });
});

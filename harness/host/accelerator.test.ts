import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { accelerator } from "./accelerator.ts";

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "assay-accelerator-"));
});
afterEach(() => rmSync(state, { recursive: true }));

const ask = (more = {}) => accelerator({ path: "", uid: 1000, libvirtUri: "qemu:///session", state, ...more });
const file = () => join(state, "accelerator.json");
const kept = () => JSON.parse(readFileSync(file(), "utf8"));

test("what was found is kept, and told again without looking", async () => {
  // Whatever this machine says: another answer in the same file shows that it was read.
  const found = { key: await keyHere(), type: "kvm", reason: "told by a test" };
  writeFileSync(file(), JSON.stringify(found));
  expect(await ask()).toEqual({ type: "kvm", reason: "told by a test" });
});

test("after another boot it is looked at anew", async () => {
  const found = {
    key: (await keyHere()).replace(/^\["[^"]+"/, '["another-boot"'),
    type: "kvm",
    reason: "told by a test",
  };
  writeFileSync(file(), JSON.stringify(found));
  expect((await ask()).reason).not.toBe("told by a test");
});

test("a file that was cut off, or says something else, is looked at anew", async () => {
  const key = await keyHere();
  for (const text of ["", '{"key":', JSON.stringify({ key, type: "hvf", reason: "x" }), JSON.stringify({ key })]) {
    writeFileSync(file(), text);
    expect((await ask()).reason).toMatch(/./);
    expect((await ask()).type).toMatch(/^(kvm|qemu)$/);
  }
});

test("a state directory that cannot be made costs only time", async () => {
  expect((await ask({ state: "/dev/null/state" })).type).toMatch(/^(kvm|qemu)$/);
});

test("another machine is not judged by this one", async () => {
  expect(await ask({ libvirtUri: "qemu+ssh://far/system" })).toMatchObject({
    type: "qemu",
    reason: expect.stringContaining("another machine"),
  });
});

/** The key of this very machine, as the first asking left it; an answer that is not certain is not kept. */
async function keyHere(): Promise<string> {
  writeFileSync(file(), JSON.stringify({ key: "none" }));
  await ask();
  return kept().key;
}

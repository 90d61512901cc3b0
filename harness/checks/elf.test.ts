// Decides what is read out of ELF files, held against readelf and ldd of this machine, and that no file harms who reads it.
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { probeContract } from "./contract.ts";
import { elf, loaderDirectories } from "./elf.ts";
import { readElf } from "./elf-read.ts";
import { fileSlice } from "./file-slice.ts";

const node = hostNode();
let root: string;
const at = (name: string) => join(root, name);
const bash = "/bin/bash";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-elf-"));
  const whole = readFileSync(bash);
  writeFileSync(at("cut"), whole.subarray(0, 100));
  writeFileSync(at("script"), "#!/bin/sh\n");
  writeFileSync(at("empty"), "");
  // The same program asking for a library that nobody has.
  writeFileSync(
    at("lacking"),
    Buffer.from(whole.toString("latin1").replace("libtinfo.so.6", "libnone!.so.6"), "latin1"),
  );
  const foreign = Buffer.from(whole);
  foreign.writeUInt16LE(183, 18);
  writeFileSync(at("foreign"), foreign);
  copyFileSync(bash, at("bash"));
  symlinkSync("bash", at("link"));
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

/** A library of two segments, all of it and its dynamic section, which names what it needs and where to look for it. */
function elfWith({ needed = "", runPath = "" }: { readonly needed?: string; readonly runPath?: string }): Buffer {
  const strings = Buffer.from(`\0${needed}\0${runPath}\0`);
  const bytes = Buffer.concat([Buffer.alloc(256), strings]);
  Buffer.from("7f454c46020101", "hex").copy(bytes);
  for (const [offset, value] of [
    [16, 3],
    [18, process.arch === "arm64" ? 183 : 62],
    [54, 56],
    [56, 2],
  ] as const)
    bytes.writeUInt16LE(value, offset);
  const word = (offset: number, value: number) => bytes.writeBigUInt64LE(BigInt(value), offset);
  word(32, 64);
  const tags = [
    ...(needed === "" ? [] : [[1, 1]]),
    ...(runPath === "" ? [] : [[29, needed.length + 2]]),
    [5, 256],
    [10, strings.length],
  ];
  for (const [index, [type = 0, offset = 0, size = 0]] of [
    [1, 0, bytes.length],
    [2, 176, tags.length * 16],
  ].entries()) {
    const from = 64 + index * 56;
    bytes.writeUInt32LE(type, from);
    for (const place of [8, 16]) word(from + place, offset);
    word(from + 32, size);
  }
  for (const [index, [name = 0, value = 0]] of tags.entries()) {
    word(176 + index * 16, name);
    word(184 + index * 16, value);
  }
  return bytes;
}

const isMet = async (check: Check) => {
  const judgement = check.judge(await check.observe(node));
  return "met" in judgement && judgement.met;
};

test.each<[string, () => Check, boolean]>([
  ["dynamic", () => elf(bash).isDynamic(), true],
  ["not static", () => elf(bash).isStatic(), false],
  ["busybox is static", () => elf("/bin/busybox").isStatic(), true],
  ["through a link", () => elf(at("link")).isDynamic(), true],
  ["needs libc", () => elf(bash).needs("libc.so.6"), true],
  ["needs no libm", () => elf(bash).needs("libm.so.6"), false],
  ["its machine", () => elf(bash).isFor(process.arch === "arm64" ? "aarch64" : "x86_64"), true],
  ["another machine", () => elf(at("foreign")).isFor("aarch64"), true],
  ["position independent", () => elf(bash).isPositionIndependent(), true],
  ["busybox is not", () => elf("/bin/busybox").isPositionIndependent(), false],
  ["partial RELRO", () => elf(bash).hasRelro("partial"), true],
  ["a stack that is data", () => elf(bash).hasNoExecutableStack(), true],
  ["no run path", () => elf(bash).hasNoRunPath(), true],
  ["all libraries", () => elf(bash).hasAllLibraries(), true],
  ["a library is missing", () => elf(at("lacking")).hasAllLibraries(), false],
  ["libraries for another machine do not count", () => elf(at("foreign")).hasAllLibraries(), false],
  ["a script", () => elf(at("script")).isStatic(), false],
  ["an empty file", () => elf(at("empty")).isStatic(), false],
  ["a file that is cut off", () => elf(at("cut")).isStatic(), false],
  ["nothing there", () => elf(at("missing")).isStatic(), false],
  ["a directory", () => elf(root).isStatic(), false],
  ["an endless device", () => elf("/dev/zero").isStatic(), false],
])("%s", async (_, sentence, met) => {
  expect(await isMet(sentence())).toBe(met);
});

test("a part of the loader's configuration that may not be read is an error", async () => {
  mkdirSync(at("conf"));
  chmodSync(root, 0o755);
  const probe = {
    ...loaderDirectories,
    script: () => loaderDirectories.script([]).replaceAll("/etc/ld.so.conf.d", at("conf")),
  };
  writeFileSync(at("conf/a.conf"), "/opt/a # ours\n\ninclude /etc/other/*.conf\n/opt/b");
  const nobody = node.as("65534:65534");
  expect(await nobody.observe(probe, "loader")).toEqual(expect.arrayContaining(["/opt/a", "/opt/b"]));
  chmodSync(at("conf/a.conf"), 0o600);
  await expect(nobody.observe(probe, "loader")).rejects.toMatchObject({ code: "probe-denied" });
});

test("facts are those that readelf says, of many programs", async (context) => {
  if (spawnSync("readelf", ["--version"]).error !== undefined) return context.skip("readelf (binutils) is not here");
  for (const path of ["/bin/bash", "/bin/ls", "/usr/bin/env", "/bin/busybox", "/usr/bin/openssl"]) {
    const said = execFileSync("readelf", ["-Wld", path], { encoding: "utf8" });
    const bytes = readFileSync(path);
    const facts = await readElf(bytes.subarray(0, 4096), async (from, length) => bytes.subarray(from, from + length));
    if ("flaw" in facts) throw new Error(facts.flaw);
    expect(facts.needed).toEqual([...said.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map((match) => match[1]));
    expect(facts.interpreter).toBe(/interpreter: (.+)\]/.exec(said)?.[1]);
    expect(facts.relro).toBe(
      !said.includes("GNU_RELRO") ? "none" : /BIND_NOW|Flags: .*NOW/.test(said) ? "full" : "partial",
    );
  }
});

test("what is missing is named, with who asks for it", async () => {
  const check = elf(at("lacking")).hasAllLibraries();
  expect(check.judge(await check.observe(node))).toMatchObject({ seen: `libnone!.so.6 of ${at("lacking")}` });
});

test("libraries beside a program are looked for from where it lies, not from a link to it", async () => {
  for (const name of ["own", "own/bin", "own/lib", "links"]) mkdirSync(at(name));
  writeFileSync(at("own/bin/program"), elfWith({ needed: "libown.so.1", runPath: "$ORIGIN/../lib" }));
  writeFileSync(at("own/lib/libown.so.1"), elfWith({}));
  symlinkSync("../own/bin/program", at("links/program"));
  for (const name of ["own/bin/program", "links/program"])
    expect.soft(await isMet(elf(at(name)).hasAllLibraries())).toBe(true);
});

test("program headers of another size than theirs are not asked for", async () => {
  const head = Buffer.from(elfWith({}));
  head.writeUInt16LE(0xffff, 54);
  head.writeUInt16LE(4096, 56);
  const read = () => Promise.reject(new Error("it was asked for 256 MiB"));
  expect(await readElf(head, read)).toMatchObject({ flaw: expect.stringContaining("program headers") });
});

test("any bytes after the magic are judged, and soon", async () => {
  const bytes = readFileSync(bash).subarray(0, 8192);
  const part = async (from: number, length: number) => bytes.subarray(from, Math.min(from + length, bytes.length));
  for (let seed = 1; seed < 400; seed += 1) {
    const broken = Buffer.from(bytes.subarray(0, 4096));
    for (let index = 0; index < 8; index += 1)
      broken[4 + ((seed * 7919 + index * 104729) % 700)] = (seed * 31 + index * 17) & 255;
    const seen = await readElf(broken, part).catch((error: unknown) => error);
    expect(seen instanceof RangeError || typeof seen === "object").toBe(true);
  }
});

describe("parts of files", () => {
  probeContract(hostNode, {
    probe: fileSlice,
    subject: { path: "/etc/passwd", at: 0, length: 10 },
    tools: ["head"],
    anyBytes: true,
  });
  test("are the bytes from there on, as many as there are", async () => {
    writeFileSync(at("part"), "0123456789");
    const parts = await Promise.all(
      [
        [0, 3],
        [8, 5],
        [20, 1],
      ].map(([from = 0, length = 0]) => node.observe(fileSlice, { path: at("part"), at: from, length })),
    );
    expect(parts.map(String)).toEqual(["012", "89", ""]);
  });
});

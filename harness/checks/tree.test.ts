// Decides what is said of trees and of archives, both ways, and that hostile archives are judged within bounds.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { archive } from "./archive.ts";
import { listArchive } from "./archive-list.ts";
import { tree } from "./tree.ts";

const node = hostNode();
let root: string;
const at = (name: string) => join(root, name);

// Recorded: Info-ZIP 3.0, `zip -X -y -r`, of the tree below and of a link that leads out; the last by Python 3.11, which deflates links.
const zips = {
  "a.zip":
    "UEsDBAoAAAAAAAmFdV1YBdN7BAAAAAQAAAAIAAAAc3ViL2xpbmsuLi9hUEsDBAoAAAAAAAmFdV3Hp4s7BAAAAAQAAAABAAAAYXRleHRQSwMECgAAAAAACYV1XQAAAAAAAAAAAAAAAAwAAABzdWIvbmV3CmxpbmVQSwECHgMKAAAAAAAJhXVdWAXTewQAAAAEAAAACAAAAAAAAAAAAAAA/6EAAAAAc3ViL2xpbmtQSwECHgMKAAAAAAAJhXVdx6eLOwQAAAAEAAAAAQAAAAAAAAABAAAApIEqAAAAYVBLAQIeAwoAAAAAAAmFdV0AAAAAAAAAAAAAAAAMAAAAAAAAAAAAAACkgU0AAABzdWIvbmV3CmxpbmVQSwUGAAAAAAMAAwCfAAAAdwAAAAAA",
  "out.zip":
    "UEsDBAoAAAAAAA6FdV19yAoYEAAAABAAAAAHAAAAc3ViL291dC4uLy4uL2V0Yy9jcm9uLmRQSwECHgMKAAAAAAAOhXVdfcgKGBAAAAAQAAAABwAAAAAAAAAAAAAA/6EAAAAAc3ViL291dFBLBQYAAAAAAQABADUAAAA1AAAAAAA=",
  "deflated.zip":
    "UEsDBBQAAAAIAAAAdV083C8bEQAAACIAAAAHAAAAc3ViL291dNPT09fDhlJLkvWTi/Lz9FIAUEsBAhQDFAAAAAgAAAB1XTzcLxsRAAAAIgAAAAcAAAAAAAAAAAAAAP+hAAAAAHN1Yi9vdXRQSwUGAAAAAAEAAQA1AAAANgAAAAAA",
};

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-tree-"));
  for (const name of ["one", "two"]) {
    mkdirSync(at(name));
    mkdirSync(at(`${name}/sub`));
    writeFileSync(at(`${name}/a`), "text");
    writeFileSync(at(`${name}/sub/new\nline`), "");
    symlinkSync("../a", at(`${name}/sub/link`));
    for (const path of [name, `${name}/sub`]) chmodSync(at(path), 0o755);
    for (const path of [`${name}/a`, `${name}/sub/new\nline`]) chmodSync(at(path), 0o644);
  }
  const pack = (...words: string[]) =>
    execFileSync(words[0] as string, words.slice(1), { cwd: at("one"), stdio: "ignore" });
  pack("tar", "-cf", "../a.tar", ".");
  pack("tar", "-czf", "../a.tgz", ".");
  writeFileSync(at("a.zst"), zstdCompressSync(readFileSync(at("a.tar"))));
  writeFileSync(at("a.xz"), Buffer.concat([Buffer.from("fd377a585a000004", "hex"), Buffer.alloc(600)]));
  for (const [name, recorded] of Object.entries(zips)) writeFileSync(at(name), Buffer.from(recorded, "base64"));
  pack("tar", "-Pcf", "../out.tar", "--transform", "s,^a$,../../etc/cron.d/x,", "a");
  pack("tar", "-Pcf", "../link.tar", "--transform", "s,^sub/link$,link,;s,^../a$,../../etc,", "sub/link");
  writeFileSync(at("cut.tgz"), readFileSync(at("a.tgz")).subarray(0, 60));
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

const judged = async (check: Check) => check.judge(await check.observe(node));
const digestOf = async (path: string) => (await tree(path).hasSha256("0".repeat(64)).observe(node)) as string;

describe("a tree", () => {
  test("has a digest of names, types and contents, wherever it lies and whoever owns it", async () => {
    const digest = await digestOf(at("one"));
    expect(await digestOf(at("two"))).toBe(digest);
    expect(await judged(tree(at("one")).hasSha256(digest))).toMatchObject({ met: true });
    writeFileSync(at("two/a"), "test");
    expect(await digestOf(at("two"))).not.toBe(digest);
    writeFileSync(at("two/a"), "text");
    expect(await digestOf(at("two"))).toBe(digest);
    writeFileSync(at("two/extra"), "");
    expect(await judged(tree(at("two")).hasSha256(digest))).toMatchObject({ met: false });
  });
  test.each<[string, () => Check, boolean]>([
    ["owner", () => tree(at("one")).belongsTo(0), true],
    ["owner and group by name", () => tree(at("one")).belongsTo("root", "root"), true],
    ["another group", () => tree(at("one")).belongsTo("root", 1), false],
    ["modes", () => tree(at("one")).hasModes({ files: 0o644, directories: 0o755 }), true],
    ["other modes of files", () => tree(at("one")).hasModes({ files: 0o600, directories: 0o755 }), false],
    ["other modes of directories", () => tree(at("one")).hasModes({ files: 0o644, directories: 0o700 }), false],
    ["entries", () => tree(at("one")).hasExactly("a", "sub", "sub/link", "sub/new\nline"), true],
    ["other entries", () => tree(at("one")).hasExactly("a", "b"), false],
  ])("%s", async (_, sentence, met) => {
    expect(await judged(sentence())).toMatchObject({ met });
  });
  test("one that is not there is an error", async () => {
    await expect(tree(at("missing")).belongsTo(0).observe(node)).rejects.toMatchObject({ code: "probe-failed" });
  });
});

describe.each(["a.tar", "a.tgz", "a.zst", "a.zip"])("%s", (name) => {
  test.each<[string, (of: ReturnType<typeof archive>) => Check, boolean]>([
    ["has", (of) => of.has("a", "./sub/link"), true],
    [
      "has exactly",
      (of) => of.hasExactly("a", ...(name === "a.zip" ? [] : ["sub"]), "sub/link", "sub/new\nline"),
      true,
    ],
    ["has not", (of) => of.has("a", "b"), false],
    ["lacks", (of) => of.lacks("b"), true],
    ["lacks not", (of) => of.lacks("a"), false],
    ["stays inside", (of) => of.staysInside(), true],
  ])("%s", async (_, say, met) => {
    expect(await judged(say(archive(at(name))))).toMatchObject({ met });
  });
});

test.each([
  ["out.tar", /cron\.d/],
  ["out.zip", /sub\/out -> \.\.\/\.\.\/etc\/cron\.d/],
  ["deflated.zip", /sub\/out -> (\.\.\/){8}etc\/cron\.d/],
  ["cut.tgz", /cannot be read/],
  ["a.xz", /xz/],
  ["one/a", /no tar/],
  ["missing", /does not exist/],
])("%s is not met, and it is said why", async (name, why) => {
  expect(await judged(archive(at(name)).staysInside())).toMatchObject({ met: false, seen: expect.stringMatching(why) });
});

test("a link that leads out is told", async () => {
  const sentence = archive("/a").staysInside();
  const of = (name: string, target: string, hard = false) => sentence.judge({ entries: [{ name, target, hard }] });
  expect([of("a", "/etc"), of("a", "../b"), of("d/a", "../../b"), of("d/a", "../b", true)]).toMatchObject(
    Array(4).fill({ met: false }),
  );
  expect([of("d/a", "../b"), of("a", "b"), of("d/a", "d/b", true)]).toMatchObject(Array(3).fill({ met: true }));
});

test("links in an archive are followed by those who unpack it: what leads out through one is told", async () => {
  const link = (name: string, target: string) => ({ name, target, hard: false });
  const entry = (name: string) => ({ name, target: undefined, hard: false });
  const out = (...entries: readonly ReturnType<typeof link | typeof entry>[]) =>
    archive("/a").staysInside().judge({ entries });
  // d/l is the top: from there, `..` is outside, though the words alone count to d.
  expect(out(link("d/l", ".."), link("s", "d/l/.."))).toMatchObject({ met: false, seen: '"s -> d/l/.."' });
  expect(out(link("d/l", ".."), entry("d/l/../x"))).toMatchObject({ met: false });
  expect(out(link("d/l", "e/f"), link("d/l/up", "../../../../x"))).toMatchObject({ met: false });
  expect(out(link("d/l", ".."), link("s", "d/l/d"), entry("d/l/x"))).toMatchObject({ met: true });
  expect(out(link("a", "b"), link("b", "a"), entry("a/x"))).toMatchObject({ met: true });
});

test("what two readers of an archive would read apart is not believed", () => {
  const header = (name: string, size: number, type: string, more: (bytes: Buffer) => void = () => undefined) => {
    const bytes = Buffer.alloc(512);
    bytes.write(name, "latin1");
    bytes.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
    bytes.write(`${type}`, 156, "latin1");
    bytes.write("ustar\x0000", 257, "latin1");
    more(bytes);
    return bytes;
  };
  const pax = (type: string, record: string) => {
    const contents = Buffer.alloc(512);
    contents.write(`${record.length + 3} ${record}`, "latin1");
    return Buffer.concat([header("pax", record.length + 3, type), contents]);
  };
  const list = (...parts: readonly Buffer[]) => listArchive(Buffer.concat([...parts, Buffer.alloc(1024)]));
  const hidden = header("../hidden", 0, "0");
  // The size that counts is the extended header's.
  expect(list(pax("x", "size=0\n"), header("a", 512, "0"), hidden)).toMatchObject({
    entries: [{ name: "a" }, { name: "../hidden" }],
  });
  // A name may stand in the extended header alone; the end is a block of nothing.
  expect(list(pax("x", "path=../b\n"), header("", 0, "0"))).toMatchObject({ entries: [{ name: "../b" }] });
  expect(list(pax("g", "path=../all\n"), header("a", 0, "0"))).toHaveProperty("flaw");
  expect(list(pax("g", "comment=x\n"), header("a", 0, "0"))).toMatchObject({ entries: [{ name: "a" }] });
  for (const type of ["1", "2"]) expect(list(header("a", 512, type), hidden)).toHaveProperty("flaw");
  expect(
    list(
      header("a", 512, "S", (bytes) => bytes.writeUInt8(1, 482)),
      hidden,
    ),
  ).toHaveProperty("flaw");
});

test("an archive that grows beyond measure is not unpacked", () => {
  const bomb = Buffer.concat(Array(20).fill(gzipSync(Buffer.alloc(64 * 1024 * 1024))));
  expect(listArchive(bomb)).toMatchObject({ flaw: expect.stringMatching(/larger than/) });
  expect(listArchive(gzipSync(Buffer.alloc(512, 1)))).toHaveProperty("flaw");
});

test("a zip whose link lies about its place or its size is not met, whatever it says", () => {
  const whole = Buffer.from(zips["out.zip"], "base64");
  const directory = whole.readUInt32LE(whole.length - 6);
  for (const [offset, value] of [
    [20, 0x7fffffff],
    [42, 0x7fffffff],
    [10, 12],
  ] as const) {
    const lying = Buffer.from(whole);
    if (offset === 10) lying.writeUInt16LE(value, directory + offset);
    else lying.writeUInt32LE(value, directory + offset);
    const seen = listArchive(lying);
    expect("flaw" in seen || seen.entries.some(({ target }) => target?.startsWith("../../"))).toBe(true);
  }
});

test("sizes that lie and names that are long", () => {
  const whole = readFileSync(at("a.tar"));
  const lying = Buffer.from(whole);
  lying.write("77777777777\0", 124, "latin1");
  expect(listArchive(lying)).toMatchObject({ flaw: expect.stringMatching(/damaged/) });
  const long = "d/".repeat(120) + "x".repeat(250);
  for (const format of ["gnu", "pax"]) {
    const packed = execFileSync("tar", ["-cf", "-", `--format=${format}`, "--transform", `s,^a$,${long},`, "a"], {
      cwd: at("one"),
    });
    expect(listArchive(packed)).toMatchObject({ entries: [{ name: long }] });
  }
});

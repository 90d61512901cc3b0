// Decides that digests are those of the bytes, in coreutils and in busybox, and that files are seen alike by both.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Probe } from "../model/check.ts";
import { probeContract } from "./contract.ts";
import { file } from "./file.ts";
import { fileContents, fileSha256 } from "./file-bytes.ts";
import { type DigestKind, fileDigest } from "./file-digest.ts";
import { fileStat } from "./file-stat.ts";

const node = hostNode();
let root: string;
const at = (name: string) => join(root, name);
const names = [
  "plain",
  "new\nline 'quoted'",
  "empty",
  "link",
  "dangling",
  "pipe",
  "missing",
  "plain/below",
  "d",
  "x".repeat(255),
  "to\nodd",
];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "assay-digest-"));
  writeFileSync(at("plain"), "some text\n", { mode: 0o640 });
  writeFileSync(at("new\nline 'quoted'"), Buffer.from([0, 255, 10]));
  writeFileSync(at("empty"), "");
  writeFileSync(at("x".repeat(255)), "long");
  symlinkSync("plain", at("link"));
  symlinkSync("no\nwhere", at("dangling"));
  symlinkSync("new\nline 'quoted'", at("to\nodd"));
  mkdirSync(at("d"));
  mkdirSync(at(".tools"));
  await node.succeed(["mkfifo", at("pipe")]);
  for (const tool of ["stat", "readlink", "sha256sum", "head", "md5sum", "sha1sum", "sha512sum"])
    symlinkSync((await node.succeed(["sh", "-c", "command -v busybox"])).trim(), at(`.tools/${tool}`));
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

/** The same probe on a node whose tools are busybox's. */
function onBusybox<Answer>(probe: Probe<string, Answer>): Probe<string, Answer> {
  return { ...probe, script: (paths) => `PATH=${root}/.tools\n${probe.script(paths)}` };
}

test.each<[string, Probe<string, unknown>]>([
  ["stat", fileStat],
  ["contents", fileContents],
  ["sha256", fileSha256],
  ...Object.entries(fileDigest),
])("%s: busybox says what coreutils say", async (_, probe) => {
  const [theirs, ours] = await Promise.all(
    [probe, onBusybox(probe)].map((each) => Promise.all(names.map((name) => node.observe(each, at(name))))),
  );
  expect(ours).toEqual(theirs);
  expect(ours?.filter((answer) => answer !== undefined).length).toBeGreaterThan(5);
});

describe.each(Object.keys(fileDigest) as DigestKind[])("%s", (kind) => {
  test("is that of the bytes", async () => {
    const sum = createHash(kind).update("some text\n").digest("hex");
    expect(await node.observe(fileDigest[kind], at("plain"))).toBe(sum);
    const say = { md5: "hasMd5", sha1: "hasSha1", sha512: "hasSha512" } as const;
    const check = file(at("link"))[say[kind]](sum.toUpperCase());
    expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
    expect(check.judge("0")).toMatchObject({ met: false });
    expect(check.judge({ nothing: "absent" })).toMatchObject({ met: false, seen: "it does not exist" });
    expect(() => file("/a")[say[kind]]("abc")).toThrow(/file-digest\.test\.ts:\d+/);
  });
  probeContract(hostNode, { probe: fileDigest[kind], subject: "/etc/passwd", tools: [`${kind}sum`] });
});

describe("several patterns at once", () => {
  const contents = (text: string) => ({ bytes: Buffer.from(text), whole: true });
  test("contains all of them, or says which is missing", () => {
    const check = file("/a").contains("one", /^two$/m);
    expect(check.title).toBe('file /a contains "one" and /^two$/m');
    expect(check.judge(contents("one\ntwo\n"))).toMatchObject({ met: true });
    expect(check.judge(contents("one\n"))).toMatchObject({ met: false, seen: 'without /^two$/m: "one\\n"' });
  });
  test("lacks each of them, but not by being absent", () => {
    const check = file("/a").lacks("password", /secret/i);
    expect(check.judge(contents("nothing here"))).toMatchObject({ met: true });
    expect(check.judge(contents("a Secret"))).toMatchObject({ met: false, seen: "it has /secret/i" });
    expect(check.judge({ nothing: "absent" })).toMatchObject({ met: false, seen: "it does not exist" });
  });
  test("what is not read whole is not said to lack anything", async () => {
    const path = await node.succeed(["mktemp"]);
    await node.succeed(["truncate", "-s", "17M", path]);
    await expect(file(path).lacks("needle").observe(node)).rejects.toMatchObject({ code: "probe-failed" });
    await node.succeed(["rm", path]);
  });
});

// Decides that any file name survives stat, and that absence and denial are told apart.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { fileStat, lookThrough } from "./file-stat.ts";

// Recorded in a Debian 12 container (coreutils 9.1).
const recorded = {
  status: 1,
  stdout: Buffer.from(
    "/t/a -> b\0/t/a -> b\x0081a4\x000\x000\0root\0root\x000\0/t/new\nline\0/t/new\nline\x0081a4\x000\x000\0root\0root\x001\0/t/link -> x\0/t/link -> x -> ../etc/a -> c\0a1ff\x000\x000\0root\0root\x0013\0/t/pipe\0/t/pipe\x001180\x000\x000\0root\0root\x000\0/t/-dash\0/t/-dash\x0089ed\x001000\x001000\0UNKNOWN\0UNKNOWN\x000\0/t/d\0/t/d\x0043ff\x000\x000\0root\0root\x004096\0/dev/null\0/dev/null\x0021b6\x000\x000\0root\0root\x000\0",
  ),
  stderr:
    "stat: cannot statx '/t/missing': No such file or directory\nstat: cannot statx '/t/gone'$'\\n''away': No such file or directory\nstat: cannot statx '/etc/passwd/x': Not a directory\n",
};
const subjects = [
  "/t/a -> b",
  "/t/missing",
  "/t/new\nline",
  "/t/link -> x",
  "/t/gone\naway",
  "/t/pipe",
  "/t/-dash",
  "/t/d",
  "/dev/null",
  "/etc/passwd/x",
];

describe("what stat printed is read", () => {
  const answers = fileStat.parse(recorded, subjects);
  const of = (path: string) => answers[subjects.indexOf(path)];

  test("types, modes, owners and sizes are each file's own", () => {
    expect(of("/t/a -> b")).toMatchObject({ type: "file", mode: 0o644, uid: 0, user: "root", target: undefined });
    expect(of("/t/new\nline")).toMatchObject({ type: "file", size: 1 });
    expect(of("/t/pipe")).toMatchObject({ type: "fifo", mode: 0o600 });
    expect(of("/t/-dash")).toMatchObject({ mode: 0o4755, uid: 1000, gid: 1000, user: undefined, group: undefined });
    expect(of("/t/d")).toMatchObject({ type: "directory", mode: 0o1777 });
    expect(of("/dev/null")).toMatchObject({ type: "character device" });
  });

  test("a link's target is taken whole, arrows in either name or not", () => {
    expect(of("/t/link -> x")).toMatchObject({ type: "symbolic link", target: "../etc/a -> c", size: 13 });
  });

  test("what does not exist is undefined, also below a file and with a line break in its name", () => {
    expect([of("/t/missing"), of("/t/gone\naway"), of("/etc/passwd/x")]).toEqual([undefined, undefined, undefined]);
  });

  test("a path that may not be seen is an error for that path alone", () => {
    const stderr = recorded.stderr.replace("missing': No such file or directory", "missing': Permission denied");
    const mixed = fileStat.parse({ ...recorded, stderr }, subjects);
    expect(mixed[1]).toBeInstanceOf(ObservationError);
    expect(mixed[1]).toMatchObject({ code: "probe-denied", seen: expect.stringContaining("/t/missing") });
    expect(mixed.filter((each) => each instanceof Error)).toHaveLength(1);
  });

  test("complaints that do not add up are not guessed at", () => {
    expect(() => fileStat.parse({ ...recorded, stderr: "" }, subjects)).toThrow(/cannot be read/);
    expect(() => fileStat.parse({ ...recorded, stdout: recorded.stdout.subarray(0, -5) }, subjects)).toThrow(
      ObservationError,
    );
  });

  test("a stat without GNU options is told as a missing tool", () => {
    const stderr = "stat: unrecognized option: printf\nBusyBox v1.36.1 multi-call binary.\n";
    expect(() => fileStat.parse({ status: 1, stdout: Buffer.alloc(0), stderr }, ["/a"])).toThrow(/GNU stat/);
  });
});

test("a hundred files are one stat, ten thousand a few", () => {
  const calls = (count: number) =>
    fileStat.script(Array.from({ length: count }, (_, index) => `/etc/file-number-${index}`)).match(/^look '/gm);
  expect(calls(100)).toHaveLength(1);
  expect(calls(10_000)).toHaveLength(3);
});

probeContract(hostNode, { probe: fileStat, subject: "/etc/passwd", tools: ["stat"] });

describe("on this machine", () => {
  const node = hostNode();
  let directory = "";
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "assay-stat-"));
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true });
    await node.close();
  });

  test("names that a shell would stumble over are just names", async () => {
    const names = ["'", '"', "$HOME", "-n", "a b", "\\", "*", "é✓", "\u0001", "a\nb", " -> ", "%n", "`id`"];
    for (const [index, name] of names.entries()) writeFileSync(join(directory, name), "x".repeat(index));
    const seen = await Promise.all(names.map((name) => node.observe(fileStat, join(directory, name))));
    expect(seen.map((each) => each?.size)).toEqual(names.map((_, index) => index));
  });

  test("a link leads to what it names, whatever that is called; one that leads to itself ends", async () => {
    writeFileSync(join(directory, "image#1 100%41"), "four");
    symlinkSync("image#1 100%41", join(directory, "middle?"));
    symlinkSync(join(directory, "middle?"), join(directory, "link"));
    symlinkSync("circle", join(directory, "circle"));
    const look = (name: string) => lookThrough(node, join(directory, name));
    expect(await look("link")).toMatchObject({ path: join(directory, "image#1 100%41"), stat: { size: 4 } });
    expect(await look("circle")).toMatchObject({ stat: { type: "symbolic link" } });
    expect(await look("nothing")).toEqual({ path: join(directory, "nothing"), stat: undefined });
  });

  test("more files than one command line holds, every second of them missing, are told apart", async () => {
    const paths = Array.from({ length: 1000 }, (_, index) => join(directory, `${"long".repeat(50)}-${index}`));
    for (const [index, path] of paths.entries()) if (index % 2 === 0) writeFileSync(path, "");
    const seen = await Promise.all(paths.map((path) => node.observe(fileStat, path)));
    expect(fileStat.script(paths).match(/^look '/gm)?.length).toBeGreaterThan(1);
    expect(seen.map((each) => each?.type)).toEqual(paths.map((_, index) => (index % 2 === 0 ? "file" : undefined)));
  });
});

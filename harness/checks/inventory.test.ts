// Decides that an inventory is whole or an error, and that what differs is told path by path.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Probe } from "../model/check.ts";
import { DeclarationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { inventory } from "./inventory.ts";
import { type FoundFiles, filesFound, type InventoryKind, type InventoryQuery } from "./inventory-find.ts";

/** Not on each machine, and not for each user. */
const setcap = spawnSync("setcap", ["-h"]).error === undefined;
const noSetcap = "setcap (libcap2-bin) is not here";

const node = hostNode();
let root: string;
const hostile = `new\nline ${"x".repeat(240)}`;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-inventory-"));
  chmodSync(root, 0o755);
  const put = (name: string, mode: number) => {
    writeFileSync(join(root, name), "");
    chmodSync(join(root, name), mode);
  };
  put("plain", 0o644);
  put("su", 0o4755);
  put("wall", 0o2755);
  put("open", 0o666);
  put(hostile, 0o4755);
  put("lost", 0o600);
  chownSync(join(root, "lost"), 54321, 54322);
  for (const [name, mode] of [
    ["shared", 0o1777],
    ["unsafe", 0o777],
    ["group", 0o2755],
    ["shut", 0o700],
  ] as const) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), mode);
  }
  symlinkSync("plain", join(root, "link"));
  for (const name of setcap ? expected.capable : []) {
    put(name, 0o755);
    execFileSync("setcap", ["cap_net_raw+ep", join(root, name)]);
  }
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  await node.close();
});

const expected: Readonly<Record<InventoryKind, readonly string[]>> = {
  setuid: [hostile, "su"],
  setgid: ["wall"],
  "world-writable": ["open", "unsafe"],
  orphaned: ["lost"],
  capable: ["able\nline", "plainly able"],
};

/** The same probe, its find being busybox's. */
const busybox: Probe<InventoryQuery, FoundFiles> = {
  ...filesFound,
  script: (queries) => `find() { busybox find "$@"; }\n${filesFound.script(queries)}`,
};

describe.each(Object.entries(expected) as [InventoryKind, readonly string[]][])("%s", (kind, names) => {
  test.for([
    ["GNU find", filesFound],
    ["busybox find", busybox],
  ] as const)("%s finds all, and no others", async ([, probe], context) => {
    if (kind === "capable" && !setcap) return context.skip(noSetcap);
    expect(await node.observe(probe, { kind, root })).toEqual(names.map((name) => join(root, name)).sort());
  });
});

test("lines of getcap, older and newer, are read; others are no answer", () => {
  const parse = (text: string) =>
    filesFound.parse(
      {
        status: 0,
        stderr: "",
        stdout: framed([
          ["/usr\0", "found"],
          [text, "done"],
        ]),
      },
      [{ kind: "capable", root: "/usr" }],
    )[0];
  // Recorded: libcap 2.66 (Debian 12); libcap 2.25 (as setcap(8) of Debian 10 has it), whose lines have " = ".
  expect(parse("getcap\n/usr/bin/a b cap_net_raw=ep\n/usr/bin/c cap_chown=i cap_net_raw=ep\n")).toEqual([
    "/usr/bin/a b",
    "/usr/bin/c",
  ]);
  expect(parse("getcap\n/usr/bin/ping = cap_net_raw+ep\n/usr/bin/all =ep\n")).toEqual([
    "/usr/bin/all",
    "/usr/bin/ping",
  ]);
  expect(parse("getcap\n")).toEqual([]);
  expect(parse("getcap\n/usr/a =ep\n\0/usr/b\nc\0")).toEqual(["/usr/a", "/usr/b\nc"]);
  expect(parse("missing\n")).toMatchObject({ code: "probe-missing", seen: expect.stringContaining("getcap") });
  for (const text of ["", "getcap\nnonsense\n", "getfattr\nnonsense\n", "getcap\n/etc/a cap_chown=ep\n"])
    expect.soft(parse(text), text).toMatchObject({ code: "probe-unreadable" });
});

test("files with capabilities, by getcap where getfattr is not; and where neither is", async (context) => {
  if (!setcap) return context.skip(noSetcap);
  const without = (...tools: readonly string[]) => ({
    ...filesFound,
    script: (queries: readonly InventoryQuery[]) =>
      `${tools.map((tool) => `${tool}() { return 127; }`).join("\n")}
command() { case " ${tools.join(" ")} " in *" $2 "*) return 1 ;; esac; type "$2"; }\n${filesFound.script(queries)}`,
  });
  mkdirSync(join(root, "able"));
  // The second line of the other is as getcap would write a third.
  const names = ["a b", "c\n", "d\nline cap_chown=ep"].map((name) => join(root, "able", name));
  for (const name of names) writeFileSync(name, "", { mode: 0o755 });
  for (const at of [0, 2]) execFileSync("setcap", ["cap_net_raw,cap_chown+ep", names[at] ?? ""]);
  const query = { kind: "capable", root: join(root, "able") } as const;
  for (const probe of [filesFound, without("getfattr")])
    expect(await node.observe(probe, query)).toEqual([names[0], names[2]]);
  await expect(node.observe(without("getfattr", "getcap"), query)).rejects.toMatchObject({ code: "probe-missing" });
  rmSync(join(root, "able"), { recursive: true });
});

test("a last line of passwd without an end has a user, where busybox's find has to be told of users", async () => {
  const [passwd, tree] = [join(root, "passwd"), join(root, "owned")];
  writeFileSync(passwd, "daemon:x:1:1::/:/bin/sh\nroot:x:0:0::/root:/bin/sh");
  mkdirSync(tree);
  const probe = {
    ...filesFound,
    script: (queries: readonly InventoryQuery[]) =>
      `find() { case "$*" in *-nouser*) return 1 ;; esac; command find "$@"; }\n${filesFound.script(queries).replaceAll("/etc/passwd", passwd)}`,
  };
  expect(await node.observe(probe, { kind: "orphaned", root: tree })).toEqual([]);
  rmSync(tree, { recursive: true });
  rmSync(passwd);
});

test("extra and missing are told", async () => {
  const su = join(root, "su");
  const check = inventory.setuid(root, { except: [/line/] }).equals([su]);
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  const other = inventory.setuid(root, { except: [/line/] }).equals([join(root, "ping")]);
  expect(other.judge(await other.observe(node))).toEqual({
    met: false,
    expected: join(root, "ping"),
    seen: `extra: ${su}\nmissing: ${join(root, "ping")}`,
  });
  const within = inventory.setuid(root).areWithin([su, join(root, "ping")]);
  expect(within.judge(await within.observe(node))).toMatchObject({
    met: false,
    seen: expect.stringContaining("new\\nline"),
  });
  const none = inventory.setgid(join(root, "shared")).areNone();
  expect(none.judge(await none.observe(node))).toMatchObject({ met: true });
});

test("a part that may not be entered makes no shorter list", async () => {
  await expect(node.as("65534:65534").observe(filesFound, { kind: "setuid", root })).rejects.toMatchObject({
    code: "probe-denied",
  });
});

test("a directory that is none is an error", async () => {
  for (const path of [join(root, "nothing"), join(root, "plain")])
    await expect(node.observe(filesFound, { kind: "setuid", root: path })).rejects.toMatchObject({
      code: "probe-failed",
    });
});

test("relative paths are refused where they are written", () => {
  expect(() => inventory.setuid("usr")).toThrow(DeclarationError);
  expect(() => inventory.setuid("/").equals(["su"])).toThrow(/inventory\.test\.ts:\d+/);
});

probeContract(hostNode, {
  probe: filesFound,
  subject: { kind: "setuid", root: "/usr/bin" } satisfies InventoryQuery,
  tools: ["find"],
});

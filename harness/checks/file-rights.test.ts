// Decides that capabilities, access control lists and attributes are read alike by either way, and every sentence about them, both ways.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check, Probe } from "../model/check.ts";
import { DeclarationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { file } from "./file.ts";
import { decodeAcl } from "./file-acl.ts";
import { type FileAttributes, fileAttributes, paxAttributes } from "./file-attributes.ts";
import { capabilitiesFromText, decodeCapabilities, sayCapabilities } from "./file-capabilities.ts";
import { framed } from "./frames.ts";

const hex = (text: string) => Buffer.from(text, "hex");
// Recorded on Debian 12 (attr 2.5.1), of files made with setcap, setfattr and setfacl.
const recorded = `# file: /t/a
security.capability=0x0100000200300000000000000000000000000000
system.posix_acl_access=0x0200000001000600ffffffff020005002100000004000400ffffffff10000500ffffffff20000400ffffffff
user.x=0x6865226c6c6f0a79

# file: /t/odd\\012name/f
user.k

`;

test("what getfattr printed is read: names with line breaks, files without, and what is missing", () => {
  const output = {
    stdout: Buffer.concat([Buffer.from("getfattr\0"), framed([[recorded, "1"]])]),
    stderr: "getfattr: /t/missing: No such file or directory\ngetfattr: /proc/x: Operation not supported\n",
    status: 0,
  };
  const [a, odd, none, missing, proc] = fileAttributes.parse(output, [
    "/t/a",
    "/t/odd\nname/f",
    "/t/none",
    "/t/missing",
    "/proc/x",
  ]);
  expect([...(a as FileAttributes).keys()]).toEqual(["security.capability", "system.posix_acl_access", "user.x"]);
  expect((a as FileAttributes).get("user.x")?.toString()).toBe('he"llo\ny');
  expect(odd).toEqual(new Map([["user.k", Buffer.alloc(0)]]));
  expect([none, missing, proc]).toEqual([new Map(), undefined, new Map()]);
});

test("what is said of no file that was asked for, and a tar that cannot see attributes, are no answer", () => {
  const odd = {
    stdout: Buffer.concat([Buffer.from("getfattr\0"), framed([["", "1"]])]),
    stderr: "getfattr: /t/line\\012break: No such file or directory\n",
    status: 0,
  };
  expect(() => fileAttributes.parse(odd, ["/t/line\nbreak", "/t/none"])).toThrow(/cannot be read/);
  const header = Buffer.alloc(1024);
  header.write("ustar", 257, "latin1");
  const packed = (stderr: string) => ({
    stdout: Buffer.concat([Buffer.from("tar\0"), header, framed([["", "seen"]])]),
    stderr,
    status: 0,
  });
  expect(fileAttributes.parse(packed(""), ["/t/a"])).toEqual([new Map()]);
  expect(() => fileAttributes.parse(packed("tar: XATTR support is not available\n"), ["/t/a"])).toThrow(/getfattr/);
  const warned = "tar: /t/a: Warning: Cannot llistxattrat: Permission denied\n";
  expect(() => fileAttributes.parse(packed(warned), ["/t/a"])).toThrow(/llistxattrat/);
});

test("capabilities are decoded, of each version of the format, and said as getcap does", () => {
  expect(sayCapabilities(decodeCapabilities(hex("0100000200300000000000000000000000000000")) ?? never())).toBe(
    "cap_net_admin,cap_net_raw=ep",
  );
  expect(sayCapabilities(decodeCapabilities(hex("000000010004000000000000")) ?? never())).toBe(
    "cap_net_bind_service=p",
  );
  expect(sayCapabilities(decodeCapabilities(hex("010000030020000000000000000000000000000000000100")) ?? never())).toBe(
    "cap_net_raw=ep",
  );
  expect(sayCapabilities(decodeCapabilities(hex("0100000200000000000000008000000000000000")) ?? never())).toBe(
    "cap_bpf=ep",
  );
  expect([hex(""), hex("01000002"), hex("0100000900300000000000000000000000000000")].map(decodeCapabilities)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("capabilities are written as older and newer getcap do", () => {
  expect(capabilitiesFromText("cap_net_raw+ep")).toEqual(capabilitiesFromText("cap_net_raw=ep"));
  expect(capabilitiesFromText("cap_net_raw,cap_chown=ep")).toEqual(capabilitiesFromText("cap_chown=ep cap_net_raw=ep"));
  for (const wrong of ["", "cap_net_raw", "net_raw=ep", "cap_nothing=ep", "cap_net_raw=x"])
    expect(() => file("/a").hasCapabilities(wrong)).toThrow(DeclarationError);
});

test("bytes that are no list are no list", () => {
  expect(
    [hex(""), hex("0100000001000600ffffffff"), hex("0200000001000600ffff"), hex("0200000003000600ffffffff")].map(
      decodeAcl,
    ),
  ).toEqual(Array(4).fill(undefined));
  for (const wrong of ["user::rwx", "user:a:7", "other::r--", "user:a", "mask:a:rwx"])
    expect(() => file("/a").hasAcl(wrong)).toThrow(/file-rights\.test\.ts:\d+/);
});

test("a header that lies about its length is no header", () => {
  const archive = Buffer.alloc(1024);
  archive.write("ustar", 257, "latin1");
  archive.write("x", 156, "latin1");
  archive.write("77777777777", 124, "latin1");
  expect(paxAttributes(archive)).toBeUndefined();
  archive.write("00000001000", 124, "latin1");
  archive.write("99999999999 SCHILY.xattr.a=b\n", 512, "latin1");
  expect(paxAttributes(archive)).toBeUndefined();
  expect(paxAttributes(Buffer.alloc(100))).toBeUndefined();
});

/** The same probe where getfattr is not there. */
const byTar: Probe<string, FileAttributes | undefined> = {
  ...fileAttributes,
  script: (paths) => `getfattr() { return 127; }\n${fileAttributes.script(paths)}`,
};

describe("on this machine", () => {
  const setcap = spawnSync("setcap", ["-h"]).error === undefined;
  const node = hostNode();
  let root: string;
  const at = (name: string) => join(root, name);
  const isMet = async (check: Check) => {
    const judgement = check.judge(await check.observe(node));
    return "met" in judgement && judgement.met;
  };
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "assay-rights-"));
    writeFileSync(at("a"), "x".repeat(3_000_000));
    writeFileSync(at("none"), "");
    writeFileSync(at("odd\nname"), "");
    mkdirSync(at("d"));
    await node.succeed(["mkfifo", at("pipe")]);
    if (setcap) await node.succeed(["setcap", "cap_net_raw,cap_net_admin+ep", at("a")]);
  });
  afterAll(async () => {
    rmSync(root, { recursive: true });
    await node.close();
  });

  test("capabilities, by tar and where it is there by getfattr", async (context) => {
    if (!setcap) return context.skip("setcap (libcap2-bin) is not here");
    const [a, none, pipe, missing] = await Promise.all(
      ["a", "none", "pipe", "missing"].map((name) => node.observe(byTar, at(name))),
    );
    expect(a?.get("security.capability")?.toString("hex")).toBe("0100000200300000000000000000000000000000");
    expect([none, pipe, missing]).toEqual([new Map(), new Map(), undefined]);
    expect(await node.observe(fileAttributes, at("a"))).toEqual(a);
    expect(await isMet(file(at("a")).hasCapabilities("cap_net_admin=ep cap_net_raw=ep"))).toBe(true);
    expect(await isMet(file(at("a")).hasCapabilities("cap_net_admin,cap_net_raw=p"))).toBe(false);
    expect(await isMet(file(at("a")).hasNoCapabilities())).toBe(false);
    expect(await isMet(file(at("none")).hasNoCapabilities())).toBe(true);
    expect(await isMet(file(at("missing")).hasNoCapabilities())).toBe(false);
    expect(await isMet(file(at("none")).hasAcl())).toBe(true);
    expect(await isMet(file(at("none")).hasAttribute("user.x"))).toBe(false);
  });

  test("attributes and lists that the judge sees", () => {
    const seen = new Map([["user.origin", Buffer.from("studio")]]);
    expect(file("/a").hasAttribute("user.origin", "studio").judge(seen)).toMatchObject({ met: true });
    expect(file("/a").hasAttribute("user.origin", "stud").judge(seen)).toMatchObject({ met: false, seen: '"studio"' });
    expect(file("/a").hasAttribute("user.other").judge(seen)).toMatchObject({ met: false, seen: "it has user.origin" });
    const acl = file("/a").hasAcl("user:backup:r-x");
    expect(acl.judge({ entries: ["user:34:r-x", "mask::r-x"], wanted: ["user:34:r-x"] })).toMatchObject({ met: true });
    expect(acl.judge({ entries: ["user:34:rwx"], wanted: ["user:34:r-x"] })).toMatchObject({
      met: false,
      seen: "user:34:rwx",
    });
    expect(acl.judge({ entries: undefined, wanted: [] })).toMatchObject({ met: false, seen: "it does not exist" });
  });

  test("bits of the mode", () => {
    const seen = {
      type: "file",
      mode: 0o4750,
      uid: 0,
      gid: 0,
      user: "root",
      group: "root",
      size: 5,
      target: undefined,
    } as const;
    const a = file("/a");
    for (const check of [
      a.isSetuid(),
      a.isExecutableBy("group"),
      a.isReadableBy("any"),
      a.isWritableBy("owner"),
      a.hasSizeAtLeast(5),
      a.hasSizeAtMost(5),
    ])
      expect.soft(check.judge(seen), check.title).toMatchObject({ met: true });
    for (const check of [
      a.isSetgid(),
      a.isSticky(),
      a.isExecutableBy("others"),
      a.isWritableBy("group"),
      a.hasSizeAtLeast(6),
      a.hasSizeAtMost(4),
    ]) {
      expect.soft(check.judge(seen), check.title).toMatchObject({ met: false });
      expect.soft(check.judge(undefined), check.title).toMatchObject({ met: false, seen: "it does not exist" });
    }
  });
});

function never(): never {
  throw new Error("it was not decoded");
}

probeContract(hostNode, { probe: byTar, subject: "/etc/passwd", tools: ["tar", "head"] });

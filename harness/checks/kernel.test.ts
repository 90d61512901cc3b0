// Decides every sentence about the kernel and its parameters, both ways.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ImageNode } from "../drivers/still-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { RootfsTree } from "../store/still-rootfs.ts";
import { probeContract } from "./contract.ts";
import { hasWord, isAtLeast, kernel, machineName, sysctl, sysctlPath } from "./kernel.ts";

const release = "6.1.0-56-cloud-amd64";
const commandLine = 'root=UUID=11111111-2222-3333-4444-555555555555 ro console=ttyS0 quiet dyndbg="file a.c +p"';

describe("version", () => {
  test("judges", () => {
    expect(kernel().hasVersion("6.1").judge(release)).toMatchObject({ met: true, seen: release });
    expect(kernel().hasVersion("6.1").judge("6.10.1")).toMatchObject({ met: false });
    expect(
      kernel()
        .hasVersion(/-cloud-/)
        .judge(release),
    ).toMatchObject({ met: true });
    expect(kernel().isAtLeast("6.1").judge(release)).toMatchObject({ met: true });
    expect(kernel().isAtLeast("6.2").judge(release)).toMatchObject({ met: false, expected: "6.2 or newer" });
    expect(() => kernel().isAtLeast("six")).toThrow(DeclarationError);
  });

  test.each([
    ["6.10.3-amd64", "6.9", true],
    ["6.9", "6.10", false],
    ["6.1.0", "6.1", true],
    ["6.1", "6.1.0", true],
    ["6.1", "6.1.1", false],
    ["7", "6.9.9", true],
    ["next", "1", false],
  ])("%s is at least %s: %s", (version, wanted, met) => {
    expect(isAtLeast(version, wanted)).toBe(met);
  });
});

test("an argument is a whole word of the command line, quotes apart, or a pattern in one", () => {
  expect(hasWord("quiet", commandLine)).toBe(true);
  expect(hasWord("console", commandLine)).toBe(false);
  expect(hasWord("dyndbg=file a.c +p", commandLine)).toBe(true);
  expect(hasWord(/^root=UUID=/, commandLine)).toBe(true);
  expect(hasWord(/^UUID/, commandLine)).toBe(false);
  expect(kernel().hasArgument("ro").judge(commandLine)).toMatchObject({ met: true });
  expect(kernel().hasArgument("rw").judge(commandLine)).toMatchObject({ met: false, seen: commandLine });
});

test("taint is told in words", () => {
  const check = kernel().isNotTainted();
  expect(check.judge("0")).toMatchObject({ met: true, seen: "not tainted" });
  expect(check.judge("4097")).toMatchObject({ met: false, seen: "4097: proprietary module, out-of-tree module" });
  expect(check.judge("512")).toMatchObject({ met: false, seen: "512: warning issued" });
  expect(check.judge("8589934592")).toMatchObject({ met: false, seen: "8589934592: flags without a name" });
});

test.each([
  ["net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"],
  ["net/ipv4/conf/eth0.1/forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"],
  ["net.ipv4.conf.eth0/1.forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"],
])("%s lies at %s", (name, path) => {
  expect(sysctlPath(name)).toBe(path);
});

test("parameters: exactly, at least, none", () => {
  const forward = sysctl("net.ipv4.ip_forward");
  expect(forward.is("1").judge("1")).toMatchObject({ met: true });
  expect(forward.is(1).judge("0")).toMatchObject({ met: false, expected: "1", seen: "0" });
  expect(forward.is("1").judge(undefined)).toMatchObject({ met: false, seen: "the kernel has no such parameter" });
  expect(sysctl("fs.file-max").isAtLeast(1024).judge("65536")).toMatchObject({ met: true });
  expect(sysctl("fs.file-max").isAtLeast(1024).judge("1023")).toMatchObject({ met: false });
  expect(sysctl("fs.file-max").isAtLeast(0).judge("")).toMatchObject({ met: false });
  expect(sysctl("fs.file-max").isAtLeast(0).judge(undefined)).toMatchObject({ met: false });
});

test.each(["ip_forward", "net..x", "/etc/passwd", "net.a b", ""])("%j is refused as a parameter", (name) => {
  expect(() => sysctl(name)).toThrow(DeclarationError);
});

test("this machine's kernel and parameters are seen; what cannot be read is no answer", async () => {
  const node = hostNode();
  const [version, type, rmem, none] = await Promise.all([
    kernel().hasVersion(/^\d/).observe(node),
    sysctl("kernel.ostype").is("Linux").observe(node),
    sysctl("net.ipv4.tcp_rmem").is("").observe(node),
    sysctl("net.ipv4.no_such_thing").is(0).observe(node),
  ]);
  expect(version).toMatch(/^\d+\.\d+/);
  expect(type).toBe("Linux");
  expect(rmem).toMatch(/^\d+ \d+ \d+$/);
  expect(none).toBeUndefined();
  await expect(sysctl("net.ipv4").is(1).observe(node)).rejects.toThrow(ObservationError);
  await node.close();
});

test("an image at rest has no kernel: that it lacks a parameter is no answer", async () => {
  const root = mkdtempSync(join(tmpdir(), "assay-kernel-"));
  const carrier = hostNode();
  const contents = { tree: new RootfsTree(root), image: undefined, facts: {}, close: async () => undefined };
  const still = new ImageNode({ title: "still", name: "still", contents, carrier });
  await expect(sysctl("net.ipv4.ip_forward").is(1).observe(still)).rejects.toMatchObject({ code: "probe-failed" });
  await carrier.close();
  rmSync(root, { recursive: true });
});

describe("the architecture", () => {
  probeContract(hostNode, { probe: machineName, subject: "machine", tools: ["uname"] });

  test("its sentence", () => {
    const check = kernel().hasArchitecture("x86_64");
    expect(check).toMatchObject({ title: "kernel has architecture x86_64", command: "uname -m" });
    expect(check.judge("x86_64")).toMatchObject({ met: true });
    expect(check.judge("aarch64")).toEqual({ met: false, expected: "x86_64", seen: "aarch64" });
  });
});

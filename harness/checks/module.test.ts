// Decides how lists of kernel modules are read, and every sentence about a module.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type ModuleFacts, module, moduleFacts, requireAvailability, requireBuiltins } from "./module.ts";

const release = "6.1.0-56-cloud-amd64";
const tree = `/lib/modules/${release}`;
const output = (lines: readonly string[], lists = "builtin\0modules", status = 0) => ({
  stdout: Buffer.from(
    `${release}\0${lists}\0(standard input):assay looked\n${lines.map((line) => `${line}\n`).join("")}`,
  ),
  stderr: "",
  status,
});

/** What grep found on a Debian 12 machine with the cloud kernel. */
const found = [
  "/proc/modules:virtio_blk 32768 2 - Live 0xffffffffc0387000",
  "/proc/modules:kvm 1146880 1 kvm_amd, Live 0xffffffffc048c000",
  `${tree}/modules.builtin:kernel/fs/ext4/ext4.ko`,
  `${tree}/modules.dep:kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko`,
  `${tree}/modules.dep:kernel/fs/nfs/nfs.ko: kernel/net/sunrpc/sunrpc.ko kernel/fs/lockd/lockd.ko`,
];

describe("what grep found is read", () => {
  test("loaded, built in, there to be loaded, nowhere; - and _ are one", () => {
    expect(moduleFacts.parse(output(found), ["virtio-blk", "ext4", "nfs", "sunrpc", "kvm_amd", "vir"])).toEqual([
      { release, hasModules: true, loaded: true, builtIn: false, file: "kernel/drivers/block/virtio_blk.ko" },
      { release, hasModules: true, loaded: false, builtIn: true, file: undefined },
      { release, hasModules: true, loaded: false, builtIn: false, file: "kernel/fs/nfs/nfs.ko" },
      // What another module needs is no file of its own.
      { release, hasModules: true, loaded: false, builtIn: false, file: undefined },
      { release, hasModules: true, loaded: false, builtIn: false, file: undefined },
      { release, hasModules: true, loaded: false, builtIn: false, file: undefined },
    ]);
  });

  test("compressed modules are modules", () => {
    const line = `${tree}/modules.dep:kernel/fs/nfs/nfs.ko.zst: kernel/net/sunrpc/sunrpc.ko.zst`;
    expect(moduleFacts.parse(output([line]), ["nfs"])).toMatchObject([{ file: "kernel/fs/nfs/nfs.ko.zst" }]);
  });

  test("a node without modules of its kernel does not know what is built in", () => {
    expect(moduleFacts.parse(output([], "none\0none"), ["ext4"])).toEqual([
      { release, hasModules: false, loaded: false, builtIn: undefined, file: undefined },
    ]);
  });

  test("a grep that did not find what is surely there looked at nothing", () => {
    const silent = { ...output([]), stdout: Buffer.from(`${release}\0builtin\0modules\0`) };
    expect(() => moduleFacts.parse(silent, ["ext4"])).toThrow(ObservationError);
  });
});

probeContract(hostNode, { probe: moduleFacts, subject: "ext4", tools: ["uname", "grep"] });

test("judges", () => {
  const nowhere: ModuleFacts = { release, hasModules: true, loaded: false, builtIn: false, file: undefined };
  const loaded = { ...nowhere, loaded: true, file: "kernel/a.ko" };
  const builtIn = { ...nowhere, builtIn: true };
  const there = { ...nowhere, file: "kernel/a.ko" };
  expect(module("a").isLoaded().judge(loaded)).toMatchObject({ met: true, seen: "loaded" });
  expect(module("a").isLoaded().judge(builtIn)).toMatchObject({ met: false, seen: "built in" });
  expect(module("a").isLoaded().judge(there)).toMatchObject({ met: false, seen: "not loaded; there is kernel/a.ko" });
  expect(module("a").isBuiltIn().judge(builtIn)).toMatchObject({ met: true });
  expect(module("a").isBuiltIn().judge(loaded)).toMatchObject({ met: false });
  for (const seen of [loaded, builtIn, there])
    expect(module("a").isAvailable().judge(seen)).toMatchObject({ met: true });
  expect(module("a").isAvailable().judge(nowhere)).toMatchObject({ met: false, seen: `${release} has none` });
  expect(
    module("a")
      .isAvailable()
      .judge({ ...nowhere, hasModules: false }),
  ).toMatchObject({
    met: false,
    seen: `not loaded, and there is no ${tree}`,
  });
  expect(() => requireBuiltins("a", { ...nowhere, builtIn: undefined })).toThrow(/modules\.builtin/);
  // Loaded or there, it is available whether it is built in or not; else nobody knows.
  expect(requireAvailability("a", { ...loaded, builtIn: undefined })).toMatchObject({ loaded: true });
  expect(requireAvailability("a", nowhere)).toBe(nowhere);
  expect(() => requireAvailability("a", { ...nowhere, hasModules: false, builtIn: undefined })).toThrow(
    ObservationError,
  );
  expect(requireBuiltins("a", builtIn)).toBe(builtIn);
});

test.each(["", "ext4.ko", "kernel/fs/ext4", "a b"])("%j is refused as a module's name", (name) => {
  expect(() => module(name)).toThrow(DeclarationError);
});

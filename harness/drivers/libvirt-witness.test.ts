// Decides that libvirt is left alone only where it is certain that it has nothing of ours.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nothingOfOurs, type Witnesses } from "./libvirt-witness.ts";

let root: string;
let witnesses: Witnesses;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "assay-witness-"));
  witnesses = {
    domains: join(root, "qemu"),
    networks: join(root, "network"),
    sockets: [join(root, "libvirt-sock"), join(root, "virtqemud-sock")],
    interfaces: join(root, "net"),
    processes: join(root, "proc"),
  };
  for (const made of ["qemu", "network", "net", "proc"]) mkdirSync(join(root, made));
  // Other people's, and what libvirt leaves of a network of ours that is gone.
  for (const name of ["qemu/web.xml", "qemu/driver.pid", "network/default.xml", "network/assay-r1-s1-e-net_lan.pid"])
    put(name);
  put("net/virbr0");
  put("proc/1/cmdline", "/sbin/init\0");
});
afterEach(() => rmSync(root, { recursive: true }));

function put(name: string, text = ""): void {
  mkdirSync(join(root, name, ".."), { recursive: true });
  writeFileSync(join(root, name), text);
}
const system = () => nothingOfOurs("qemu:///system", witnesses);
const session = () => nothingOfOurs("qemu:///session", witnesses);

test("other people's machines and networks are no reason to ask", () => {
  expect([system(), session()]).toEqual([true, true]);
});

describe("libvirt is asked", () => {
  test.each([
    "qemu/assay-r1-s1-e-box.xml",
    "qemu/assay-r1-s1-e-box.pid",
    "network/assay-r1-s1-e-net_lan.xml",
    "net/as0123456789ab",
  ])("where there is %s", (name) => {
    put(name);
    expect(system()).toBe(false);
  });

  test("of a session, when one of its machines runs", () => {
    put("proc/42/cmdline", "/usr/bin/qemu-system-x86_64\0-name\0guest=assay-r1-s1-e-box,debug-threads=on\0");
    expect(session()).toBe(false);
  });

  test("when what it writes cannot be looked at", () => {
    rmSync(witnesses.interfaces, { recursive: true });
    rmSync(witnesses.processes, { recursive: true });
    expect([system(), session()]).toEqual([false, false]);
  });

  test("when a daemon listens whose files are elsewhere; not where there is none", () => {
    rmSync(witnesses.domains, { recursive: true });
    expect(system()).toBe(true);
    put("virtqemud-sock");
    expect(system()).toBe(false);
  });

  test.each(["qemu+ssh://root@far/system", "qemu+unix:///system?socket=/run/other"])("at %s always", (uri) => {
    expect(nothingOfOurs(uri, witnesses)).toBe(false);
  });
});

// Decides how each fact of a machine reads in libvirt's language, and that all of it is in that language.
import { beforeEach, describe, expect, test } from "vitest";
import { refusal } from "../model/testing/refusal.ts";
import { checkXml, whyUnchecked } from "./libvirt-schema.ts";
import { domainXml, hotDiskXml } from "./libvirt-xml.ts";
import type { DomainFacts } from "./libvirt-xml-facts.ts";
import { disksIn, identityIn, labelsIn } from "./libvirt-xml-read.ts";

const base: DomainFacts = {
  name: "assay-r1-s1-env-box",
  uuid: "7d919b7f-781d-84c6-bdc0-5a0a77d14682",
  labels: { "dev.assay.run": "r1", "dev.assay.owner": "host boot ns 1 2" },
  accelerator: "qemu",
  memoryBytes: 256 * 1024 ** 2,
  vcpus: 1,
  machine: "q35",
  cpu: "default",
  firmware: { kind: "bios" },
  boot: { from: "disk" },
  disks: [{ file: "/d/disk.qcow2", format: "qcow2", bus: "virtio", serial: "ROOT" }],
  interfaces: [],
  channels: [{ name: "dev.assay.control", path: "/d/control" }],
  console: { log: "/d/console.log", socket: "/d/tty" },
  qmp: "/d/qmp",
  rng: true,
  screen: false,
};
const xml = (changes: Partial<DomainFacts> = {}) => domainXml({ ...base, ...changes }).replaceAll(/\s*\n\s*/g, "");

/** Everything that can be said, each at least once. */
const everything: readonly (readonly [string, Partial<DomainFacts>])[] = [
  ["as little as there is", { disks: [], channels: [], rng: false, agent: false, panic: false }],
  ["kvm, the host's processor", { accelerator: "kvm", cpu: "host", vcpus: 4 }],
  ["emulated, a named processor", { cpu: "Nehalem", vcpus: 2, translationMib: 128, machine: "pc" }],
  ["several processors of the default model", { vcpus: 3 }],
  ["uefi", { firmware: { kind: "uefi", code: "/f/code", vars: "/f/vars", nvram: "/d/nvram.fd" } }],
  ["kernel", { boot: { from: "kernel", kernel: "/k", initrd: "/i", arguments: ["root=/dev/vda", "ro"] } }],
  ["kernel without an initrd", { boot: { from: "kernel", kernel: "/k", arguments: [] } }],
  [
    "disks on every bus, a seed",
    {
      disks: [
        ...base.disks,
        { file: "/d/b.qcow2", format: "qcow2", bus: "scsi", cacheUnsafe: false },
        { file: "/d/c.raw", format: "raw", bus: "sata", readOnly: true },
      ],
      seed: "/d/seed.iso",
    },
  ],
  [
    "networks",
    {
      interfaces: [
        { source: { network: "n" }, mac: "52:54:00:00:00:01" },
        { source: { network: "m" }, mac: "52:54:00:00:00:02", model: "e1000e" },
        { source: { bridge: "br0" }, mac: "52:54:00:00:00:03" },
      ],
    },
  ],
  ["devices", { tpm: "/d/tpm-sock", screen: true, user: { uid: 64055, gid: 64055 } }],
  ["hostile labels", { labels: { "dev.assay.owner": `</assay:label> & "it's" <x>` } }],
];

describe("is in libvirt's language", () => {
  // The schemas come with libvirt's library; unit tests need neither.
  beforeEach(({ skip }) => {
    const why = whyUnchecked("domain");
    if (why !== undefined) skip(why);
  });

  test.each(everything)("%s", async (_, changes) => {
    expect(await checkXml("domain", domainXml({ ...base, ...changes }))).toEqual({ checked: true });
  });

  test("a disk to plug in", async () => {
    const disk = hotDiskXml({ file: "/d/hot.qcow2", serial: "HOT", index: 1 });
    expect(disk).toContain('dev="vdy"');
    const whole = domainXml(base).replace("</devices>", `${disk}</devices>`);
    expect(await checkXml("domain", whole)).toEqual({ checked: true });
  });
});

test("whose it is comes back out as it went in, whatever is in it", async () => {
  for (const [, { labels = base.labels, ...changes }] of everything)
    expect(await labelsIn(domainXml({ ...base, ...changes, labels }))).toEqual(labels);
  expect(await identityIn(domainXml(base))).toEqual({ name: base.name, uuid: base.uuid });
});

test("disks are named in their order, a family of names a bus; the format is always said", async () => {
  const disks = [
    ...base.disks,
    ...(["scsi", "virtio", "sata"] as const).map((bus) => ({ file: `/d/${bus}`, format: "qcow2" as const, bus })),
  ];
  const text = xml({ disks, seed: "/d/seed.iso" });
  expect(await disksIn(text)).toEqual(
    new Map([
      ["vda", "/d/disk.qcow2"],
      ["sda", "/d/scsi"],
      ["vdb", "/d/virtio"],
      ["sdb", "/d/sata"],
      ["vdc", "/d/seed.iso"],
    ]),
  );
  expect(text.match(/<driver name="qemu" type="(qcow2|raw)"/g)).toHaveLength(5);
  expect(text).toContain("<readonly/>");
});

test.each([
  ["an overlay dies with its machine: nothing is flushed", {}, 'type="qcow2" cache="unsafe" discard="unmap"'],
  [
    "unless it must be",
    { disks: [{ ...base.disks[0], cacheUnsafe: false } as DomainFacts["disks"][0]] },
    '<driver name="qemu" type="qcow2"/>',
  ],
  ["the machine is gone when it ends", {}, "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"],
  ["what crashed stays", {}, "<on_crash>preserve</on_crash>"],
  ["no processor is named where the default is wanted", {}, "</features><clock"],
  ["cores, and no sockets", { vcpus: 3 }, '<topology sockets="1" dies="1" cores="3" threads="1"/>'],
  ["a named model, or a refusal", { cpu: "Nehalem" }, '<model fallback="forbid">Nehalem</model>'],
  ["the translated code's cache is kept small", {}, '<tcg><tb-cache unit="MiB">64</tb-cache></tcg>'],
  ["what no test needs is left out", {}, '<controller type="usb" model="none"/>'],
  ["no screen", {}, '<video><model type="none"/></video>'],
  [
    "no file is given to QEMU's user by libvirt",
    { user: { uid: 1, gid: 2 } },
    '<seclabel type="static" model="dac" relabel="no"><label>+1:+2</label></seclabel>',
  ],
  [
    "the kernel's words",
    { boot: { from: "kernel", kernel: "/k", arguments: ["a=b", "c"] } as const },
    "<cmdline>a=b c</cmdline>",
  ],
  ["the console's words are kept from the first", {}, '<log file="/d/console.log" append="on"/>'],
  [
    "the agent's socket lies with the others",
    {},
    '<source mode="bind" path="/d/agent"/><target type="virtio" name="org.qemu.guest_agent.0"/>',
  ],
  ["a comma in the monitor's path is no end of it", { qmp: "/d,e/qmp" }, 'value="unix:/d,,e/qmp,server=on,wait=off"'],
] satisfies readonly (readonly [string, Partial<DomainFacts>, string])[])("%s", (_, changes, expected) =>
  expect(xml(changes)).toContain(expected),
);

test.each([
  ["hardware virtualisation has no translated code", { accelerator: "kvm" }, "<tcg>"],
  ["libvirt's own way with owners", {}, "<seclabel"],
  ["no agent", { agent: false }, "org.qemu.guest_agent.0"],
  ["no panic device", { panic: false }, "<panic"],
  ["no random numbers", { rng: false }, "<rng"],
  ["no boot device beside a kernel", { boot: { from: "kernel", kernel: "/k", arguments: [] } as const }, "<boot"],
] satisfies readonly (readonly [string, Partial<DomainFacts>, string])[])("left out: %s", (_, changes, absent) =>
  expect(xml(changes)).not.toContain(absent),
);

test("a socket that cannot be bound is refused, in bytes and not in letters", () => {
  const long = (letters: string) => ({ qmp: `/${letters}/qmp` });
  expect(() => xml(long("a".repeat(100)))).not.toThrow();
  expect(refusal(() => xml(long("a".repeat(103))))).toMatchObject({
    code: "socket-path-too-long",
    seen: expect.stringContaining("108 bytes"),
    hint: expect.stringContaining("ASSAY_STATE"),
  });
  expect(() => xml(long("ä".repeat(60)))).toThrow("125 bytes");
  expect(() => xml({ channels: [{ name: "x", path: `/${"c".repeat(107)}` }] })).toThrow("108 bytes");
});

// Decides how a machine's facts read in libvirt's language. Pure. Chooses nothing but what no declaration can say.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { XMLBuilder } from "xmlbuilder2/lib/interfaces.js";
import { DeclarationError } from "../model/errors.ts";
import { longestSocketPath } from "./libvirt-names.ts";
import type { BootFacts, ChannelFacts, DiskFacts, DomainFacts, FirmwareFacts } from "./libvirt-xml-facts.ts";

/** Namespace of what we write into `<metadata>`. */
export const labelsNamespace = "https://assay.dev/xmlns/domain/1";
const qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0";
/** Of the guest agent's channel: images look for this very name. */
const agentPort = "org.qemu.guest_agent.0";

const letters = "abcdefghijklmnopqrstuvwxyz";

/** The root element of a new document. The builder is loaded at the first call: most processes of a run make no machine. */
export function element(name: string, attributes: Record<string, string> = {}): XMLBuilder {
  const { create } = createRequire(import.meta.url)("xmlbuilder2") as typeof import("xmlbuilder2");
  return create().ele(name, attributes);
}

/** Labels in `<metadata>`, where `labelsIn` finds them again. */
export function writeLabels(parent: XMLBuilder, labels: Readonly<Record<string, string>>): void {
  const list = parent.ele("metadata").ele(labelsNamespace, "assay:labels");
  for (const [name, value] of Object.entries(labels)) list.ele(labelsNamespace, "assay:label", { name }).txt(value);
}

/**
 * A domain for `createDomain`. Throws a `DeclarationError` (code `socket-path-too-long`) for a socket that no unix system
 * could make.
 */
export function domainXml(facts: DomainFacts): string {
  const sockets = [facts.qmp, facts.console.socket, agentSocket(facts), ...facts.channels.map(({ path }) => path)];
  for (const path of sockets) if (Buffer.byteLength(path) > longestSocketPath) throw tooLong(path, facts.name);
  const root = element("domain", { type: facts.accelerator });
  root.ele("name").txt(facts.name);
  root.ele("uuid").txt(facts.uuid);
  writeLabels(root, facts.labels);
  root.ele("memory", { unit: "b" }).txt(String(facts.memoryBytes));
  root.ele("vcpu").txt(String(facts.vcpus));
  writeBoot(root, facts);
  writeProcessor(root, facts);
  root.ele("clock", { offset: "utc" });
  root.ele("on_poweroff").txt("destroy");
  root.ele("on_reboot").txt("restart");
  // What crashed stays to be looked at; who waits is told by QMP.
  root.ele("on_crash").txt("preserve");
  writeDevices(root.ele("devices"), facts);
  writeOwner(root, facts);
  const line = root.ele(qemuNamespace, "qemu:commandline");
  for (const value of ["-qmp", `unix:${optionText(facts.qmp)},server=on,wait=off`])
    line.ele(qemuNamespace, "qemu:arg", { value });
  return root.end({ headless: true, prettyPrint: true });
}

function writeBoot(root: XMLBuilder, { machine, firmware, boot }: DomainFacts): void {
  const os = root.ele("os");
  os.ele("type", { arch: "x86_64", machine }).txt("hvm");
  writeFirmware(os, firmware);
  writeKernel(os, boot);
}

function writeFirmware(os: XMLBuilder, firmware: FirmwareFacts): void {
  if (firmware.kind === "bios") return;
  os.ele("loader", { readonly: "yes", type: "pflash" }).txt(firmware.code);
  os.ele("nvram", { template: firmware.vars }).txt(firmware.nvram);
}

function writeKernel(os: XMLBuilder, boot: BootFacts): void {
  if (boot.from === "disk") return void os.ele("boot", { dev: "hd" });
  os.ele("kernel").txt(boot.kernel);
  if (boot.initrd !== undefined) os.ele("initrd").txt(boot.initrd);
  os.ele("cmdline").txt(boot.arguments.join(" "));
}

function writeProcessor(root: XMLBuilder, { accelerator, cpu, vcpus, translationMib }: DomainFacts): void {
  const features = root.ele("features");
  features.ele("acpi");
  features.ele("apic");
  if (accelerator === "qemu")
    features
      .ele("tcg")
      .ele("tb-cache", { unit: "MiB" })
      .txt(String(translationMib ?? 64));
  if (cpu === "default" && vcpus === 1) return;
  if (cpu === "host") return void root.ele("cpu", { mode: "host-passthrough", migratable: "off" });
  const model = root.ele("cpu", cpu === "default" ? {} : { mode: "custom", match: "exact", check: "none" });
  if (cpu !== "default") model.ele("model", { fallback: "forbid" }).txt(cpu);
  // Several sockets are what libvirt makes of several processors; one with several cores is what machines have.
  model.ele("topology", { sockets: "1", dies: "1", cores: String(vcpus), threads: "1" });
}

function writeDevices(devices: XMLBuilder, facts: DomainFacts): void {
  const used = { vd: 0, sd: 0 };
  for (const disk of facts.disks) {
    const family = disk.bus === "virtio" ? "vd" : "sd";
    writeDisk(devices, disk, `${family}${letters[used[family]++]}`);
  }
  // Not a CD: kernels for clouds have no SATA. Its bus is the first disk's, which the guest boots from; cloud-init goes by the label.
  if (facts.seed !== undefined) {
    const seed: DiskFacts = { file: facts.seed, format: "raw", bus: "virtio", readOnly: true };
    writeDisk(devices, seed, `vd${letters[used.vd]}`);
  }
  devices.ele("controller", { type: "usb", model: "none" });
  if (facts.disks.some(({ bus }) => bus === "scsi")) devices.ele("controller", { type: "scsi", model: "virtio-scsi" });
  for (const { source, mac, model } of facts.interfaces) {
    const card = devices.ele("interface", { type: "network" in source ? "network" : "bridge" });
    card.ele("mac", { address: mac });
    card.ele("source", source);
    card.ele("model", { type: model ?? "virtio" });
    // A card's own boot firmware would be tried, and costs a second of it.
    card.ele("rom", { enabled: "no" });
  }
  writeConsole(devices, facts);
  for (const channel of facts.channels) writeChannel(devices, channel);
  if (facts.agent !== false) writeChannel(devices, { name: agentPort, path: agentSocket(facts) });
  devices.ele("input", { type: "mouse", bus: "ps2" });
  devices.ele("video").ele("model", facts.screen ? { type: "vga", vram: "4096" } : { type: "none" });
  devices.ele("memballoon", { model: "none" });
  if (facts.rng) devices.ele("rng", { model: "virtio" }).ele("backend", { model: "random" }).txt("/dev/urandom");
  if (facts.tpm !== undefined)
    devices
      .ele("tpm", { model: "tpm-crb" })
      .ele("backend", { type: "external" })
      .ele("source", { type: "unix", mode: "connect", path: facts.tpm });
  if (facts.panic !== false) devices.ele("panic", { model: "isa" });
}

function writeChannel(devices: XMLBuilder, { name, path }: ChannelFacts): void {
  const channel = devices.ele("channel", { type: "unix" });
  channel.ele("source", { mode: "bind", path });
  channel.ele("target", { type: "virtio", name });
}

/** Beside the monitor's. By itself libvirt puts it where the path gets too long for a session's user with a long home directory. */
function agentSocket({ qmp }: DomainFacts): string {
  return join(dirname(qmp), "agent");
}

/** A disk as a device; also what `attachDevice` takes. */
function writeDisk(parent: XMLBuilder, disk: DiskFacts, target: string): void {
  const element = parent.ele("disk", { type: "file", device: "disk" });
  const cache = disk.readOnly === true || disk.cacheUnsafe === false ? {} : { cache: "unsafe", discard: "unmap" };
  element.ele("driver", { name: "qemu", type: disk.format, ...cache });
  element.ele("source", { file: disk.file });
  element.ele("target", { dev: target, bus: disk.bus });
  if (disk.readOnly === true) element.ele("readonly");
  if (disk.serial !== undefined) element.ele("serial").txt(disk.serial);
}

/** A disk to plug in while the machine runs, for `attachDevice` and again for `detachDevice`. `index`: one that no other has which is in. */
export function hotDiskXml(disk: { readonly file: string; readonly serial: string; readonly index: number }): string {
  const root = element("devices");
  const { file, serial, index } = disk;
  // From the alphabet's end: the declared disks count from its beginning.
  writeDisk(root, { file, format: "qcow2", bus: "virtio", serial }, `vd${letters.at(-1 - index)}`);
  return root.first().toString();
}

function writeConsole(devices: XMLBuilder, { console }: DomainFacts): void {
  const serial = devices.ele("serial", { type: "unix" });
  serial.ele("source", { mode: "bind", path: console.socket });
  serial.ele("log", { file: console.log, append: "on" });
  serial.ele("target", { type: "isa-serial", port: "0" });
}

function writeOwner(root: XMLBuilder, { user }: DomainFacts): void {
  if (user === undefined) return;
  const label = root.ele("seclabel", { type: "static", model: "dac", relabel: "no" });
  label.ele("label").txt(`+${user.uid}:+${user.gid}`);
}

/** A value inside one of QEMU's options, in which a comma ends it. */
function optionText(text: string): string {
  return text.replaceAll(",", ",,");
}

function tooLong(path: string, node: string): DeclarationError {
  return new DeclarationError({
    code: "socket-path-too-long",
    node,
    seen: `the socket ${path} would have a path of ${Buffer.byteLength(path)} bytes, ${longestSocketPath} are possible`,
    hint: "set ASSAY_STATE to a directory with a shorter path",
  });
}

// Decides what of a machine's declaration can be found wrong by looking at this host, before anything is created.
import { existsSync } from "node:fs";
import { access, constants, readFile, stat } from "node:fs/promises";
import { totalmem } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type Environment, networkNames } from "../model/environment.ts";
import { DeclarationError, ProvisionError } from "../model/errors.ts";
import { findUefi } from "../model/firmware.ts";
import type { BuiltDisk } from "../model/image.ts";
import type { VmDeclaration } from "../model/vm.ts";
import { portOfMachine } from "./bridge-ports.ts";
import { wayIn } from "./libvirt-access.ts";
import type { Card } from "./libvirt-addresses.ts";
import type { QemuUser } from "./libvirt-client.ts";

export interface Checked {
  /** `environment/node` */
  readonly title: string;
  readonly declaration: VmDeclaration;
  readonly disk: BuiltDisk;
  readonly accelerator: "kvm" | "qemu";
  readonly user: QemuUser | undefined;
  /** It runs on a user's own daemon. */
  readonly session: boolean;
  /** Below which the machine's files will lie; it, or a directory above it, is there. */
  readonly directory: string;
}

/** What QEMU takes beside the guest's memory. */
const overheadBytes = 96 * 1024 ** 2;

/** Rejects with the first thing that cannot be, in the order of what costs least to find out. */
export async function checkMachine(checked: Checked): Promise<void> {
  const { title, declaration, disk, accelerator, session } = checked;
  const refuse = (code: string, seen: string, hint: string) => {
    throw new DeclarationError({ code, at: declaration.at, node: title, seen: `${title}: ${seen}`, hint });
  };
  if (declaration.cpu === "host" && accelerator !== "kvm")
    refuse(
      "no-kvm",
      'cpu: "host" needs hardware virtualisation, which does not work here',
      "leave cpu out, or run it where `assay doctor` says yes to hardware virtualisation",
    );
  if (session && networkNames(declaration).length > 0)
    refuse(
      "no-networks",
      "a user's own libvirt has no networks",
      "leave networks out, or set LIBVIRT_DEFAULT_URI=qemu:///system",
    );
  if (declaration.memory + overheadBytes > totalmem())
    refuse("not-enough-memory", `the guest's ${mib(declaration.memory)} are more than this host has`, "declare less");
  if (declaration.boot === "kernel" && disk.kernel === undefined)
    refuse(
      "no-kernel",
      'boot: "kernel" needs a kernel, and the image brings none',
      "install one in the recipe, or boot the disk",
    );
  if (declaration.firmware === "uefi" && findUefi() === undefined) throw noUefi(title);
  const seed = wayIn(declaration) === "seed" || declaration.seed !== undefined;
  await Promise.all([
    mustHave(title, "qemu-img", "qemu-utils"),
    ...(seed ? [mustHave(title, "xorriso", "xorriso")] : []),
    ...(declaration.devices.tpm ? [mustHave(title, "swtpm", "swtpm")] : []),
    readable(checked),
  ]);
}

/** Rejects with the first network that is to be a bridge of this machine's, and is none. */
export function checkBridges({ name, networks, at }: Environment): void {
  for (const [network, { bridge }] of Object.entries(networks)) {
    if (bridge === undefined || existsSync(`/sys/class/net/${bridge}/bridge`)) continue;
    const there = existsSync(`/sys/class/net/${bridge}`);
    throw new DeclarationError({
      code: "no-bridge",
      at,
      seen: `${name}: network "${network}" is bridge ${bridge}, and ${there ? "that interface is no bridge" : "this machine has no such interface"}`,
      hint: `make it first (ip link add ${bridge} type bridge), or name one that \`ip link show type bridge\` lists`,
    });
  }
}

/**
 * Rejects with the first card whose address a machine that runs has already, on the same bridge of this machine's: each would get the
 * other's packets. Who was admitted before has them claimed; these are of machines that nobody here declared.
 */
export function checkMacs(title: string, cards: readonly Card[]): void {
  for (const { mac, source } of cards) {
    if (!("bridge" in source)) continue;
    const port = portOfMachine(mac, source.bridge);
    if (port === undefined) continue;
    throw new ProvisionError({
      code: "mac-taken",
      phase: "create",
      node: title,
      seen: `MAC ${mac} is on bridge ${source.bridge} already: the machine at port ${port} has it`,
      hint: `give it another one, or end that machine: \`virsh domiflist\` tells whose ${port} is`,
    });
  }
}

export function noUefi(node: string): ProvisionError {
  return new ProvisionError({
    code: "no-uefi",
    phase: "setup",
    node,
    seen: "no UEFI firmware for virtual machines is installed",
    hint: "run `assay setup`, or apt-get install ovmf",
  });
}

/** Memory that is free now, after the run was admitted. Rejects with `not-enough-memory`. */
export async function enoughMemory(title: string, memory: number): Promise<void> {
  const text = await readFile("/proc/meminfo", "utf8");
  const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024;
  if (!(memory + overheadBytes > available)) return;
  throw new ProvisionError({
    code: "not-enough-memory",
    phase: "create",
    node: title,
    seen: `the guest needs ${mib(memory)} and QEMU ${mib(overheadBytes)}, and this host has ${mib(available)} left`,
    hint: "end other guests, or declare less memory",
  });
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`;
}

async function mustHave(node: string, tool: string, debianPackage: string): Promise<void> {
  for (const directory of toolPath.split(delimiter))
    if (
      await access(join(directory, tool), constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return;
  throw new ProvisionError({
    code: "tool-missing",
    phase: "setup",
    node,
    seen: `${tool} is not installed`,
    hint: `run \`assay setup\`, or apt-get install ${debianPackage}`,
  });
}

const toolPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** QEMU runs as another user than root: it must get at the image, and at the machine's directory. */
async function readable({ title, disk, user, directory }: Checked): Promise<void> {
  const files = [disk.path, disk.kernel, disk.initrd].filter((path) => path !== undefined);
  for (const file of files) {
    const facts = await stat(file).catch((cause: unknown) => {
      throw new ProvisionError({
        code: "image-missing",
        phase: "create",
        node: title,
        seen: `the image's ${file} cannot be had`,
        hint: "build the image again: assay build",
        cause,
      });
    });
    if (user !== undefined && !allowed(facts, user, 4)) throw closed(title, file, "read", user);
  }
  if (user === undefined) return;
  const ways = new Set([...files, join(directory, "file")].flatMap(above));
  for (const path of ways) {
    const facts = await stat(path).catch(() => undefined); // not yet made: it will be open
    if (facts !== undefined && !allowed(facts, user, 1)) throw closed(title, path, "enter", user);
  }
}

function above(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...above(parent)];
}

/** `bit`: 4 to read, 1 to enter. */
function allowed(facts: { uid: number; gid: number; mode: number }, { uid, gid }: QemuUser, bit: number): boolean {
  const shift = facts.uid === uid ? 6 : facts.gid === gid ? 3 : 0;
  return uid === 0 || ((facts.mode >> shift) & bit) !== 0;
}

function closed(node: string, path: string, verb: "read" | "enter", { uid }: QemuUser): ProvisionError {
  return new ProvisionError({
    code: "not-readable",
    phase: "create",
    node,
    seen: `QEMU runs as user ${uid}, which may not ${verb} ${path}`,
    hint: verb === "read" ? `chmod a+r ${path}` : `chmod a+x ${path}, or another state directory with ASSAY_STATE`,
  });
}

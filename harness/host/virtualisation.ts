// Decides whether hardware virtualisation really works here. An open /dev/kvm proves nothing: on some hosts it emulates, kernels
// hang on it, and libvirt advertises it all the same. So three things are wanted: the CPU's flag, the device, and a guest that
// went where a kernel goes, and was not much slower than the same guest emulated by QEMU.
import { closeSync, constants, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { bootTrial, type GuestTrial } from "./boot-trial.ts";
import { textOf } from "./processes.ts";
import { findTool } from "./tools.ts";

export interface VirtualisationFacts {
  /** `process.arch` */
  readonly arch: string;
  /** `vmx` (Intel) or `svm` (AMD) of `/proc/cpuinfo`; other architectures have neither. */
  readonly flag: "vmx" | "svm" | undefined;
  /** How opening `/dev/kvm` for reading and writing went: `opens`, else the error's code, as in `ENOENT`. */
  readonly device: string;
  /** How booting the probe kernel went; `undefined` when it was not tried. */
  readonly guest: GuestTrial | undefined;
}

/** The virtualisation flag in the text of `/proc/cpuinfo`. */
export function flagIn(cpuinfo: string): "vmx" | "svm" | undefined {
  const flags = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(" ") ?? [];
  return flags.includes("vmx") ? "vmx" : flags.includes("svm") ? "svm" : undefined;
}

/** The line of `assay doctor` about hardware virtualisation. */
export function virtualisationFinding({ arch, flag, device, guest }: VirtualisationFacts): Finding {
  const about = { what: "hardware virtualisation", needed: false } as const;
  const emulated = "virtual machines run emulated, some ten times slower";
  const opened = device === "opens" ? "/dev/kvm opens" : `/dev/kvm: ${device}`;
  const detail = `${flag === undefined ? "no vmx, no svm" : `CPU flag ${flag}`}; ${opened}`;
  if (arch === "x64" && flag === undefined)
    return {
      ...about,
      can: "no",
      detail,
      cause: `the CPU offers neither vmx nor svm; ${emulated}`,
      remedy: "switch virtualisation on in the firmware, or nested virtualisation in the hypervisor; or another host",
    };
  if (device === "EACCES" || device === "EPERM")
    return {
      ...about,
      can: "no",
      detail,
      cause: `this user may not open /dev/kvm; ${emulated}`,
      remedy: "sudo usermod -aG kvm $USER, then log in again",
    };
  if (device !== "opens")
    return {
      ...about,
      can: "no",
      detail,
      cause: `the kernel has no usable KVM device; ${emulated}`,
      remedy: "modprobe kvm_intel or kvm_amd",
    };
  if (guest === undefined)
    return {
      ...about,
      can: "unknown",
      detail,
      cause: "no QEMU is installed to boot a guest with",
      remedy: "npx assay setup --yes, then npx assay doctor again",
    };
  if (guest.ran) return { ...about, can: "yes", detail: `${detail}; a guest ran in ${guest.ms} ms` };
  return {
    ...about,
    can: "no",
    detail,
    cause: `the probe kernel did not run: ${guest.seen}; ${emulated}`,
    remedy: "look at the kernel's log (dmesg); or use another host",
  };
}

/** What of the surroundings matters here. */
export interface TrialSurroundings {
  /** `PATH` */
  readonly path: string;
  readonly uid: number;
  readonly libvirtUri: string;
}

/** Looks at CPU and device, and boots a guest where both promise something. Rejects when it cannot read or try. */
async function learnVirtualisation(surroundings: TrialSurroundings): Promise<VirtualisationFacts> {
  const { arch } = process;
  const flag = flagIn(await readFile("/proc/cpuinfo", "utf8"));
  const device = openKvm();
  const qemu = findTool("qemu-system-x86_64", surroundings.path);
  const worthTrying = arch === "x64" && flag !== undefined && device === "opens" && qemu !== undefined;
  return { arch, flag, device, guest: worthTrying ? await tryBoth(qemu, qemuUser(surroundings)) : undefined };
}

/** How many times slower than emulated a guest may run, BIOS and all, before the device counts as one that emulates. */
const slowest = 8;

/**
 * Boots the same kernel emulated and with KVM, one after the other: what is slow because this machine is busy is slow both
 * times. With hardware both take about as long, as most of it is QEMU's own start; where KVM emulates, it took 24 times as long.
 */
export async function tryBoth(
  qemu: string,
  as: { readonly uid: number; readonly gid: number } | undefined,
): Promise<GuestTrial> {
  const emulated = await bootTrial(qemu, "tcg", { deadlineMs: 20_000, as });
  if (!emulated.ran) return { ran: false, seen: `not even emulated: ${emulated.seen}` };
  const most = slowest * emulated.ms;
  const trial = await bootTrial(qemu, "kvm", { deadlineMs: most, as });
  return trial.ran ? trial : { ran: false, seen: `${trial.seen}; emulated it took ${emulated.ms} ms` };
}

/** Who libvirt's system daemon runs QEMU as on Debian: it, too, has to be let at the device. */
export function qemuUser({
  uid,
  libvirtUri,
}: TrialSurroundings): { readonly uid: number; readonly gid: number } | undefined {
  if (uid !== 0 || libvirtUri !== "qemu:///system") return undefined;
  const found = /^libvirt-qemu:[^:]*:(\d+):(\d+):/m.exec(textOf("/etc/passwd") ?? "");
  return found === null ? undefined : { uid: Number(found[1]), gid: Number(found[2]) };
}

/** The line of `assay doctor`. Never rejects; milliseconds without the CPU's flag, else as long as two boots of the kernel. */
export async function probeVirtualisation(surroundings: TrialSurroundings): Promise<Finding> {
  try {
    return virtualisationFinding(await learnVirtualisation(surroundings));
  } catch (error) {
    return {
      what: "hardware virtualisation",
      needed: false,
      can: "unknown",
      detail: messageOf(error),
      cause: "the probe itself failed",
    };
  }
}

/** `opens`, else the error's code, as in `ENOENT`. */
export function openKvm(): string {
  try {
    closeSync(openSync("/dev/kvm", constants.O_RDWR));
    return "opens";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? messageOf(error);
  }
}

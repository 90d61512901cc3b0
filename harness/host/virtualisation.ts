// Decides whether hardware virtualisation really works here. An open /dev/kvm proves nothing: on some hosts guests then hang.
// So three things are wanted: the CPU's flag, the device, and a guest that ran.
import { spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { findTool } from "./tools.ts";

export interface VirtualisationFacts {
  /** `process.arch` */
  readonly arch: string;
  /** `vmx` (Intel) or `svm` (AMD) of `/proc/cpuinfo`; other architectures have neither. */
  readonly flag: "vmx" | "svm" | undefined;
  /** How opening `/dev/kvm` for reading and writing went: `opens`, else the error's code, as in `ENOENT`. */
  readonly device: string;
  /** How booting a boot sector went; `undefined` when no QEMU is there to try. */
  readonly guest: GuestTrial | undefined;
}

export type GuestTrial =
  | { readonly ran: true; readonly ms: number }
  /** `seen`: QEMU's last words, or that it gave no sign of life in time. */
  | { readonly ran: false; readonly seen: string };

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
      remedy: "apt-get install qemu-system-x86, then npx assay doctor again",
    };
  if (guest.ran) return { ...about, can: "yes", detail: `${detail}; a guest ran in ${guest.ms} ms` };
  return {
    ...about,
    can: "no",
    detail,
    cause: `a guest of one boot sector did not run: ${guest.seen}; ${emulated}`,
    remedy: "look at the kernel's log (dmesg); or use another host",
  };
}

/** Looks at CPU and device, and boots a guest where there is a QEMU. Never rejects; at most about 5 s. */
export async function probeVirtualisation(path: string): Promise<Finding> {
  try {
    const flag = flagIn(await readFile("/proc/cpuinfo", "utf8"));
    const device = openKvm();
    const qemu = findTool("qemu-system-x86_64", path);
    const worthTrying = process.arch === "x64" && flag !== undefined && device === "opens" && qemu !== undefined;
    const guest = worthTrying ? await bootSector(qemu, "kvm") : undefined;
    return virtualisationFinding({ arch: process.arch, flag, device, guest });
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

function openKvm(): string {
  try {
    closeSync(openSync("/dev/kvm", constants.O_RDWR));
    return "opens";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? messageOf(error);
  }
}

/** What the guest writes to QEMU's debug exit port; QEMU then exits with `2 * signOfLife + 1`. */
const signOfLife = 0x2a;

/** cli; mov al, signOfLife; out 0xf4, al; hlt; jmp to hlt. Then zeros and the signature that makes it bootable. */
function sector(): Buffer {
  const bytes = Buffer.alloc(512);
  Buffer.from([0xfa, 0xb0, signOfLife, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]).copy(bytes);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

/**
 * Boots one sector of real-mode code in QEMU and waits for its sign of life. Rejects only when the sector cannot be
 * written.
 */
export async function bootSector(qemu: string, accel: "kvm" | "tcg", deadlineMs = 5000): Promise<GuestTrial> {
  const directory = await mkdtemp(join(tmpdir(), "assay-boot-"));
  try {
    const image = join(directory, "sector");
    await writeFile(image, sector());
    const started = performance.now();
    const machine = [
      "-machine",
      "pc",
      "-accel",
      accel,
      "-m",
      "16",
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
    ];
    const exit = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x01", "-no-reboot"];
    const disk = ["-drive", `file=${image},format=raw,if=ide,snapshot=on`];
    const child = spawn(qemu, [...machine, ...exit, ...disk], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: deadlineMs,
      killSignal: "SIGKILL",
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = `${errors}${text}`.slice(-2000);
    });
    const { promise, resolve } = Promise.withResolvers<GuestTrial>();
    child.on("error", (error) => resolve({ ran: false, seen: messageOf(error) }));
    child.on("close", (status, signal) => {
      const ms = Math.round(performance.now() - started);
      if (status === 2 * signOfLife + 1) return resolve({ ran: true, ms });
      const last = errors.trim().split("\n").at(-1) ?? "";
      if (signal === "SIGKILL") resolve({ ran: false, seen: `no sign of life within ${deadlineMs} ms` });
      else resolve({ ran: false, seen: last === "" ? `QEMU ended with ${status ?? signal}` : last });
    });
    return await promise;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

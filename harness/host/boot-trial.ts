// Decides whether a guest runs: the probe kernel is booted in QEMU, and its sign of life is waited for.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../model/errors.ts";
import { probeKernel, signOfLife } from "./probe-kernel.ts";

export type GuestTrial =
  /** `ms`: from the start of QEMU to its end. Emulated about 120 on an idle machine, of which the BIOS has most. */
  | { readonly ran: true; readonly ms: number }
  /** `seen`: QEMU's last words, or that it gave no sign of life in time. */
  | { readonly ran: false; readonly seen: string };

export interface TrialOptions {
  /** Default 5 000. */
  readonly deadlineMs?: number;
  /** Who QEMU is run as; only root can choose. */
  readonly as?: { readonly uid: number; readonly gid: number } | undefined;
}

/** Boots the probe kernel. Rejects only when it cannot be written. */
export async function bootTrial(
  qemu: string,
  accel: "kvm" | "tcg",
  { deadlineMs = 5000, as }: TrialOptions = {},
): Promise<GuestTrial> {
  const directory = await mkdtemp(join(tmpdir(), "assay-boot-"));
  try {
    const image = join(directory, "sector");
    await writeFile(image, probeKernel());
    // Whoever QEMU runs as has to read it.
    await chmod(directory, 0o711);
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
      timeout: Math.round(deadlineMs),
      killSignal: "SIGKILL",
      ...as,
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
      if (signal === "SIGKILL") resolve({ ran: false, seen: `no sign of life within ${Math.round(deadlineMs)} ms` });
      else resolve({ ran: false, seen: last === "" ? `QEMU ended with ${status ?? signal}` : last });
    });
    return await promise;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

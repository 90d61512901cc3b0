// Decides whether machines are run with hardware virtualisation or emulated, once a boot of this host: the probe boots guests.
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { daemonOf } from "./libvirt.ts";
import { textOf } from "./processes.ts";
import { findTool } from "./tools.ts";
import { probeVirtualisation, qemuUser, type TrialSurroundings } from "./virtualisation.ts";

export interface Acceleration {
  /** libvirt's word for it: the type of a domain. */
  readonly type: "kvm" | "qemu";
  /** Why, as a report tells it. */
  readonly reason: string;
}

/**
 * How machines are run here. 1 ms where the CPU offers nothing or the answer is known; else the probe kernel is booted, and
 * the answer kept in the state directory until this host boots again or QEMU, the device or its user change. Never rejects:
 * what could not be asked means emulation, and the reason says so.
 * @example (await accelerator(surroundings)).type // "qemu"
 */
export async function accelerator(surroundings: TrialSurroundings & { readonly state: string }): Promise<Acceleration> {
  if (daemonOf(surroundings.libvirtUri) === "elsewhere")
    return { type: "qemu", reason: "what another machine can do is not probed, and emulation works everywhere" };
  const file = join(surroundings.state, "accelerator.json");
  const key = keyOf(surroundings);
  const known = recall(file, key);
  if (known !== undefined) return known;
  const { can, detail, cause } = await probeVirtualisation(surroundings);
  if (can === "yes") return keep(file, key, { type: "kvm", reason: detail });
  const found: Acceleration = { type: "qemu", reason: `${detail}; ${cause ?? "no cause was found"}` };
  // What could not be asked is asked again.
  return can === "unknown" ? found : keep(file, key, found);
}

/** All that the answer hangs on. */
function keyOf(surroundings: TrialSurroundings): string {
  const boot = textOf("/proc/sys/kernel/random/boot_id")?.trim();
  const qemu = findTool("qemu-system-x86_64", surroundings.path);
  const user = qemuUser(surroundings) ?? { uid: surroundings.uid, gid: undefined };
  return JSON.stringify([boot, qemu, qemu && stamp(qemu), stamp("/dev/kvm"), user]);
}

function stamp(file: string): readonly number[] {
  const seen = statSync(file, { throwIfNoEntry: false });
  return seen === undefined
    ? []
    : [seen.mode, seen.uid, seen.gid, seen.rdev, seen.size, seen.isFile() ? seen.mtimeMs : 0];
}

function recall(file: string, key: string): Acceleration | undefined {
  try {
    const kept = JSON.parse(readFileSync(file, "utf8"));
    const { type, reason } = kept as Acceleration;
    return kept.key === key && (type === "kvm" || type === "qemu") && typeof reason === "string"
      ? { type, reason }
      : undefined;
  } catch {
    // Not there, cut off or of another version: asked anew.
    return undefined;
  }
}

/** A state directory that cannot be written to costs time, and nothing else. */
function keep(file: string, key: string, found: Acceleration): Acceleration {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
    const own = `${file}.${process.pid}`;
    writeFileSync(own, JSON.stringify({ key, ...found }));
    renameSync(own, file);
  } catch {
    // It is asked again the next time.
  }
  return found;
}

// Decides whether virtual machines can be run here, in milliseconds: specs that need them are skipped where they cannot, and with
// these words. What kind of virtualisation carries them is `accelerator.ts`'s to say.
import { daemonOf, daemons, knock, knockAtLibvirt, libvirtProgram, logDaemon } from "./libvirt.ts";
import { machineTools } from "./machine-tools.ts";
import { barrier } from "./passage.ts";
import { missingTools } from "./tools.ts";

export interface MachineSurroundings {
  /** `PATH` */
  readonly path: string;
  readonly libvirtUri: string;
  /** Where the disks of virtual machines lie. */
  readonly disks: string;
}

/** Without these nothing runs; what else is missing stops only the machines that use it. */
const always = ["qemu-system-x86_64", "qemu-img", "virsh", "mke2fs", "cpio"];

const setup = "npx assay setup --yes";

/**
 * Why virtual machines cannot be run here, with the remedy; `undefined` when they can, as far as looking at files and knocking at
 * sockets shows. 2 ms; starts nothing. Never rejects.
 * @example await canRunMachines(surroundings) // "nothing listens at /run/libvirt/libvirt-sock (ENOENT); npx assay setup --yes"
 */
export async function canRunMachines({ path, libvirtUri, disks }: MachineSurroundings): Promise<string | undefined> {
  if (process.arch !== "x64") return `machines are x86_64, and this host is ${process.arch}; use another host`;
  const daemon = daemonOf(libvirtUri);
  const needed = machineTools.filter(({ name }) => (daemon === "elsewhere" ? name === "virsh" : always.includes(name)));
  const missing = missingTools(path, needed);
  if (missing.length > 0) return `${missing.map(({ name }) => name).join(", ")}: not there; ${setup}`;
  if (daemon === "elsewhere") return undefined;
  if (daemon === "session")
    return libvirtProgram(path) === undefined ? `libvirt's daemon is not installed; ${setup}` : undefined;
  const [{ listens, refusals }, refusal] = await Promise.all([knockAtLibvirt(), knock(logDaemon.socket)]);
  if (listens === undefined && refusals.includes("EACCES"))
    return "this user may not open libvirt's socket; sudo usermod -aG libvirt $USER, then log in again";
  if (listens === undefined)
    return `nothing listens at ${daemons.map(({ socket }) => socket).join(" or ")} (${refusals.join(", ")}); ${setup}`;
  // Its socket is root's: another user is not told whether it listens.
  if (refusal !== undefined && refusal !== "EACCES")
    return `libvirt's log daemon does not listen at ${logDaemon.socket} (${refusal}); ${setup}`;
  const closed = barrier(disks);
  return closed === undefined
    ? undefined
    : `QEMU, which runs as another user, cannot pass through ${closed}; ${setup}, or set ASSAY_STATE to where it can`;
}

// Decides whether this machine's libvirt may have anything of ours, without asking it: a question costs several processes, and a daemon
// that hangs would hold up runs that need none. Looks where libvirt must write before a machine runs and where the kernel shows networks;
// whatever cannot be looked at means that libvirt is asked.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where witnesses are found; tests have their own. */
export interface Witnesses {
  /** The system daemon's: `<name>.xml` of every live domain and network, without which a restarted daemon would not know them. */
  readonly domains: string;
  readonly networks: string;
  /** One of these listens when there is a daemon. */
  readonly sockets: readonly string[];
  readonly interfaces: string;
  readonly processes: string;
}

const usual: Witnesses = {
  domains: "/run/libvirt/qemu",
  networks: "/run/libvirt/network",
  sockets: ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"],
  interfaces: "/sys/class/net",
  processes: "/proc",
};

/** What `resourceName` of names.ts begins with. */
const ours = /^assay-/;
/** See `bridgeName`. */
const ourBridge = /^as[0-9a-f]{12}$/;

/** `true` only when it is certain. Another machine's libvirt, or one at a socket of its own, shows no witness: `false`. */
export function nothingOfOurs(uri: string, witnesses: Witnesses = usual): boolean {
  try {
    // A session has no networks, and its machines are processes of this user.
    if (uri === "qemu:///session") return !machineRuns(witnesses.processes);
    if (uri !== "qemu:///system") return false;
    const { domains, networks, interfaces, sockets } = witnesses;
    // A daemon whose files are not here, as that of a container's host, has them elsewhere.
    if (!existsSync(domains)) return !sockets.some((socket) => existsSync(socket));
    return !(
      // QEMU's pid file, beside libvirt's: written by another hand.
      readdirSync(domains).some((name) => ours.test(name)) ||
      (existsSync(networks) && readdirSync(networks).some((name) => ours.test(name) && name.endsWith(".xml"))) ||
      readdirSync(interfaces).some((name) => ourBridge.test(name))
    );
  } catch {
    return false;
  }
}

/** Whether a QEMU runs that libvirt gave a name of ours. */
function machineRuns(processes: string): boolean {
  return readdirSync(processes).some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return /\0guest=assay-/.test(readFileSync(join(processes, pid, "cmdline"), "latin1"));
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

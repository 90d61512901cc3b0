// Decides what libvirt needs so that virtual machines can be run. Refuses to stand in the way of containers: what cannot be had
// here is left to `assay doctor` to tell.
import type { Command, Part, Step } from "./plan.ts";
import type { Tool } from "./tools.ts";

export interface LibvirtSetupFacts {
  /** Specs use this machine's own daemon: no session's, no other machine's. */
  readonly system: boolean;
  /** Machines of this kind can be run on this kind of CPU at all. */
  readonly supported: boolean;
  /** A socket of the daemon accepts connections. */
  readonly listens: boolean;
  /** virtlogd's does. */
  readonly logs: boolean;
  /** Path of the daemon's program. */
  readonly program: string | undefined;
  /** Of the tools that virtual machines need. */
  readonly missing: readonly Tool[];
  /** Directories that QEMU, which is another user, has to pass through and cannot yet. */
  readonly closed: readonly string[];
  /** What lets the QEMU of the daemon at `/dev/kvm`, where it is shut out. */
  readonly letIn: Command | undefined;
  /** How the binding is built, where that is to be done. */
  readonly binding: Binding | undefined;
}

export interface Binding {
  readonly command: Command;
  readonly headersMissing: boolean;
}

export function planLibvirt(
  facts: LibvirtSetupFacts,
  { systemd, aptGet }: { readonly systemd: boolean; readonly aptGet: boolean },
): Part {
  if (!facts.supported) return { packages: [], steps: [] };
  const { missing, program, binding } = facts;
  const wanted = facts.system && !facts.listens;
  const packages = [
    ...missing.map((tool) => tool.package),
    ...(wanted && program === undefined ? ["libvirt-daemon-system"] : []),
    ...(binding?.headersMissing === true ? ["libvirt-dev"] : []),
  ];
  const startable = program !== undefined || aptGet;
  return {
    packages: aptGet ? packages : [],
    steps: [
      ...(wanted && startable ? [bringUp(facts, systemd)] : []),
      ...(facts.system && facts.listens && !facts.logs && !systemd && program !== undefined ? [logs] : []),
      ...(facts.closed.length === 0 ? [] : [open(facts.closed)]),
      ...(facts.letIn === undefined ? [] : [{ kind: "command", title, command: facts.letIn, mayFail: true } as const]),
      ...(binding === undefined || (binding.headersMissing && !aptGet) ? [] : [build(binding)]),
    ],
  };
}

const title = "let QEMU at /dev/kvm, as libvirt is slow where root may open it and QEMU may not";

const logs: Step = {
  kind: "command",
  title: "start libvirt's log daemon by hand",
  command: ["virtlogd", "-d"],
  beside: true,
};

function bringUp({ logs, program }: LibvirtSetupFacts, systemd: boolean): Step {
  if (systemd)
    return { kind: "command", title: "start libvirt", command: ["systemctl", "start", "libvirtd"], beside: true };
  const title = "start libvirt by hand, as no systemd runs here";
  const commands: Command[] = [...(logs ? [] : [["virtlogd", "-d"] as const]), [program ?? "libvirtd", "-d"]];
  return { kind: "daemon", daemon: "libvirt", title, commands, beside: true };
}

/** 0711: a file's name has to be known to reach it, and its own mode decides the rest. */
function open(directories: readonly string[]): Step {
  const title = "let QEMU, which runs as another user, reach disks";
  return { kind: "command", title, command: ["install", "-d", "-m", "0711", ...directories], beside: true };
}

function build({ command }: Binding): Step {
  return {
    kind: "command",
    title: "build the libvirt binding, which is optional",
    command,
    mayFail: true,
    beside: true,
  };
}

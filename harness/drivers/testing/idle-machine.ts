// Decides what the cheapest real machine is: 64 MiB, an empty disk, firmware that finds nothing to boot. For tests of how libvirt and QEMU are
// spoken to; no guest runs in it.
import { execFileSync } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DomainFacts } from "../libvirt-xml-facts.ts";

export interface IdleMachine {
  /** All its files; QEMU's user may write there. */
  readonly directory: string;
  readonly facts: DomainFacts;
  /** Of an empty qcow2 file in its directory. */
  disk(name: string): string;
  /** Removes its files; its domain must be gone. */
  remove(): void;
}

/** Makes its files below `parent` and starts nothing. `user`: whom QEMU runs as. */
export function idleMachine(
  user: { readonly uid: number; readonly gid: number } | undefined,
  { parent = tmpdir(), ...changes }: Partial<DomainFacts> & { readonly parent?: string } = {},
): IdleMachine {
  const directory = mkdtempSync(join(parent, "assay-idle-"));
  const own = (path: string) => {
    if (user !== undefined) chownSync(path, user.uid, user.gid);
  };
  const disk = (name: string) => {
    const file = join(directory, `${name}.qcow2`);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file, "64M"]);
    own(file);
    return file;
  };
  own(directory);
  chmodSync(directory, 0o755);
  const facts: DomainFacts = {
    name: `assay-idle-${randomBytes(4).toString("hex")}`,
    uuid: randomUUID(),
    labels: { "dev.assay.run": "idle" },
    accelerator: "qemu",
    memoryBytes: 64 * 1024 ** 2,
    vcpus: 1,
    machine: "q35",
    cpu: "default",
    firmware: { kind: "bios" },
    boot: { from: "disk" },
    disks: [{ file: disk("disk"), format: "qcow2", bus: "virtio", serial: "IDLE" }],
    interfaces: [],
    channels: [{ name: "dev.assay.control", path: join(directory, "control") }],
    console: { log: join(directory, "console.log"), socket: join(directory, "tty") },
    qmp: join(directory, "qmp"),
    rng: true,
    screen: false,
    user,
    ...changes,
  };
  return { directory, facts, disk, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

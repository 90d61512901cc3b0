// Decides which numbers of machines become which row of the table, and what is asked of each. Pure. Refuses a number that nobody
// took: its row says that it is missing, and why.
import type { Row } from "./table.ts";
import { howOf, loadOf, side, type Told } from "./told.ts";

/** `machine.bench.ts` names what it took, `warm.bench.ts` what is in `warm`; `goss` and `vagrant` may lack theirs for reasons of their own. */
export function machineRows(told: Told, goss: Told = told, warm: Told = told, vagrant: Told = told): Row[] {
  const how = howOf(told);
  const boot = loadOf(told, "boot: load");
  const reset = loadOf(told, "reset: load");
  const files = loadOf(told, "assertions: load");
  const bootOurs = side(told, "boot: ours", "standUp to the first succeed(), two snapshots for later resets included");
  const carrier = side(told, "boot: carrier", "the same with carrier: true and no network");
  const resetOurs = side(told, "reset: ours", "rewind to the first succeed(): clock, random pool, canary gone");
  const assert = side(told, "assertions: ours", "expect(node).toMeet(all(…)), from the call to its promise");
  const peer = (name: string, by: string, from = told) => side(from, name, by);
  const sshBy = "the same image and XML: qemu-img create, virsh create, ssh until it answers";
  return [
    {
      work: `boot to the first command, ${how}`,
      ours: bootOurs,
      peer: peer("boot: ssh", sshBy),
      target: 0.75,
      ...boot,
    },
    { work: `boot of a carrier to the first command, ${how}`, ours: carrier, limit: 7000, ...boot },
    {
      work: `reset to the first command, clock right, ${how}`,
      ours: resetOurs,
      peer: peer("reset: raw", "QMP stop, snapshot-load, cont, a line to a shell at a port that sets the clock"),
      target: 1.5,
      ...reset,
    },
    {
      work: `reset to the first command against libvirt's, ${how}`,
      ours: resetOurs,
      peer: peer("reset: revert", "virsh snapshot-revert, then ssh until it answers, which sets the clock"),
      target: 0.2,
      ...reset,
    },
    {
      work: `warm start of a run to the first command against a boot, ${how}`,
      ours: side(warm, "warm: warm", "standUp to the first succeed(), from the memory of an earlier run's, made fresh"),
      peer: side(warm, "warm: boot", 'the same with start: "boot": when its boot is over'),
      target: 0.4,
      ...loadOf(warm, "warm: load"),
    },
    {
      work: `boot to the first command against Vagrant, ${how}`,
      ours: bootOurs,
      peer: side(vagrant, "vagrant", "the same disk as a box: vagrant up, vagrant ssh, with vagrant-libvirt"),
      ...loadOf(vagrant, "vagrant: load"),
    },
    {
      work: `300 file assertions on a machine, ${how}`,
      ours: assert,
      peer: peer("assertions: goss", "goss in the guest over an ssh connection that is open already", goss),
      target: 1.2,
      ...files,
    },
    {
      work: `300 file assertions on a machine, ssh connecting anew, ${how}`,
      ours: assert,
      peer: peer("assertions: goss anew", "goss in the guest over ssh, connected for it", goss),
      ...files,
    },
    {
      work: "memory of the harness for one machine more",
      ours: side(told, "memory: harness", "growth of the test process with three machines more, by three"),
      limit: 10,
      unit: "MiB",
    },
    {
      work: `memory of QEMU for a machine of 256 MiB, ${how}`,
      ours: side(told, "memory: qemu", "resident memory of each of the three"),
      unit: "MiB",
    },
  ];
}

/** `build.bench.ts` names what it took. */
export function diskRows(none: Told, built: Told): Row[] {
  return [
    {
      work: "build of a disk of which nothing changed",
      ours: side(none, "none", "Store.build, in a process"),
      limit: 50,
      ...loadOf(none, "load"),
    },
    {
      work: "build of a disk with one role changed",
      ours: side(built, "role", "Store.build: the playbook over the tree below, and the disk"),
      peer: side(built, "full", "Store.build in an empty store: mmdebstrap, packages, the playbook, the disk"),
      target: 0.5,
      ...loadOf(built, "load"),
    },
  ];
}

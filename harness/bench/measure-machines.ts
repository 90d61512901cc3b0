// Decides what machines are measured against, and which numbers become which row. Refuses a row that nobody measured: it is
// told as missing, with the reason.
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import { messageOf } from "../model/errors.ts";
import { haveGoss } from "./goss.ts";
import type { Measuring } from "./measure.ts";
import { sampleOf } from "./sample.ts";
import { type Answer, handOver, takeAnswer } from "./settings.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";
import { assertions, gossfile } from "./work.ts";

type Side = Row["ours"];

/** All rows of machines. `full`: disks are built from nothing as well, which takes minutes. */
export async function measureMachines(measuring: Measuring & { readonly full: boolean }): Promise<Row[]> {
  const { config, say, rounds } = measuring;
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const goss = await haveGoss(config.state, say);
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    if ("directory" in goss) {
      linkSync(join(goss.directory, "goss"), join(room, "goss"));
      writeFileSync(join(room, "goss.yaml"), gossfile());
      writeFileSync(join(room, "defect.yaml"), gossfile("nobody"));
    }
    const settings = {
      ...("directory" in goss ? { goss: room } : {}),
      answer: join(room, "answer.json"),
      warmUp: 1,
      rounds,
    };
    const run = async (pattern: string): Promise<Answer & { readonly why: string }> => {
      say(pattern);
      const command = [join(config.project, "harness/assay"), "run", "--project", "bench", pattern];
      let why = "it was not reached";
      try {
        await timed(host, command, handOver(settings), 3_600_000);
      } catch (error) {
        why = messageOf(error).split("\n").at(-1) ?? "";
        say(why);
      }
      try {
        return { ...takeAnswer(settings), why };
      } catch {
        return { timings: {}, words: {}, why };
      }
    };
    const machines = await run("machine.bench");
    const disks = measuring.full ? await run("build.bench") : undefined;
    const why = "missing" in goss ? { ...machines, why: goss.missing } : machines;
    return [...machineRows(machines, why), ...(disks === undefined ? [] : diskRows(disks))];
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

interface Told extends Answer {
  /** Why a number is not there. */
  readonly why: string;
}

function side({ timings, why }: Told, name: string, by: string): Side {
  const taken = timings[name] ?? [];
  return taken.length === 0 ? { by, missing: why } : { by, sample: sampleOf(taken) };
}

function loadOf({ timings }: Answer, name: string): { load?: [number, number] } {
  const seen = timings[name] ?? [];
  return seen.length === 0 ? {} : { load: [Math.min(...seen), Math.max(...seen)] };
}

/** `machine.bench.ts` names what it took. Exported for the tests. */
export function machineRows(told: Told, goss: Told = told): Row[] {
  const how = told.words["accelerator"] === "kvm" ? "hardware" : "emulated";
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
      work: `${assertions} file assertions on a machine, ${how}`,
      ours: assert,
      peer: peer("assertions: goss", "goss in the guest over an ssh connection that is open already", goss),
      target: 1.2,
      ...files,
    },
    {
      work: `${assertions} file assertions on a machine, ssh connecting anew, ${how}`,
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
export function diskRows(told: Told): Row[] {
  const load = loadOf(told, "load");
  return [
    {
      work: "build of a disk that nothing changed of",
      ours: side(told, "none", "Store.build, in a process"),
      limit: 50,
      ...load,
    },
    {
      work: "build of a disk with one role changed",
      ours: side(told, "role", "Store.build: the playbook over the tree below, and the disk"),
      peer: side(told, "full", "Store.build in an empty store: mmdebstrap, packages, the playbook, the disk"),
      target: 0.5,
      ...load,
    },
  ];
}

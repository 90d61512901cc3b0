// Decides how machines are measured: in runs of their own, whose supervisor clears up. What one of them did not come to measure
// is told as missing, with the reason.
import { chmodSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import { Store } from "../store/store.ts";
import { goss as gossProgram, haveGoProgram } from "./go-program.ts";
import { diskRows, machineRows } from "./machine-rows.ts";
import { machineKey, machineRecipe } from "./machine-work.ts";
import type { Measuring } from "./measure.ts";
import type { Row } from "./table.ts";
import { toldBy } from "./told.ts";
import { byVagrant } from "./vagrant.ts";
import { gossfile } from "./work.ts";

/** All rows of machines. `full`: disks are built from nothing as well, which takes minutes. */
export async function measureMachines(measuring: Measuring & { readonly full: boolean }): Promise<Row[]> {
  const { config, say, rounds } = measuring;
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const goss = await haveGoProgram(gossProgram, config.state, say);
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
    const run = (pattern: string) => toldBy({ config, host, say, settings }, pattern);
    const machines = await run("machine.bench");
    const warm = await run("warm.bench");
    say("vagrant");
    const { image } = await new Store({ directory: config.store, disks: config.disks }).build(machineRecipe);
    const key = join(room, "key");
    copyFileSync(join(config.project, machineKey), key);
    chmodSync(key, 0o600);
    // Scratch directories lie where QEMU's user may pass.
    const directory = join(config.disks, "..", "bench", "vagrant");
    const vagrant = await byVagrant({
      host,
      directory,
      disk: image.disk?.path ?? "",
      key,
      rounds: Math.min(3, rounds),
    });
    const disks = measuring.full ? await run("build.bench") : undefined;
    const why = "missing" in goss ? { ...machines, why: goss.missing } : machines;
    const none = { why: "", words: {}, timings: { none: await unchanged(measuring), load: loadavg().slice(0, 1) } };
    return [
      ...machineRows(machines, why, warm, vagrant),
      ...diskRows(none, disks ?? { timings: {}, words: {}, why: "left out, by --quick" }),
    ];
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

/** The disk is in the store: what a new process asks, each time of files that it has not read. */
async function unchanged({ config, rounds }: Measuring): Promise<number[]> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    const { built } = await new Store({ directory: config.store, disks: config.disks }).build(machineRecipe);
    took.push(performance.now() - began);
    if (built) throw new Error("a disk that was in the store was built again");
  }
  return took;
}

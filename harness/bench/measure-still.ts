// Decides how the judging of an image at rest is measured: against a `tar t` of its one layer, which is the least that anybody who looks
// for 100 files has to do. Both are read from the same disk, by turns, after one round that does not count.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Node } from "../model/node.ts";
import { Store } from "../store/store.ts";
import type { Judged } from "./judge-still.ts";
import type { Measuring } from "./measure.ts";
import { sampleOf } from "./sample.ts";
import { type StillArchive, stillArchives, stillFiles } from "./still-work.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";
import { benchRecipe } from "./work.ts";

const mebi = 1024;
const mostMemory = 200;

/** Four rows: time and memory, of plain layers and of compressed ones. `benchRecipe` is in the store already. */
export async function measureStill({ config, say, rounds }: Measuring): Promise<Row[]> {
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "still-"));
  const host = hostNode();
  try {
    say("an archive of a gigabyte");
    const store = new Store({ directory: config.store, disks: config.disks });
    const { image } = await store.build(benchRecipe, { say });
    const { plain, gzip } = await stillArchives(room, image.tree);
    const times = Math.min(rounds, 7);
    say("images at rest");
    return [
      ...(await rowsOf(host, plain, { what: "plain layers", list: "-t", rounds: times })),
      ...(await rowsOf(host, gzip, { what: "layers by gzip", list: "-tz", rounds: Math.min(times, 3) })),
    ];
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

interface Way {
  readonly what: string;
  /** What `tar` is told to list by. */
  readonly list: "-t" | "-tz";
  readonly rounds: number;
}

async function rowsOf(host: Node, { layer, image }: StillArchive, { what, list, rounds }: Way): Promise<Row[]> {
  const [ours, peer, memory]: [number[], number[], number[]] = [[], [], []];
  const judge = async () => {
    const said = await host.succeed([process.execPath, join(import.meta.dirname, "judge-still.ts"), image], {
      timeoutMs: 300_000,
    });
    const judged = JSON.parse(said) as Judged;
    ours.push(judged.ms);
    memory.push(judged.memory / mebi);
  };
  const tar = async () => void peer.push(await timed(host, ["tar", list, "-f", layer]));
  const began = loadavg()[0] ?? 0;
  for (let round = -1; round < rounds; round += 1) {
    if (round === 0) for (const each of [ours, peer, memory]) each.length = 0;
    for (const side of round % 2 === 0 ? [judge, tar] : [tar, judge]) await side();
  }
  const load = [began, loadavg()[0] ?? 0].sort((a, b) => a - b) as [number, number];
  const work = `an image of 1 GB judged at rest, ${stillFiles.length * 3} file checks, ${what}`;
  const by = "in a new process, from the call that opens the archive to the last answer";
  return [
    {
      work,
      ours: { by, sample: sampleOf(ours) },
      peer: { by: `tar ${list} of the layer`, sample: sampleOf(peer) },
      target: 2,
      load,
    },
    {
      work: `${work}: memory`,
      ours: { by: "the most that process had", sample: sampleOf(memory) },
      limit: mostMemory,
      unit: "MiB",
      load,
    },
  ];
}

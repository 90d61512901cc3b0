// Decides how the judging of an image at rest is measured: against a `tar t` of its one layer, which is the least that anybody who looks
// for 100 files has to do; tar passes over contents only in a file, so it is given the layer as one, and as it lies in the archive. All
// are read from the same disk, by turns, after one round that does not count.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { basename, join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Node } from "../model/node.ts";
import { Store } from "../store/store.ts";
import { containerStructureTest, type Had, haveGoProgram } from "./go-program.ts";
import type { Judged } from "./judge-still.ts";
import type { Measuring } from "./measure.ts";
import { sampleOf } from "./sample.ts";
import { type StillArchive, stillArchives, stillFiles } from "./still-work.ts";
import { structureTest, structureTests } from "./structure-test.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";
import { benchRecipe } from "./work.ts";

const mebi = 1024;
const mostMemory = 200;
const ourWay = "in a new process, from the call that opens the archive to the last answer";
/** container-structure-test unpacks the whole image for each of its tests. */
const few = 2;

/** Time against both, and memory, of plain layers and of compressed ones; and against the peer that needs no engine either. `benchRecipe` is in the store already. */
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
    const program = await haveGoProgram(containerStructureTest, config.state, say);
    return [
      ...(await rowsOf(host, plain, { what: "plain layers", list: "-t", rounds: times })),
      ...(await rowsOf(host, gzip, { what: "layers by gzip", list: "-tz", rounds: Math.min(times, 3) })),
      await byStructureTest(host, plain.image, { room, program, rounds: Math.min(times, 3) }),
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
  const memory: number[] = [];
  const ours: number[] = [];
  const judge = async () => {
    const { ms, memory: most } = await judged(host, image);
    ours.push(ms);
    memory.push(most / mebi);
  };
  const out = ["sh", "-c", 'tar -xOf "$1" "$2" | tar "$3"', "sh", image, basename(layer), list];
  const peers = [
    { by: `tar ${list} of the layer, which lies by itself as a file`, command: ["tar", list, "-f", layer] },
    { by: `tar -xO of the layer out of the archive, and tar ${list} of that`, command: out },
  ].map((peer) => ({ ...peer, times: [] as number[] }));
  const sides = [
    judge,
    ...peers.map(
      ({ command, times }) =>
        async () =>
          void times.push(await timed(host, command)),
    ),
  ];
  const began = loadavg()[0] ?? 0;
  for (let round = -1; round < rounds; round += 1) {
    if (round === 0) for (const each of [ours, memory, ...peers.map(({ times }) => times)]) each.length = 0;
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  const load = [began, loadavg()[0] ?? 0].sort((a, b) => a - b) as [number, number];
  const work = `an image of 1 GB judged at rest, ${stillFiles.length * 3} file checks, ${what}`;
  const rows = peers.map((peer, index) => ({
    work: index === 0 ? work : `${work}, against tar on the same archive`,
    ours: { by: ourWay, sample: sampleOf(ours) },
    peer: { by: peer.by, sample: sampleOf(peer.times) },
    target: 2,
    load,
  }));
  const most = { by: "the most memory that this process had", sample: sampleOf(memory) };
  return [...rows, { work: `${work}: memory`, ours: most, limit: mostMemory, unit: "MiB", load }];
}

/** Ours and container-structure-test, by turns. Rejects where that does not find a defect. */
async function byStructureTest(
  host: Node,
  image: string,
  { room, program, rounds }: { room: string; program: Had; rounds: number },
): Promise<Row> {
  const work = `an image of 1 GB judged at rest, ${few} files, against container-structure-test`;
  const by = "its tar driver, in a new process";
  const configuration = (name: string, mode?: string) => {
    const path = join(room, name);
    writeFileSync(path, structureTests(few, mode));
    return path;
  };
  const theirs: number[] = [];
  const ours: number[] = [];
  const sides = [async () => void ours.push((await judged(host, image, few)).ms)];
  if ("directory" in program) {
    const command = (path: string) => structureTest(join(program.directory, containerStructureTest.name), image, path);
    const good = configuration("structure.yaml");
    await host.fail(command(configuration("structure-defect.yaml", "-rwsr-xr-x")), { timeoutMs: 600_000 });
    sides.push(async () => void theirs.push(await timed(host, command(good), {}, 600_000)));
  }
  const began = loadavg()[0] ?? 0;
  for (let round = 0; round < rounds; round += 1)
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  const load = [began, loadavg()[0] ?? 0].sort((a, b) => a - b) as [number, number];
  const peer = "missing" in program ? { by, missing: program.missing } : { by, sample: sampleOf(theirs) };
  return { work, ours: { by: ourWay, sample: sampleOf(ours) }, peer, load };
}

async function judged(host: Node, image: string, count = stillFiles.length): Promise<Judged> {
  const command = [process.execPath, join(import.meta.dirname, "judge-still.ts"), image, String(count)] as const;
  return JSON.parse(await host.succeed(command, { timeoutMs: 300_000 })) as Judged;
}

// Decides how the difference of two images is measured: the command in a new process, against `diff -r` of both trees unpacked already, which
// compares contents alone, and against container-diff. All read the same bytes, by turns, after one round that does not count.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Node } from "../model/node.ts";
import { Store } from "../store/store.ts";
import { type DiffImage, diffImages, fillerDifferences } from "./diff-work.ts";
import { containerDiff, haveGoProgram } from "./go-program.ts";
import type { DiffTaken } from "./judge-diff.ts";
import type { Measuring } from "./measure.ts";
import { sampleOf } from "./sample.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";
import { benchRecipe } from "./work.ts";

const mostMs = 15_000;
const mostMemory = 300;
const mebi = 1024;
const timeoutMs = 600_000;

/** Time against both, and memory. Rejects where a side does not find what differs. */
export async function measureDiff({ config, say, rounds, warmUp }: Measuring): Promise<Row[]> {
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "diff-"));
  const host = hostNode();
  try {
    const store = new Store({ directory: config.store, disks: config.disks });
    const { image } = await store.build(benchRecipe, { say });
    const program = await haveGoProgram(containerDiff, config.state, say);
    say("two images of a gigabyte");
    const images = await diffImages(room, image.tree);
    const [ours, memory, byDiff, byProgram] = [[], [], [], []] as number[][] as [
      number[],
      number[],
      number[],
      number[],
    ];
    const cache = join(room, "cache");
    const sides = [
      async () => {
        const { ms, memory: most } = await taken(host, images);
        ours.push(ms);
        memory.push(most / mebi);
      },
      async () => void byDiff.push(await unpacked(host, images)),
      async () => {
        if (!("directory" in program)) return;
        const [old, now] = images.map((each) => each.image) as [string, string];
        const command = [join(program.directory, containerDiff.name), "diff", "--type=file", "-n", "-c", cache];
        byProgram.push(await timed(host, [...command, old, now], {}, timeoutMs));
        rmSync(cache, { recursive: true, force: true });
      },
    ];
    const began = loadavg()[0] ?? 0;
    for (let round = -warmUp; round < rounds; round += 1) {
      if (round === 0) for (const each of [ours, memory, byDiff, byProgram]) each.length = 0;
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
    }
    const load = [began, loadavg()[0] ?? 0].sort((a, b) => a - b) as [number, number];
    const work = "the difference of two images of 1 GB, 37,000 files each";
    const by = "assay diff --json of two archives, a new process from its start to its last line";
    const named = "container-diff --type=file of the same archives, which unpacks both";
    const peer =
      "missing" in program ? { by: named, missing: program.missing } : { by: named, sample: sampleOf(byProgram) };
    return [
      {
        work: `${work}, against diff`,
        ours: { by, sample: sampleOf(ours) },
        peer: { by: "diff -rq of both trees, unpacked beforehand: contents alone", sample: sampleOf(byDiff) },
        limit: mostMs,
        load,
      },
      { work: `${work}, against container-diff`, ours: { by, sample: sampleOf(ours) }, peer, target: 1, load },
      {
        work: `${work}: memory`,
        ours: { by: "the most memory that this process had", sample: sampleOf(memory) },
        limit: mostMemory,
        unit: "MiB",
        load,
      },
    ];
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

type Both = readonly [old: DiffImage, now: DiffImage];

async function taken(host: Node, [old, now]: Both): Promise<DiffTaken> {
  const program = join(import.meta.dirname, "judge-diff.ts");
  const said = await host.succeed([process.execPath, program, old.image, now.image], { timeoutMs });
  const found = said.match(/"topic":/g)?.length ?? 0;
  if (found !== fillerDifferences) throw new Error(`assay diff told ${found} differences of ${fillerDifferences}`);
  return JSON.parse(said.trimEnd().split("\n").at(-1) ?? "") as DiffTaken;
}

/** `diff` ends with 1 where it found something. */
async function unpacked(host: Node, [old, now]: Both): Promise<number> {
  const script = 'test "$(diff -rq --no-dereference "$1" "$2" | wc -l)" = "$3"';
  return timed(host, ["sh", "-c", script, "sh", old.tree, now.tree, String(fillerDifferences)], {}, timeoutMs);
}

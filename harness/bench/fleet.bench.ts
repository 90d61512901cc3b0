// Many containers in one environment, up and down: by Assay, and by `docker run -d` of all at once. Also what a container more costs
// the process that holds them. Measures nothing before both sides have stood as many as they should.
import { test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { container, defineEnvironment, expect } from "../index.ts";
import { identityOf } from "../model/identity.ts";
import { standMachine } from "./machine-stand.ts";
import { answer, benchSettings } from "./settings.ts";
import { timed } from "./timed.ts";
import { benchRecipe } from "./work.ts";

const settings = benchSettings();
const sizes = [1, 10, 50];
/** At a time: the machine has few cores, and the engine does one thing after another anyway. */
const abreast = 10;

const script = [
  "set -eu",
  `seq "$1" | xargs -P ${abreast} -I{} docker run -d --label dev.assay.run=bench --label "dev.assay.owner=$3" "$2" sleep infinity >"$4"`,
  '[ "$(wc -l <"$4")" -eq "$1" ]',
  `xargs -P ${abreast} -n 5 docker rm -f <"$4"`,
].join("\n");

test("containers by the dozen", { timeout: 1_800_000 }, async () => {
  const timings: Record<string, number[]> = {};
  const keep = (name: string, value: number) => {
    timings[name] ??= [];
    timings[name].push(value);
  };
  const host = hostNode();
  const image = `${benchRecipe.name}:${benchRecipe.version}`;
  const environment = (size: number) =>
    defineEnvironment(`bench-fleet-${size}`, {
      nodes: Object.fromEntries(
        Array.from({ length: size }, (_, index) => [`n${index}`, container({ image: benchRecipe, idle: true })]),
      ),
    });
  const ours = async (size: number) => {
    const before = residentMiB();
    const began = performance.now();
    const { live } = await standMachine(environment(size));
    const took = performance.now() - began;
    const held = residentMiB();
    expect(live.nodes.size).toBeGreaterThanOrEqual(size);
    const ending = performance.now();
    await live.takeDown();
    return { took: took + performance.now() - ending, grew: (held - before) / size };
  };
  const peer = (size: number) =>
    timed(host, ["bash", "-c", script, "bash", String(size), image, identityOf(), `${settings.answer}.ids`]);
  try {
    for (let round = -1; round < settings.rounds; round += 1) {
      for (const size of sizes) {
        const sides = [
          async () => {
            const { took, grew } = await ours(size);
            if (round >= 0) keep(`${size}: ours`, took);
            // The first time more than containers is loaded; with few of them that is most of it.
            if (round >= 0 && size === 50) keep("memory", grew);
          },
          async () => {
            const took = await peer(size);
            if (round >= 0) keep(`${size}: peer`, took);
          },
        ];
        for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
      }
      answer(settings, timings);
    }
  } finally {
    await host.close();
  }
});

function residentMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1024 ** 2;
}

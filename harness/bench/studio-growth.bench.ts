// A studio of one host and one of eight, by turns, each from nothing until all have booted; and what a host more costs the process that
// holds them.
import { test } from "vitest";
import { expect, type VmNode } from "../index.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { taking } from "./studio-take.ts";
import { grown, studioEnvironment } from "./studio-work.ts";

const settings = benchSettings();
const take = taking();

test("a studio that grows", { timeout: 3_600_000 }, async () => {
  const stand = async (count: number) => {
    const before = residentMiB();
    const { live } = await take.time(`growth: ${count}`, () =>
      standMachine(studioEnvironment(`bench-growth-${count}`, count)),
    );
    const grew = residentMiB() - before;
    try {
      expect(live.nodes.size).toBe(count);
      const ids = [...live.nodes.values()].map((node) => node.succeed(["cat", "/etc/machine-id"]));
      expect(new Set(await Promise.all(ids)).size).toBe(count);
      take.say("accelerator", ([...live.nodes.values()][0] as VmNode).facts.accelerator);
    } finally {
      await live.takeDown();
    }
    return grew;
  };
  // The first brings more into memory than a host.
  for (let round = 0; round < settings.rounds; round += 1)
    for (const count of round % 2 === 0 ? [1, grown] : [grown, 1]) {
      const grew = await stand(count);
      if (count === grown) take.keep("memory", grew / count);
    }
});

function residentMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1024 ** 2;
}

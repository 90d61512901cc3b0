// Machines: a run that finds one kept from an earlier run, and one that boots, by turns. Both end at the first command of a machine
// whose boot is over.
import { loadavg } from "node:os";
import { test } from "vitest";
import { expect, type VmNode } from "../index.ts";
import { standMachine } from "./machine-stand.ts";
import { machineEnvironment } from "./machine-work.ts";
import { answer, benchSettings } from "./settings.ts";

const settings = benchSettings();
const timings: Record<string, number[]> = {};
const keep = (name: string, value: number) => {
  timings[name] ??= [];
  timings[name].push(value);
  console.error(`bench: ${name} ${value.toFixed(1)} at load ${loadavg()[0]?.toFixed(1)}`);
};

test("machines: warm start", { timeout: 3_600_000 }, async () => {
  let accelerator = "";
  const first = async (start: "warm" | "boot") => {
    const began = performance.now();
    const { live } = await standMachine(machineEnvironment(`bench-${start}`, "booted", start));
    const soe = live.nodes.get("soe") as VmNode;
    await soe.succeed(["true"]);
    const took = performance.now() - began;
    const { facts } = soe;
    await live.takeDown();
    accelerator = facts.accelerator;
    return { took, facts };
  };
  // One is kept, if there was none.
  await first("warm");
  for (let round = 0; round < settings.rounds; round += 1) {
    keep("warm: load", loadavg()[0] ?? 0);
    for (const start of round % 2 === 0 ? (["warm", "boot"] as const) : (["boot", "warm"] as const)) {
      const { took, facts } = await first(start);
      expect(facts.start).toBe(start === "warm" ? "warm" : "booted");
      keep(`warm: ${start}`, took);
    }
    answer(settings, timings, { accelerator });
  }
});

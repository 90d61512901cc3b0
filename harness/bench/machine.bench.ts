// Machines: boot, reset and 300 assertions, by Assay and by hand, by turns. Measures nothing before both sides have done the work
// once, and keeps nothing of a round in which a clock was wrong.
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { openLibvirt } from "../drivers/libvirt-client.ts";
import { hostNode } from "../drivers/shell-node.ts";
import { all, type Environment, expect, shell, type VmNode } from "../index.ts";
import { session } from "../vitest/session.ts";
import type { MachineByHand } from "./machine-by-hand.ts";
import { byHandLike } from "./machine-peer.ts";
import { standMachine } from "./machine-stand.ts";
import { carrierEnvironment, machineEnvironment } from "./machine-work.ts";
import { answer, benchSettings } from "./settings.ts";
import { timed } from "./timed.ts";
import { assertions, checks, filesScript } from "./work.ts";

const settings = benchSettings();
const timings: Record<string, number[]> = {};
const words: Record<string, string> = {};
const keep = (name: string, value: number) => {
  timings[name] ??= [];
  timings[name].push(value);
  console.error(`bench: ${name} ${value.toFixed(1)} at load ${loadavg()[0]?.toFixed(1)}`);
};
/** How busy the machine was with other things is told with each row. */
const busy = (name: string) => keep(`${name}: load`, loadavg()[0] ?? 0);
const by = <Side>(round: number, sides: readonly Side[]) => (round % 2 === 0 ? sides : sides.toReversed());

test("machines: boot, reset, assertions, memory", { timeout: 3_600_000 }, async () => {
  const { settings: run } = session();
  const stand = standMachine;
  const first = async (environment: Environment, into: string) => {
    const began = performance.now();
    const stood = await stand(environment);
    const [node] = stood.live.nodes.values();
    await node?.succeed(["true"]);
    keep(into, performance.now() - began);
    return stood;
  };

  const kept = await stand(machineEnvironment("bench-reset", "booted"));
  const soe = kept.live.nodes.get("soe") as VmNode;
  words["accelerator"] = soe.facts.accelerator;
  const client = await openLibvirt({ uri: run.engines.libvirtUri });
  const byHand = await byHandLike(kept, "soe", client);
  const host = hostNode();
  try {
    await assertionRounds(soe, byHand, host);
    answer(settings, timings, words);
    // The first boot by hand is that of the machine which is then reset.
    busy("boot");
    await bootByHand(byHand);
    await byHand.sshLoop("sudo systemctl is-system-running --wait >/dev/null; true");
    await resetRounds(soe, kept.live.rewind, byHand);
    answer(settings, timings, words);
    await byHand.destroy();
    await kept.live.takeDown();
    await bootRounds(first, byHand, () => answer(settings, timings, words));
    await memory(stand);
    answer(settings, timings, words);
  } finally {
    await byHand.end();
    await kept.live.takeDown();
    await client.close();
    await host.close();
  }
});

type First = (environment: Environment, into: string) => Promise<{ live: { takeDown(): Promise<void> } }>;

async function bootByHand(byHand: MachineByHand): Promise<void> {
  const began = performance.now();
  await byHand.create();
  await byHand.sshLoop("true");
  keep("boot: ssh", performance.now() - began);
}

async function bootRounds(first: First, byHand: MachineByHand, kept: () => void): Promise<void> {
  const ours = async () => (await first(machineEnvironment("bench-boot", "shell"), "boot: ours")).live.takeDown();
  const carrier = async () =>
    (await first(carrierEnvironment("bench-carrier", ["one"]), "boot: carrier")).live.takeDown();
  const peer = async () => {
    await bootByHand(byHand);
    await byHand.destroy();
  };
  for (let round = 0; round < settings.rounds; round += 1) {
    busy("boot");
    // One boot by hand is over already.
    const sides = round === 0 ? [ours, carrier] : by(round, [ours, peer, carrier]);
    for (const side of sides) {
      await side();
      kept();
    }
  }
}

async function resetRounds(
  soe: VmNode,
  rewind: (() => Promise<void>) | undefined,
  byHand: MachineByHand,
): Promise<void> {
  if (rewind === undefined) throw new Error("machines can be brought back");
  await byHand.keep();
  const ours = async () => {
    await soe.succeed(["touch", "/root/canary"]);
    const began = performance.now();
    await rewind();
    await soe.succeed(["true"]);
    const took = performance.now() - began;
    const ahead = Number(await soe.succeed(["date", "+%s.%N"])) - Date.now() / 1000;
    expect(Math.abs(ahead)).toBeLessThan(2);
    await soe.fail(["test", "-e", "/root/canary"]);
    keep("reset: ours", took);
  };
  const raw = async () => keep("reset: raw", await byHand.loadRaw());
  const revert = async () => keep("reset: revert", await byHand.revert());
  // One pair after the other: a revert starts a new QEMU, whose translated code is cold for the load that comes next.
  for (const [name, peer] of [
    ["reset: raw", raw],
    ["reset: revert", revert],
  ] as const) {
    const before = timings["reset: ours"]?.length ?? 0;
    for (let round = -1; round < settings.rounds; round += 1) {
      if (round === 0) {
        timings[name] = [];
        timings["reset: ours"]?.splice(before);
      }
      busy("reset");
      for (const side of by(round, [ours, peer])) await side();
    }
  }
}

async function assertionRounds(soe: VmNode, byHand: MachineByHand, host: ReturnType<typeof hostNode>): Promise<void> {
  await soe.succeed(shell(filesScript()));
  const ours = async () => {
    const began = performance.now();
    await expect(soe).toMeet(all(...checks()));
    keep("assertions: ours", performance.now() - began);
    await session().events.flushed();
  };
  await expect(soe).not.toMeet(all(...checks("nobody")));
  const sides = [ours];
  let end = () => {};
  if (settings.goss !== undefined) {
    const to = byHand.sshWords(soe.address());
    await byHand.sshLoop("true", soe.address());
    const place = "sudo mkdir -p /opt/goss && sudo tar -C /opt/goss -xf -";
    execFileSync(
      "sh",
      [
        "-c",
        'tar -C "$1" -chf - goss goss.yaml defect.yaml | (shift; exec ssh "$@")',
        "sh",
        settings.goss,
        ...to,
        place,
      ],
      { timeout: 300_000 },
    );
    const control = join(byHand.directory, "mux");
    // Ended below; that of a bench which was killed ends when its guest is gone.
    const master = spawn("ssh", ["-M", "-S", control, "-N", ...to], { stdio: "ignore" });
    end = () => void master.kill();
    const asks = ["-O", "check", "-S", control, ...to.slice(-1)];
    await host.succeed(shell(`until ssh ${asks.join(" ")} 2>/dev/null; do sleep 0.1; done`), { timeoutMs: 60_000 });
    const goss = (file: string) => `sudo /opt/goss/goss -g /opt/goss/${file} validate`;
    const said = await host.exec(["ssh", "-S", control, ...to, goss("defect.yaml")], { timeoutMs: 120_000 });
    expect(said.stdout).toContain(`Count: ${assertions}, Failed: 1`);
    const open = async () =>
      keep("assertions: goss", await timed(host, ["ssh", "-S", control, ...to, goss("goss.yaml")]));
    const anew = async () => keep("assertions: goss anew", await timed(host, ["ssh", ...to, goss("goss.yaml")]));
    sides.push(open, anew);
  }
  try {
    for (let round = -1; round < settings.rounds; round += 1) {
      if (round === 0) for (const name of Object.keys(timings)) if (name.startsWith("assertions")) timings[name] = [];
      busy("assertions");
      for (const side of by(round, sides)) await side();
    }
  } finally {
    end();
  }
}

/** What this process grows by with three machines more, and what their QEMUs take. Mebibytes. */
async function memory(
  stand: (environment: Environment) => Promise<{ live: { takeDown(): Promise<void> } }>,
): Promise<void> {
  const before = process.memoryUsage().rss;
  const { live } = await stand(carrierEnvironment("bench-memory", ["one", "two", "three"]));
  keep("memory: harness", (process.memoryUsage().rss - before) / 3 / 2 ** 20);
  for (const rss of qemus("bench-memory")) keep("memory: qemu", rss);
  await live.takeDown();
}

/** Resident memory of each QEMU of this run whose domain's name holds `text`. */
function qemus(text: string): number[] {
  const { run } = session().settings;
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (!line.includes("qemu-system") || !line.includes(`assay-${run}-`) || !line.includes(text)) return [];
        const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return kib === undefined ? [] : [Number(kib) / 1024];
      } catch {
        return []; // it ended while it was looked at
      }
    });
}

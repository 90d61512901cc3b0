// A stack of services from nothing until each part is ready: by Assay, by a script of `docker`, by testcontainers, by turns; forty
// questions about what its services do; what it takes of memory; what a test waits for a clean one. Nothing is measured before each side has found the same defect.
import { setTimeout as pause } from "node:timers/promises";
import { describe, test } from "vitest";
import { findEngine } from "../drivers/docker-engine.ts";
import { type HostNode, hostNode } from "../drivers/shell-node.ts";
import { expect, type Node, testIn } from "../index.ts";
import { startOrder } from "../model/environment.ts";
import { session } from "../vitest/session.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { dirtIn, leaveDirt } from "./stack-dirt.ts";
import { byTestcontainers, downScript, type Part, partsOf, upScript } from "./stack-peers.ts";
import { loginOf, type ServiceQuestion, serviceQuestions, stackEnvironment } from "./stack-work.ts";
import { taking } from "./studio-take.ts";
import { timed } from "./timed.ts";

const settings = benchSettings();
/** About as long as it takes such a stack to stand up beside a test. */
const testMs = 8000;
const take = taking();
process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
const environment = await stackEnvironment();

test("a stack of services", { timeout: 3_600_000 }, async () => {
  const host = hostNode();
  const before = residentMiB();
  const docker = await findEngine(session().settings.engines.dockerHost);
  const model = await standMachine(environment);
  try {
    const nodes = model.live.nodes;
    const inspected = await Promise.all(
      [...nodes].map(async ([name, node]) => {
        const facts = await docker.getContainer((node as unknown as { id: string }).id).inspect();
        return [name, facts] as const;
      }),
    );
    const facts = new Map(inspected);
    const parts = partsOf(environment, startOrder(environment.name, environment.nodes), facts);
    expect(parts).toHaveLength(nodes.size);
    const ids = new Map([...facts].map(([name, { Id }]) => [name, Id]));
    await checkRounds(nodes, ids, host);
    const used = await Promise.all([...ids.values()].map((id) => memoryOf(host, id)));
    take.keep(
      "memory: stack",
      used.reduce((sum, each) => sum + each, 0),
    );
    take.keep("memory: harness", residentMiB() - before);
    await model.live.takeDown();
    await upRounds(parts, host);
  } finally {
    await model.live.takeDown();
    await host.close();
  }
});

describe("clean for each test, by a spare", () => {
  const clean = testIn(environment, { isolation: "test", spare: true });
  let ended = 0;
  for (let number = 0; number <= settings.rounds * 2; number += 1)
    clean(`a test that takes ${testMs / 1000} s, ${number}`, async ({ worker }) => {
      const began = performance.now();
      if (number > 0) take.keep("clean: ours", began - ended);
      expect(await dirtIn(worker as Node)).toEqual([]);
      await leaveDirt(worker as Node);
      await pause(Math.max(0, testMs - (performance.now() - began)));
      ended = performance.now();
    });
});

function residentMiB(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / 1024 ** 2;
}

/** MiB that a container's processes hold: without what the kernel keeps of files because there is room. */
async function memoryOf(host: HostNode, id: string): Promise<number> {
  const said = await host.succeed(["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", id]);
  const [, amount = "", unit = ""] = /^([\d.]+)(B|KiB|MiB|GiB)/.exec(said) ?? [];
  const mebibytes: Record<string, number> = { B: 2 ** -20, KiB: 2 ** -10, MiB: 1, GiB: 1024 };
  const scale = mebibytes[unit];
  if (scale === undefined) throw new Error(`the engine says of ${id}: ${said}`);
  return Number(amount) * scale;
}

async function checkRounds(
  nodes: ReadonlyMap<string, Node>,
  ids: ReadonlyMap<string, string>,
  host: HostNode,
): Promise<void> {
  const questions = serviceQuestions(loginOf(environment));
  expect(questions).toHaveLength(40);
  const nodeOf = ({ node }: ServiceQuestion) => nodes.get(node) as Node;
  const byExec = ({ peer }: ServiceQuestion) => ["docker", "exec", ids.get(peer.container) ?? "", ...peer.command];
  // Every question is met by both, and one that is not is seen by both.
  for (const question of questions) {
    await expect(nodeOf(question)).toMeet(question.check);
    await host.succeed(byExec(question) as [string, ...string[]]);
  }
  const place = nodes.get("worker") as Node;
  const change = (id: string, to: string) =>
    place.succeed([
      ...(["python3", "-B", "-c"] as const),
      `import pymongo; pymongo.MongoClient("database")["pulp_database"]["users"].update_one({"_id": "${id}"}, {"$set": {"name": "${to}"}})`,
    ]);
  const defect = questions.find(({ check }) => check.title.includes("Administrator")) as ServiceQuestion;
  await change("admin", "somebody");
  await expect(nodeOf(defect)).not.toMeet(defect.check);
  await host.fail(byExec(defect) as [string, ...string[]]);
  await change("admin", "Administrator");
  const script = questions
    .map(byExec)
    .map((command) => command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" "))
    .join("\n");
  const sides = [
    async () => {
      await take.time("checks: ours", () =>
        Promise.all(questions.map((question) => expect(nodeOf(question)).toMeet(question.check))),
      );
      await session().events.flushed();
    },
    async () => {
      take.keep("checks: docker exec", await timed(host, ["sh", "-euc", script], {}, 600_000));
    },
  ];
  for (let round = 0; round < settings.rounds; round += 1)
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
}

async function upRounds(parts: readonly Part[], host: HostNode): Promise<void> {
  const run = (script: string) => host.succeed(["bash", "-c", script], { timeoutMs: 600_000 });
  const ours = async () => {
    const { live } = await take.time("up: ours", () => standMachine(environment));
    await live.takeDown();
  };
  const script = async () => {
    try {
      take.keep("up: script", await timed(host, ["bash", "-c", upScript(parts)], {}, 600_000));
      take.keep(
        "clean: script",
        await timed(host, ["bash", "-c", `(${downScript(parts)})\n${upScript(parts)}`], {}, 600_000),
      );
    } finally {
      await run(downScript(parts));
    }
  };
  const testcontainers = async () => {
    try {
      await run(`${downScript(parts)}\ndocker network create --label dev.assay.run=bench bench-stack-net >/dev/null`);
      await take.time("up: testcontainers", () => byTestcontainers(parts));
    } finally {
      await run(downScript(parts));
    }
  };
  const sides = [ours, script, testcontainers];
  for (let round = 0; round < settings.rounds; round += 1)
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
}

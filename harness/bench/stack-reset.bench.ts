// A stack of services on a machine between two tests: brought back with its machine, and taken down and stood up by a script in the same
// machine. Both end when a request is answered and a worker waits for tasks; neither counts before what a test left is seen to be there,
// and then to be gone.
import { test } from "vitest";
import { amqp, expect, http, type Node, type VmNode } from "../index.ts";
import type { LiveEnvironment } from "../lifecycle/run.ts";
import { startOrder } from "../model/environment.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { dirtIn, leaveDirt } from "./stack-dirt.ts";
import { downScript, type Part, partsOf, upScript } from "./stack-peers.ts";
import { loginOf, stackOnMachine } from "./stack-work.ts";
import { taking } from "./studio-take.ts";

const settings = benchSettings();
const take = taking();
const environment = await stackOnMachine();
/** An emulated engine's programs begin slowly. */
const patient = { timeoutMs: 1_200_000 };
/** A reset takes seconds, what it is held against minutes. */
const resets = 3;

test("a stack of services on a machine, clean again", { timeout: 3_600_000 }, async () => {
  const { live } = await take.time("first: on a machine", () => standMachine(environment));
  try {
    const engine = node(live, "engine") as VmNode;
    take.say("accelerator", engine.facts.accelerator ?? "");
    const { rewind } = live;
    if (rewind === undefined) throw new Error("the environment cannot be brought back");
    await works(live);
    for (let each = 0; each < settings.rounds * resets; each += 1) {
      await leaveDirt(node(live, "worker"));
      await take.time("reset: ours", async () => {
        await rewind();
        await works(live);
      });
      expect(await dirtIn(node(live, "worker"))).toEqual([]);
    }
    const parts = await inspected(engine, live);
    const run = (...scripts: string[]) => engine.succeed(["bash", "-c", scripts.join("\n")], patient);
    for (let round = 0; round < settings.rounds; round += 1) {
      // Only one stack of the two runs at a time.
      await Promise.all(parts.map(({ name }) => (live.nodes.get(name) as Node & { kill(): Promise<void> }).kill()));
      await take.time("reset: script", () => run(downScript(parts), upScript(parts, 1)));
      await rewind();
      await works(live);
    }
  } finally {
    await live.takeDown();
  }
});

const node = (live: LiveEnvironment, name: string) => live.nodes.get(name) as Node;

/** As the machine's engine tells of them. */
async function inspected(engine: Node, live: LiveEnvironment): Promise<readonly Part[]> {
  const ids = [...live.nodes].flatMap(([name, each]) =>
    name === "engine" ? [] : [[name, (each as Node & { id: string }).id]],
  );
  const said = await engine.succeed(["docker", "inspect", ...ids.map(([, id]) => id ?? "")], patient);
  const facts = JSON.parse(said) as Part["facts"][];
  const order = startOrder(environment.name, environment.nodes);
  return partsOf(environment, order, new Map(ids.map(([name], index) => [name ?? "", facts[index] as Part["facts"]])));
}

/** The web server answers for the database, and the worker waits for what the broker gives it. */
async function works(live: LiveEnvironment): Promise<void> {
  const within = { within: "2m" } as const;
  await Promise.all([
    expect(node(live, "web")).toMeet(http("http://127.0.0.1/pulp/api/v2/status/").answers(200), within),
    expect(node(live, "broker")).toMeet(amqp(loginOf(environment)).queue("celery").hasConsumers(1), within),
  ]);
}

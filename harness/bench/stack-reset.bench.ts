// A stack of services between tests: on a machine that is brought back, and on this one's engine taken down and stood up, by turns. Both
// end when a request is answered and workers wait for tasks; neither counts before what a test left is seen to be there, and then to be gone.
import { test } from "vitest";
import { expect, type Node } from "../index.ts";
import type { LiveEnvironment } from "../lifecycle/run.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { stackEnvironment, stackOnMachine } from "./stack-work.ts";
import { taking } from "./studio-take.ts";

const settings = benchSettings();
const take = taking();
/** An emulated engine's programs begin slowly. */
const patient = { timeoutMs: 600_000 };
/** Resets that are taken for each stack that was stood up anew. */
const resets = 3;

test("a stack of services, clean again", { timeout: 3_600_000 }, async () => {
  const plain = await stackEnvironment();
  let { live } = await standMachine(plain);
  try {
    await works(live);
    for (let round = 0; round < settings.rounds; round += 1) {
      await leaveDirt(live);
      await take.time("reset: down and up", async () => {
        await live.takeDown();
        ({ live } = await standMachine(plain));
        await works(live);
      });
      expect(await dirtIn(live)).toEqual([]);
    }
  } finally {
    await live.takeDown();
  }
  const carried = await take.time("first: on a machine", async () => standMachine(await stackOnMachine()));
  ({ live } = carried);
  try {
    take.say(
      "accelerator",
      (live.nodes.get("engine") as Node & { facts: Record<string, string> }).facts["accelerator"] ?? "",
    );
    expect(live.rewind).toBeDefined();
    await works(live);
    for (let each = 0; each < settings.rounds * resets; each += 1) {
      await leaveDirt(live);
      await take.time("reset: ours", async () => {
        await live.rewind?.();
        await works(live);
      });
      expect(await dirtIn(live)).toEqual([]);
    }
  } finally {
    await live.takeDown();
  }
});

const node = (live: LiveEnvironment, name: string) => live.nodes.get(name) as Node;
const python = (script: string) => ["python3", "-B", "-c", script] as const;
const documents = 'import pymongo; units = pymongo.MongoClient("database")["pulp_database"]["units"]';
const content = "/var/lib/pulp/content/dirt";

/** Documents in the database, a file in the content, a message that nobody takes and a queue that only memory has, a role's own file. */
async function leaveDirt(live: LiveEnvironment): Promise<void> {
  const ways = [
    `${documents}; units.insert_many([{"_id": f"dirt {n}", "repo_id": "dirt", "name": str(n)} for n in range(100)])`,
    `import kombu
from pulp_standin.settings import settings
with kombu.Connection(settings().broker_url) as broker:
    channel = broker.channel()
    kombu.Queue("dirt", durable=False)(channel).declare()
    kombu.Producer(channel).publish("dirt", routing_key="dirt")`,
    `open("${content}", "w").close(); open("/dev/shm/dirt", "w").close()`,
  ];
  for (const way of ways) await node(live, "worker").succeed(python(way), patient);
  expect(await dirtIn(live)).toEqual(["100 documents", "a message", "a file", "memory"]);
}

/** What there is of a test's. */
async function dirtIn(live: LiveEnvironment): Promise<readonly string[]> {
  const script = `import os, kombu
${documents}
from pulp_standin.settings import settings
count = units.count_documents({"repo_id": "dirt"})
if count: print(count, "documents")
with kombu.Connection(settings().broker_url) as broker:
    try:
        if broker.channel().queue_declare("dirt", passive=True).message_count: print("a message")
    except Exception as error:
        if "NOT_FOUND" not in str(error): raise
if os.path.exists("${content}"): print("a file")
if os.path.exists("/dev/shm/dirt"): print("memory")`;
  return (await node(live, "worker").succeed(python(script), patient)).split("\n").filter((line) => line !== "");
}

/** The web server answers for the database, and the worker for the broker. */
async function works(live: LiveEnvironment): Promise<void> {
  const answers = `import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=300); connection.request("GET", "/pulp/api/v2/status/")
sys.exit(connection.getresponse().status != 200)`;
  const consumes = `import kombu, sys
from pulp_standin.settings import settings
with kombu.Connection(settings().broker_url) as broker:
    sys.exit(broker.channel().queue_declare("celery", passive=True).consumer_count != 1)`;
  await Promise.all([
    node(live, "web").succeed(python(answers), patient),
    node(live, "worker").succeed(python(consumes), patient),
  ]);
}

// Decides what a test leaves in a stack of services, and how it is seen that there is nothing of it: in the database, in the broker's memory, in
// a volume, in a container's memory.
import { expect, type Node } from "../index.ts";

/** An emulated engine's programs begin slowly. */
const patient = { timeoutMs: 1_200_000 };
const python = (script: string) => ["python3", "-B", "-c", script] as const;
const documents = 'import pymongo; units = pymongo.MongoClient("database")["pulp_database"]["units"]';
const content = "/var/lib/pulp/content/dirt";

/**
 * By the stack's worker: documents in the database, a message that nobody takes in a queue that only memory has, a file in the content, one in
 * memory.
 */
export async function leaveDirt(worker: Node): Promise<void> {
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
  for (const way of ways) await worker.succeed(python(way), patient);
  expect(await dirtIn(worker)).toEqual(["100 documents", "a message", "a file", "memory"]);
}

/** What there is of it. */
export async function dirtIn(worker: Node): Promise<readonly string[]> {
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
  return (await worker.succeed(python(script), patient)).split("\n").filter((line) => line !== "");
}

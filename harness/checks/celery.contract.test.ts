// Decides that real Celery workers on a real RabbitMQ are seen as they are: who answers, what they know, what came of a task; and that
// a question leaves nothing on the broker.
import { afterAll, beforeAll, expect, test } from "vitest";
import { rabbitmq } from "../../fixtures/rabbitmq/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { amqp } from "./amqp.ts";
import { celery } from "./celery.ts";
import { restAnswer } from "./service-http.ts";
import { password, start, user, wrongPassword, zooOn } from "./testing/zoo.ts";

const environment = defineEnvironment("celery-contract", {
  nodes: {
    broker: container({
      image: zooOn(rabbitmq),
      env: { RABBITMQ_USER: user, RABBITMQ_PASSWORD: password },
      memory: "1g",
      ready: { log: /Server startup complete/, within: "120s" },
    }),
  },
});
let stage: Stage;
let broker: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ broker } = (await stage.standUp(environment)).nodes);
}, 600_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

const app = celery({ user, password });
const keeper = app.worker("keeper@*");
const animals = { exchange: "zoo", queue: "animals" };

async function judged(check: Check<Node>) {
  return check.judge(await check.observe(broker)) as { met: boolean; seen: string };
}
async function soon(check: Check<Node>, ms = 60_000): Promise<void> {
  for (const end = Date.now() + ms; ; ) {
    const { met, seen } = await judged(check).catch((error: Error) => ({ met: false, seen: error.message }));
    if (met) return;
    if (Date.now() > end)
      throw new Error(`${check.title}: ${seen}; ${await broker.succeed(["sh", "-c", "tail -5 /tmp/*.log"])}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
/** Names of all queues and exchanges, and how they are bound. */
async function things(): Promise<readonly string[]> {
  const lists = await Promise.all(
    ["queues", "exchanges", "bindings"].map(async (what) => {
      const { body } = await restAnswer(broker, { port: 15672 }, `/api/${what}/%2F`, { user, password });
      return (JSON.parse(body) as Record<string, unknown>[]).map(
        ({ name, source, destination }) => `${name ?? source} ${destination ?? ""}`,
      );
    }),
  );
  return lists.flat().sort();
}

test("where no worker ever was, silence is no pong, and nothing else", async () => {
  const before = await things();
  expect(await judged(keeper.answersPing())).toMatchObject({ met: false, seen: "no worker answered in 5 s" });
  await expect(keeper.hasTask("zoo.add").observe(broker)).rejects.toMatchObject({ code: "worker-silent" });
  await expect(app.beats({ within: "1s" }).observe(broker)).rejects.toMatchObject({ code: "worker-silent" });
  expect(await judged(app.executes("zoo.add", { args: [1, 2], queue: "animals" }))).toMatchObject({
    met: false,
    seen: "the broker has no queue for it: it was sent to the default exchange by animals",
  });
  await expect(
    celery({ user, password: wrongPassword }).worker("a").answersPing().observe(broker),
  ).rejects.toMatchObject({ code: "login-refused" });
  expect(await things()).toEqual(before);
});

test("a worker answers, and tells its tasks and queues", async () => {
  const worker = await start(broker, ["worker", "-n", "keeper@zoo", "-P", "solo", "-l", "info"]);
  await soon(keeper.answersPing());
  const before = await things();
  expect(await judged(app.worker("keeper@zoo").answersPing())).toMatchObject({
    met: true,
    seen: "keeper@zoo answered",
  });
  expect(await judged(app.worker("vet@*").answersPing())).toMatchObject({ met: false, seen: "keeper@zoo answered" });
  expect(await judged(keeper.hasTask("zoo.add"))).toMatchObject({ met: true });
  expect(await judged(keeper.hasTask("zoo.fly"))).toMatchObject({
    met: false,
    seen: expect.stringContaining("zoo.sink"),
  });
  expect(await judged(keeper.consumes("animals"))).toMatchObject({ met: true });
  expect(await judged(keeper.consumes("plants"))).toMatchObject({ met: false, seen: "animals" });

  // Without -E and without results: its events are turned on, and off again.
  expect(await judged(app.executes("zoo.add", { ...animals, args: [1, 2] }))).toMatchObject({
    met: true,
    seen: "succeeded on keeper@zoo",
  });
  expect(await judged(app.executes("zoo.sink", animals))).toMatchObject({
    met: false,
    seen: expect.stringContaining("the ark has a leak"),
  });
  expect(await judged(app.executes("zoo.add", { ...animals, args: [1] }))).toMatchObject({
    met: false,
    seen: expect.stringContaining("TypeError"),
  });
  expect(await judged(app.executes("zoo.sleep", { ...animals, args: [3], within: "1s" }))).toMatchObject({
    met: false,
    seen: expect.stringMatching(/after 1 s.*keeper@zoo/),
  });
  await soon(app.executes("zoo.add", { ...animals, args: [1, 2] }));
  const [off] =
    (
      await broker.succeed([
        "sh",
        "-c",
        `cd /opt/zoo; HOME=/tmp BROKER="$1" python3 -m celery -A zoo control enable_events 2>&1`,
        "sh",
        `amqp://${user}:${password.reveal()}@127.0.0.1//`,
      ])
    ).match(/task events \S+/) ?? [];
  expect(off).toBe("task events enabled");
  expect(await judged(app.beats({ task: "zoo.beat", within: "2s" }))).toMatchObject({ met: false });
  expect(await things()).toEqual(before);

  const beat = await start(broker, ["beat", "-s", "/tmp/schedule", "--pidfile="]);
  await soon(app.beats({ task: "zoo.beat" }));
  await beat.stop();
  await worker.stop();
  expect(await judged(keeper.answersPing())).toMatchObject({ met: false });
  await expect(keeper.consumes("animals").observe(broker)).rejects.toMatchObject({ code: "worker-silent" });
  // The queue outlives the worker: nobody can tell what will come of a task in it.
  await expect(
    app.executes("zoo.add", { ...animals, args: [1, 2], within: "1s" }).observe(broker),
  ).rejects.toMatchObject({ code: "worker-silent" });
}, 300_000);

test("results that go back by rpc:// tell as well", async () => {
  const worker = await start(broker, ["worker", "-n", "vet@zoo", "-P", "solo"], { results: "rpc://" });
  await soon(app.worker("vet@zoo").answersPing());
  expect(await judged(app.executes("zoo.add", { ...animals, args: [1, 2] }))).toMatchObject({ met: true });
  expect(await judged(app.executes("zoo.sink", animals))).toMatchObject({
    met: false,
    seen: expect.stringContaining("the ark has a leak"),
  });
  await worker.stop();
  expect((await judged(amqp({ user, password }).queues().areOnly(["animals"]))).seen).toBe("animals");
}, 300_000);

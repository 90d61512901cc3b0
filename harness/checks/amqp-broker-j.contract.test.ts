// Decides that a real Broker-J is seen as it is, by its REST interface and without it, in the same words as RabbitMQ; and so are Celery's
// workers on it.
import { afterAll, beforeAll, expect, test } from "vitest";
import { qpid } from "../../fixtures/qpid/recipe.ts";
import { rabbitmq } from "../../fixtures/rabbitmq/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { amqp } from "./amqp.ts";
import { inChannel, openAmqp091 } from "./amqp-091.ts";
import { celery } from "./celery.ts";
import { password, start, user, wrongPassword, zooOn } from "./testing/zoo.ts";

const environment = defineEnvironment("broker-j-contract", {
  nodes: {
    broker: container({
      image: qpid,
      env: { QPID_USER: user, QPID_PASSWORD: password },
      networks: ["zoo"],
      memory: "512m",
      ready: { log: /BRK-1004/, within: "120s" },
    }),
    keepers: container({ image: zooOn(rabbitmq), idle: true, networks: ["zoo"], memory: "256m" }),
  },
  networks: { zoo: { internal: true } },
});
let stage: Stage;
let broker: ContainerNode;
let keepers: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ broker, keepers } = (await stage.standUp(environment)).nodes);
}, 600_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

const said = amqp({ user, password });
async function judged(check: Check<Node>) {
  return check.judge(await check.observe(broker)) as { met: boolean; seen: string };
}
const isMet = async (check: Check<Node>) => (await judged(check)).met;

test("lets in who may, and nobody else", async () => {
  expect(await judged(said.answers())).toMatchObject({ met: true, seen: expect.stringContaining("Broker-J") });
  expect(await isMet(said.accepts())).toBe(true);
  for (const stranger of [amqp({ user, password: wrongPassword }), amqp()]) {
    expect(await judged(stranger.accepts())).toMatchObject({ met: false });
    expect(await isMet(stranger.answers())).toBe(true);
    await expect(stranger.queues().areOnly([]).observe(broker)).rejects.toMatchObject({ code: "login-refused" });
  }
  // How it says so depends on whether it can look the name up.
  await expect(
    amqp({ user, password, virtualHost: "nowhere" }).queues().areOnly([]).observe(broker),
  ).rejects.toMatchObject({ outcome: "errored" });
});

test("workers of Celery are seen, and what they declare", async () => {
  const app = celery({ user, password });
  const worker = await start(keepers, ["worker", "-n", "keeper@zoo", "-P", "solo"], { broker: "broker" });
  await expect
    .poll(() => isMet(app.worker("keeper@zoo").answersPing()).catch(() => false), { timeout: 60_000 })
    .toBe(true);
  expect(await isMet(said.queues().areOnly(["animals", "celeryev.*", "keeper@zoo.celery.pidbox"]))).toBe(true);
  expect(await isMet(said.queue("celeryev.*").isAutoDelete())).toBe(true);
  expect(await isMet(said.queue("animals").isBoundTo("zoo", "animals"))).toBe(true);
  expect(await isMet(said.queue("animals").hasConsumers(1))).toBe(true);
  expect(await isMet(app.worker("keeper@*").consumes("animals"))).toBe(true);
  const done = await judged(app.executes("zoo.add", { exchange: "zoo", queue: "animals", args: [1, 2] }));
  expect(done).toMatchObject({ met: true, seen: "succeeded on keeper@zoo" });
  expect(await judged(app.executes("zoo.sink", { exchange: "zoo", queue: "animals" }))).toMatchObject({
    met: false,
    seen: expect.stringContaining("the ark has a leak"),
  });
  await worker.stop();
  await expect.poll(() => isMet(said.queues().areOnly(["animals"])), { timeout: 30_000 }).toBe(true);
}, 200_000);

test("queues are as they were declared, by REST and by $management alike", async () => {
  const { client, close } = await openAmqp091(broker, { port: 5672, user, password, virtualHost: "/" });
  await inChannel(client, "test", async (channel) => {
    await channel.assertExchange("pulp", "direct", { durable: false, autoDelete: true });
    await channel.assertQueue("celery", { durable: true });
    await channel.assertQueue("celeryev.1", { durable: false, autoDelete: true });
    await channel.assertQueue("mine", { durable: false, exclusive: true });
    await channel.bindQueue("celery", "pulp", "work");
    await channel.consume("celeryev.1", () => undefined);
    channel.sendToQueue("celery", Buffer.from("one"));
    await channel.waitForConfirms();
    const whole = async (rest: boolean) => {
      const celery = said.queue("celery");
      expect(await judged(said.queues().areOnly(["animals", "celery", "celeryev.*", "mine"]))).toMatchObject({
        met: true,
      });
      expect(await isMet(celery.isDurable())).toBe(true);
      expect(await isMet(celery.isAutoDelete())).toBe(false);
      expect(await isMet(celery.hasDepth(1))).toBe(true);
      expect(await isMet(celery.hasDepth(0))).toBe(false);
      if (rest) {
        expect(await isMet(celery.isBoundTo("pulp", "work"))).toBe(true);
        expect(await isMet(celery.isBoundTo("pulp", "play"))).toBe(false);
      } else await expect(celery.isBoundTo("pulp").observe(broker)).rejects.toMatchObject({ code: "probe-failed" });
      expect(await isMet(said.queue("celeryev.1").hasConsumers(1))).toBe(true);
      expect(await isMet(said.queue("celeryev.1").isAutoDelete())).toBe(true);
      expect(await isMet(said.queue("mine").isExclusive())).toBe(true);
      expect(await isMet(said.queue("mine").isAutoDelete())).toBe(false);
    };
    await whole(true);
    expect(await isMet(said.carries("celery"))).toBe(true);
    expect(await judged(said.carries("nowhere"))).toMatchObject({
      met: false,
      seen: expect.stringContaining("not-found"),
    });
    const api = "http://127.0.0.1:8080/api/latest/port/http";
    await keepers.succeed([
      "python3",
      "-c",
      "import urllib.request as u, base64, sys; r = u.Request(sys.argv[1], method='DELETE', headers={'Authorization': 'Basic ' + base64.b64encode(sys.argv[2].encode()).decode()}); u.build_opener(u.ProxyHandler({})).open(r)",
      api.replace("127.0.0.1", broker.address()),
      `${user}:${password.reveal()}`,
    ]);
    await expect(
      amqp({ user, password, management: { port: 8080 } })
        .queues()
        .areOnly([])
        .observe(broker),
    ).rejects.toMatchObject({
      code: "service-unreachable",
    });
    await whole(false);
  });
  close();
}, 120_000);

// Decides that a real RabbitMQ is seen as it is: who is let in, which queues are there and how, and that it carries messages.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rabbitmq } from "../../fixtures/rabbitmq/recipe.ts";
import { box } from "../../fixtures/studio-box/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { lastOf, sayFailure, tryToMeet } from "../vitest/tried.ts";
import { amqp } from "./amqp.ts";
import { inChannel, openAmqp091 } from "./amqp-091.ts";
import { password, user, wrongPassword } from "./testing/zoo.ts";

const environment = defineEnvironment("amqp-contract", {
  nodes: {
    broker: container({
      image: rabbitmq,
      env: { RABBITMQ_USER: user, RABBITMQ_PASSWORD: password },
      memory: "384m",
      ready: { log: /Server startup complete/, within: "120s" },
    }),
    // Who is to make queues, as a worker is that has a wrong address, and tells too much.
    worker: container({
      image: box,
      entrypoint: ["sh", "-c"],
      command: ['echo "connecting as zoo:$PASSWORD"; echo "no broker at nowhere:5672"; exec sleep 600'],
      env: { PASSWORD: password },
      ready: { log: /no broker/ },
    }),
  },
});
let stage: Stage;
let broker: ContainerNode;
let worker: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ broker, worker } = (await stage.standUp(environment)).nodes);
}, 300_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

const said = amqp({ user, password });

async function judged(check: Check<Node>) {
  return check.judge(await check.observe(broker)) as { met: boolean; seen: string };
}
/** What `expect(broker).toMeet(check, { within, madeBy: worker })` comes to. */
async function tried(check: Check<Node>, withinMs: number) {
  const began = await tryToMeet(broker, check, { wanted: true, withinMs, maker: worker });
  const { judgement } = began;
  if ("skipped" in judgement) throw new Error(judgement.skipped);
  const log = await lastOf(worker);
  return { ...began, message: sayFailure(broker, check, judgement, { negated: false, tried: began, log }) };
}
const isMet = async (check: Check<Node>) => (await judged(check)).met;

describe("RabbitMQ", () => {
  test("lets in who may, and nobody else", async () => {
    expect(await judged(said.answers())).toMatchObject({ met: true, seen: "RabbitMQ" });
    expect(await judged(said.accepts())).toMatchObject({ met: true });
    const stranger = amqp({ user, password: wrongPassword });
    expect(await judged(stranger.accepts())).toMatchObject({ met: false });
    expect(await judged(stranger.answers())).toMatchObject({ met: true });
    await expect(stranger.queue("a").exists().observe(broker)).rejects.toMatchObject({ code: "login-refused" });
    await expect(
      amqp({ user, password, virtualHost: "nowhere" }).queue("a").exists().observe(broker),
    ).rejects.toMatchObject({ code: "probe-failed", seen: expect.stringContaining("404") });
    await expect(
      amqp({ user, password, management: { password: wrongPassword } })
        .queue("a")
        .exists()
        .observe(broker),
    ).rejects.toMatchObject({ code: "login-refused", seen: expect.stringContaining("15672") });
    await expect(amqp({ user, password, port: 15672 }).answers().observe(broker)).rejects.toMatchObject({
      code: "other-protocol",
      seen: expect.stringContaining("port 15672 is no AMQP 1.0 server"),
    });
  });

  test("has no queue at first, then those that were declared, as they were declared", async () => {
    expect(await isMet(said.queues().areOnly([]))).toBe(true);
    const { client, close } = await openAmqp091(broker, { port: 5672, user, password, virtualHost: "/" });
    await inChannel(client, "test", async (channel) => {
      await channel.assertExchange("pulp", "direct", { durable: false, autoDelete: true });
      await channel.assertQueue("celery", { durable: true });
      await channel.assertQueue("celeryev.1", { durable: false, autoDelete: true });
      await channel.assertQueue("celeryev.2", { durable: false, autoDelete: true });
      await channel.assertQueue("mine", { durable: false, exclusive: true });
      await channel.bindQueue("celery", "pulp", "work");
      await channel.consume("celeryev.1", () => undefined);
      channel.sendToQueue("celery", Buffer.from("one"), { persistent: true });
      channel.sendToQueue("celery", Buffer.from("two"));
      await channel.waitForConfirms();

      expect(await isMet(said.queues().areOnly(["celery", "celeryev.*", "mine"]))).toBe(true);
      expect(await isMet(said.queues().include(["celery"]))).toBe(true);
      expect(await judged(said.queues().include(["celery", "resource_manager"]))).toEqual({
        met: false,
        expected: "celery, resource_manager",
        seen: "no resource_manager; celery, celeryev.1, celeryev.2, mine",
      });
      expect(await judged(said.queues().areOnly(["celery", "mine"]))).toMatchObject({ met: false });

      const celery = said.queue("celery");
      expect(await isMet(celery.isDurable())).toBe(true);
      expect(await judged(celery.isAutoDelete())).toMatchObject({ met: false, seen: "celery: not auto-delete" });
      expect(await judged(celery.isExclusive())).toMatchObject({ met: false });
      // At once: the REST API learns of it some seconds later.
      expect(await isMet(celery.hasDepth(2))).toBe(true);
      expect(await judged(celery.hasDepth(0))).toMatchObject({ met: false, seen: "celery: 2" });
      expect(await isMet(celery.hasConsumers(0))).toBe(true);
      expect(await isMet(said.queue("celeryev.1").hasConsumers(1))).toBe(true);
      expect(await isMet(celery.isBoundTo("pulp", "work"))).toBe(true);
      expect(await isMet(celery.isBoundTo("pulp"))).toBe(true);
      expect(await judged(celery.isBoundTo("pulp", "play"))).toMatchObject({
        met: false,
        seen: "celery: pulp by work",
      });
      expect(await judged(said.queue("mine").isBoundTo("pulp"))).toMatchObject({
        met: false,
        seen: "mine: bound to nothing",
      });
      expect(await isMet(said.queue("celeryev.*").isAutoDelete())).toBe(true);
      expect(await judged(said.queue("celeryev.*").isDurable())).toMatchObject({ met: false });
      expect(await isMet(said.queue("mine").isExclusive())).toBe(true);
      expect(await judged(said.queue("nowhere").exists())).toMatchObject({
        met: false,
        seen: "no such queue; celery, celeryev.1, celeryev.2, mine",
      });
    });
    close();
  });

  test("carries messages by a queue, and leaves what others have in it", async () => {
    expect(await judged(said.carries("celery"))).toMatchObject({ met: true, seen: "it came back" });
    expect(await isMet(said.queue("celery").hasDepth(2))).toBe(true);
    expect(await judged(said.carries("nowhere"))).toMatchObject({
      met: false,
      seen: expect.stringContaining("not-found"),
    });
    expect(await isMet(said.queue("nowhere").exists())).toBe(false);
  });

  test("forty checks use one connection each for messages and figures", async () => {
    const checks = Array.from({ length: 40 }, (_, index) =>
      index % 2 === 0 ? said.queue("celery").isDurable() : said.queues().include(["celery"]),
    );
    expect(await Promise.all(checks.map(isMet))).toEqual(checks.map(() => true));
    const connections = await broker.succeed(["rabbitmqctl", "--quiet", "list_connections", "pid"]);
    expect(connections.split("\n").filter((line) => line.startsWith("<")).length).toBeLessThanOrEqual(2);
  });

  test("a broker that has stopped has said nothing; when it is back it is asked anew", async () => {
    await broker.stop();
    await expect(said.queue("celery").exists().observe(broker)).rejects.toMatchObject({ outcome: "errored" });
    await broker.start();
    expect(await isMet(said.queue("celery").isDurable())).toBe(true);
    expect(await isMet(said.queue("celeryev.*").exists())).toBe(false);
  });

  test("a queue that never appears: the queues that there are, and what its maker printed last, without the password", async () => {
    const missing = said.queue("orders.*").exists();
    const { message, tries } = await tried(missing, 2_000);
    expect(tries).toBeGreaterThan(1);
    expect(message.split("\n")).toEqual([
      `${broker.title}: ${missing.title}`,
      "  expected  orders.*",
      expect.stringMatching(/^ {2}seen {6}no such queue; .*celery/),
      "  by        rabbitmqctl list_queues name durable auto_delete exclusive messages consumers",
      expect.stringMatching(/^ {2}tried {5}\d+ times in /),
      `  made by   ${worker.title}; its log: 2 lines, the last of them:`,
      expect.stringMatching(/^ {4}connecting as zoo:(?!.*zebra)/),
      "    no broker at nowhere:5672",
    ]);
    // Nobody waits for one who is dead.
    await worker.crash();
    const late = await tried(missing, 60_000);
    expect(late.ms).toBeLessThan(60_000);
    expect(late.message).toContain(`made by   ${worker.title}, dead with status 137; its log: 2 lines`);
  });
});

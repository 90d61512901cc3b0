// Decides that what brokers tell of their queues is read alike, on recorded answers, and that what cannot be read is no empty list.
import { describe, expect, test } from "vitest";
import { sayStrange } from "./amqp-client.ts";
import { isNamed, readBrokerJQueues, readManaged, readRabbitQueues, sayNames } from "./amqp-queues.ts";
import { brokerJ, rabbit } from "./testing/broker-answers.ts";

describe("Broker-J", () => {
  const queues = readBrokerJQueues(brokerJ.queues, brokerJ.exchanges);
  const of = (name: string) => queues.find((queue) => queue.name === name);

  test("queues are as they were declared", () => {
    expect(of("celery")).toEqual({
      name: "celery",
      durable: true,
      autoDelete: false,
      exclusive: false,
      depth: expect.any(Number),
      consumers: 0,
      bindings: [{ exchange: "pulp", key: "work" }],
    });
    expect(of("celeryev.1")).toMatchObject({
      durable: false,
      autoDelete: true,
      exclusive: false,
      consumers: 1,
      bindings: [],
    });
    expect(of("mine")).toMatchObject({ autoDelete: false, exclusive: true });
    expect(of("mine-auto")).toMatchObject({ autoDelete: true, exclusive: true });
  });

  test("by $management the same table comes as names and rows, without figures", () => {
    const rows = readManaged(
      {
        attributeNames: ["name", "durable", "lifetimePolicy", "exclusive"],
        results: [["celery", true, "PERMANENT", "NONE"]],
      },
      "a QUERY",
    );
    expect(readBrokerJQueues(rows, [{ name: "pulp", bindings: null }])).toEqual([
      { name: "celery", durable: true, autoDelete: false, exclusive: false },
    ]);
  });
});

test("RabbitMQ's queues are as Celery declared them", () => {
  const queues = readRabbitQueues(rabbit.queues, rabbit.bindings);
  const of = (name: string) => queues.find((queue) => isNamed(name, queue.name));
  expect(of("animals")).toMatchObject({
    durable: true,
    autoDelete: false,
    exclusive: false,
    consumers: 1,
    bindings: [{ exchange: "zoo", key: "animals" }],
  });
  expect(of("celeryev.*")).toMatchObject({ durable: false, autoDelete: true, exclusive: false });
  expect(of("*.celery.pidbox")?.bindings).toEqual([{ exchange: "celery.pidbox", key: "" }]);
  expect(of("amq.gen-*")).toMatchObject({ exclusive: true, autoDelete: false });
});

test.each([
  ["an error", { error: "Object Not Found" }],
  ["nothing", undefined],
  ["a page", "<html>"],
  ["a list of others", [{ id: 1 }]],
])("%s is no list of queues", (_, answer) => {
  for (const read of [
    () => readRabbitQueues(answer, []),
    () => readRabbitQueues([], answer),
    () => readBrokerJQueues(answer, []),
    () => readBrokerJQueues([], answer),
    () => readManaged(answer, "it"),
  ])
    expect(read).toThrow(expect.objectContaining({ code: "probe-unreadable" }));
});

test("names: * stands for any characters, all else for itself", () => {
  expect(isNamed("celeryev.*", "celeryev.47b5")).toBe(true);
  expect(isNamed("celeryev.*", "celeryevx47b5")).toBe(false);
  expect(isNamed("*@*.pidbox", "a@b.celery.pidbox")).toBe(true);
  expect(isNamed("a", "ab")).toBe(false);
  expect(isNamed("a+(b", "a+(b")).toBe(true);
  expect(sayNames([])).toBe("there are none");
  expect(sayNames(Array.from({ length: 50 }, (_, index) => `q${index}`))).toMatch(/ and 10 more$/);
});

test("who does not speak AMQP 1.0 is told by what it said", () => {
  expect(sayStrange(Buffer.from("AMQP\0\0\x09\x01"))).toBe("it speaks AMQP 0-9-1");
  expect(sayStrange(Buffer.from("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"))).toBe(
    'it answered "HTTP/1.1 400 Bad Request"',
  );
  expect(sayStrange(Buffer.alloc(0))).toBe("it ended the connection without a word");
});

// Decides that what is changed in a real server is noticed by who asks for it, by nobody else, and comes back as it was.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { mongodb as mongodbImage } from "../../fixtures/mongodb/recipe.ts";
import { postgres as postgresImage } from "../../fixtures/postgres/recipe.ts";
import { rabbitmq } from "../../fixtures/rabbitmq/recipe.ts";
import { redis as redisImage } from "../../fixtures/redis/recipe.ts";
import { amqp } from "../checks/amqp.ts";
import { inChannel, openAmqp091 } from "../checks/amqp-091.ts";
import { askRabbit } from "../checks/amqp-management.ts";
import { mongodb } from "../checks/mongodb.ts";
import { askDatabase } from "../checks/mongodb-client.ts";
import { postgres } from "../checks/postgres.ts";
import { redis } from "../checks/redis.ts";
import { password, start, user, zooOn } from "../checks/testing/zoo.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { derive } from "./derive.ts";
import type { Mutation, ServiceChange } from "./mutation.ts";

const environment = defineEnvironment("prove-services", {
  nodes: {
    cache: container({
      image: redisImage,
      env: { REDIS_PASSWORD: password },
      ready: { log: /Ready to accept connections/ },
    }),
    documents: container({ image: mongodbImage, ready: { log: /Waiting for connections/ } }),
    tables: container({
      image: postgresImage,
      env: { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "animals" },
      ready: { log: /database system is ready to accept connections/ },
    }),
    broker: container({
      image: zooOn(rabbitmq),
      env: { RABBITMQ_USER: user, RABBITMQ_PASSWORD: password },
      ready: { log: /Server startup complete/, within: "120s" },
    }),
  },
});
type Name = keyof typeof environment.nodes;
let stage: Stage;
let nodes: Record<Name, ContainerNode>;
beforeAll(async () => {
  stage = await openStage();
  ({ nodes } = await stage.standUp(environment));
  const { cache, documents, tables } = nodes;
  for (const words of [
    ["SET", "cat", "Tom"],
    ["SET", "guest", "Mia", "EX", "1000"],
    ["RPUSH", "queue", "a", "b"],
  ])
    await cache.succeed(["redis-cli", ...words], { env: { REDISCLI_AUTH: password.reveal() } });
  await askDatabase(documents, {}, "studio", async (studio) => {
    await studio.collection("films").insertMany([{ title: "one", frames: 24 }, { title: "two" }, { title: "three" }]);
    await studio.collection("films").createIndex({ title: 1 }, { unique: true });
    await studio.collection("other").insertOne({ a: 1 });
  });
  await tables.succeed([
    "psql",
    "-d",
    "animals",
    "-c",
    `SET ROLE zoo;
    CREATE TABLE cats (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(20) NOT NULL, born timestamptz, weight bigint,
      heavy boolean GENERATED ALWAYS AS (weight > 4) STORED);
    INSERT INTO cats (name, born, weight) VALUES ('Tom', '2020-01-02T03:04:05.678901Z', 5), ('Mia', NULL, 4);
    CREATE VIEW names AS SELECT name FROM cats; CREATE TABLE cages (cat int REFERENCES cats); CREATE TABLE dogs (name text); INSERT INTO dogs VALUES ('Rex');`,
  ]);
}, 600_000);
afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

/** What follows from a check: changes of a server's data. */
async function mutationsOf(name: Name, check: Check<Node>) {
  const answer = await check.observe(nodes[name]);
  const { probe = "", subject } = check.looksAt ?? {};
  const seen = { key: check.title, node: name, of: "container", probe, subject, answer } as const;
  return derive([{ ...seen, facets: new Set(), titles: [check.title] }], environment, { only: ["database", "queue"] })
    .mutations;
}

function changeOf({ id, change }: Mutation): ServiceChange {
  if (change.way !== "service") throw new Error(`${id} is made ${change.way}`);
  return change.service;
}

async function isMet(name: Name, check: Check<Node>) {
  const judgement = check.judge(await check.observe(nodes[name]));
  return "met" in judgement && judgement.met;
}

const cats = () => postgres({ user, password, database: "animals" });
const films = () => mongodb().collection("studio", "films");
const cache = redis({ password });

const cases: readonly (readonly [Name, Check<Node>, readonly string[], Check<Node>])[] = [
  [
    "cache",
    cache.key("cat").is("Tom"),
    ["delete the key cat", "give the key cat another value"],
    cache.key("guest").exists(),
  ],
  [
    "cache",
    cache.key("guest").expires(),
    ["delete the key guest", "let the key guest stay"],
    cache.key("cat").exists(),
  ],
  [
    "cache",
    cache.key("queue").hasType("list"),
    ["delete the key queue", "make the key queue of another type"],
    cache.key("cat").is("Tom"),
  ],
  ["cache", cache.dbSize(3), ["empty the database 0", "set one key more in the database 0"], cache.hasRole("master")],
  ["cache", cache.config("appendonly").is("no"), ["set appendonly to yes"], cache.dbSize(3)],
  [
    "documents",
    films().hasCount(3),
    ["empty the collection studio.films", "remove a document from studio.films", "add a document to studio.films"],
    mongodb().collection("studio", "other").contains({ a: 1 }),
  ],
  [
    "documents",
    films().contains({ title: "one", frames: 24 }),
    ['remove the documents like {"title":"one","frames":24} from studio.films'],
    films().exists(),
  ],
  [
    "documents",
    films().hasIndex({ title: 1 }, { unique: true }),
    ['drop the index {"title":1} of studio.films'],
    films().hasCount(3),
  ],
  ["documents", films().exists(), ["drop the collection studio.films"], mongodb().databases().include("studio")],
  [
    "documents",
    mongodb().databases().areOnly("studio"),
    ["drop the database studio", "make one database more"],
    mongodb().answers(),
  ],
  [
    "documents",
    mongodb().database("studio").collections().areOnly("films", "other"),
    ["drop the database studio", "make one collection more in studio"],
    mongodb().answers(),
  ],
  [
    "tables",
    cats().table("dogs").hasRows(1),
    ["empty the table dogs", "delete a row of the table dogs"],
    cats().table("cats").hasRows(2),
  ],
  [
    "tables",
    cats().table("dogs").hasColumn("name", "text"),
    ["call the table dogs another name", "call the column name of dogs another name"],
    cats().table("cats").exists(),
  ],
  [
    "tables",
    cats()
      .query("SELECT name FROM dogs")
      .gives([{ name: "Rex" }]),
    ['empty what "SELECT name FROM dogs" reads'],
    cats().table("dogs").exists(),
  ],
];

describe("each change is noticed by who asks, not by who looks elsewhere, and undone", () => {
  for (const [name, check, ids, other] of cases)
    test(`${name}: ${check.title}`, async () => {
      const mutations = await mutationsOf(name, check);
      expect(mutations.map(({ id }) => id)).toEqual(ids.map((id) => `${name}: ${id}`));
      for (const mutation of mutations) {
        const { id } = mutation;
        const change = changeOf(mutation);
        const before = await change.look(nodes[name]);
        const undo = await change.make(nodes[name]);
        expect([id, await change.look(nodes[name])]).not.toEqual([id, before]);
        expect([id, await isMet(name, check), await isMet(name, other)]).toEqual([id, false, true]);
        await undo();
        expect([id, await change.look(nodes[name]), await isMet(name, check)]).toEqual([id, before, true]);
      }
    });
});

test("what would not come back as it was is refused, and nothing is changed", async () => {
  const check = cats().table("cats").hasRows(2);
  for (const [subject, why] of [
    [check, 'other tables refer to "cats"'],
    [cats().table("names").hasRows(2), '"names" is no plain table'],
    [
      cats()
        .query("SELECT 1 AS one")
        .gives([{ one: 1 }]),
      "it reads no table",
    ],
  ] as const) {
    const [mutation] = await mutationsOf("tables", subject);
    if (mutation === undefined) throw new Error(`nothing follows from ${subject.title}`);
    await expect(changeOf(mutation).make(nodes.tables)).rejects.toThrow(why);
    expect(await isMet("tables", check)).toBe(true);
  }
  // Rows with values that are generated come back, when nobody refers to them.
  await nodes.tables.succeed(["psql", "-d", "animals", "-c", "DROP TABLE cages"]);
  for (const mutation of await mutationsOf("tables", check)) {
    const change = changeOf(mutation);
    const before = await change.look(nodes.tables);
    const undo = await change.make(nodes.tables);
    expect(await isMet("tables", check)).toBe(false);
    await undo();
    expect(await change.look(nodes.tables)).toBe(before);
  }
});

describe("broker", () => {
  const said = amqp({ user, password });
  const onQueue = async <Answer>(ask: Parameters<typeof inChannel<Answer>>[2]) => {
    const login = { port: 5672, user, password, virtualHost: "/" };
    const { client, close } = await openAmqp091(nodes.broker, login);
    return { answer: await inChannel(client, "the broker", ask), client, close };
  };
  const allow = (who: string) =>
    askRabbit(nodes.broker, { user, password }, `permissions/%2F/${who}`, {
      method: "PUT",
      body: { configure: ".*", write: ".*", read: ".*" },
    });
  // What was forbidden is not allowed again: that takes a clone of its own.
  beforeEach(() => allow(user));
  const changeBy = async (id: string, check: Check<Node>) => {
    const mutation = (await mutationsOf("broker", check)).find((each) => each.id === `broker: ${id}`);
    if (mutation === undefined) throw new Error(`${id} does not follow from ${check.title}`);
    return changeOf(mutation);
  };

  test.each<[string, Check<Node>, readonly string[]]>([
    ["is there", said.queue("films").isDurable(), ["delete the queue films"]],
    ["has a depth", said.queue("films").hasDepth(0), ["delete the queue films", "put a message into the queue films"]],
    [
      "has consumers",
      said.queue("films").hasConsumers(1),
      ["delete the queue films", "let one more consume from the queue films"],
    ],
    ["has no consumers", said.queue("other").hasConsumers(0), ["let one more consume from the queue other"]],
    [
      "is among others",
      said.queues().areOnly(["films", "other"]),
      ["delete the queue films", "delete the queue other", "make one queue more"],
    ],
  ])("a queue %s", async (_, check, ids) => {
    const other = said.answers();
    for (const id of ids) {
      await allow(user);
      const { close: first } = await onQueue(async (channel) => {
        for (const name of ["assay.prove", "films", "other"]) await channel.deleteQueue(name);
        for (const name of ["films", "other"]) await channel.assertQueue(name, { durable: true });
      });
      first();
      const { client, close } = await openAmqp091(nodes.broker, { port: 5672, user, password, virtualHost: "/" });
      const channel = await client.createChannel();
      if (check.title.includes("1 consumers")) await channel.consume("films", () => undefined);
      try {
        await expect.poll(() => isMet("broker", check), { timeout: 10_000 }).toBe(true);
        const change = await changeBy(id, check);
        const staysSo = !id.includes("consume");
        expect([id, change.final]).toEqual([id, staysSo || undefined]);
        const before = await change.look(nodes.broker);
        const undo = await change.make(nodes.broker);
        expect([id, await change.look(nodes.broker)]).not.toEqual([id, before]);
        expect([id, await isMet("broker", check), await isMet("broker", other)]).toEqual([id, false, true]);
        if (staysSo) continue;
        await undo();
        expect([id, await change.look(nodes.broker)]).toEqual([id, before]);
        expect([id, await isMet("broker", check)]).toEqual([id, true]);
      } finally {
        // Before the queue is there again: RabbitMQ 3 may hand on a consumer to the next one of its name.
        await channel.close().catch(() => undefined);
        close();
      }
    }
  });

  describe("a queue that Celery's workers declare anew", () => {
    const names = ["animals", "celeryev.*"];
    const isThere = (name: string) => isMet("broker", said.queue(name).exists());
    const areConsumed = async () => {
      for (const name of names)
        await expect
          .poll(() => isMet("broker", said.queue(name).hasConsumers(1)), { timeout: 30_000, message: name })
          .toBe(true);
    };
    const worked = async (doing: () => Promise<void>) => {
      const worker = await start(nodes.broker, ["worker", "-n", "keeper@zoo", "-P", "solo"]);
      try {
        await areConsumed();
        await doing();
      } finally {
        await worker.stop();
      }
    };
    const whatIsAllowed = () => askRabbit(nodes.broker, { user, password }, "vhosts/%2F/permissions");

    test.each(names)("%s stays away", (name) =>
      worked(async () => {
        const allowed = await whatIsAllowed();
        const change = await changeBy(`delete the queue ${name}`, said.queues().include([name]));
        const before = await change.look(nodes.broker);
        await change.make(nodes.broker);
        const made = await change.look(nodes.broker);
        expect(made).not.toBe(before);
        // Longer than who hears of its end takes to declare it.
        await new Promise((resolve) => setTimeout(resolve, 1000));
        expect([await isThere(name), await change.look(nodes.broker)]).toEqual([false, made]);
        const declaring = onQueue((channel) => channel.assertQueue(name.replace("*", "1"), { autoDelete: true }));
        await expect(declaring).rejects.toThrow(/ACCESS_REFUSED/);
        const { close } = await onQueue((channel) =>
          channel.assertQueue("celeryev", { autoDelete: true, exclusive: true }),
        );
        close();
        const users = (await askRabbit(nodes.broker, { user, password }, "users")) as readonly { name: string }[];
        expect(users.map((each) => each.name)).toEqual([user]);
        await allow(user);
        expect(await whatIsAllowed()).toEqual(allowed);
      }),
    );

    test("is told as one that is, where nobody can be kept from it; and so is one that is emptied", () =>
      worked(async () => {
        const plain = { user: "visitor", password };
        const root = { user, password };
        const tags = "monitoring";
        await askRabbit(nodes.broker, root, "users/visitor", {
          method: "PUT",
          body: { password: password.reveal(), tags },
        });
        await allow("visitor");
        for (const name of names) {
          const change = await changeBy(`delete the queue ${name}`, amqp(plain).queue(name).exists());
          const before = await change.look(nodes.broker);
          await expect(change.make(nodes.broker), name).rejects.toThrow(
            /^who consumes from it declares it again within \d+ ms, and visitor is no administrator, who could forbid that$/,
          );
          // Another of its name is none less.
          await areConsumed();
          expect(await change.look(nodes.broker)).toBe(before);
        }
        const one = await changeBy("put a message into the queue animals", said.queue("animals").hasDepth(0));
        await expect(one.make(nodes.broker)).rejects.toThrow("who consumes from it takes the message at once");
      }));
  });

  test("one consumer more takes nothing from others, gives back what it was given, and is refused where a queue would go with it", async () => {
    const { close } = await onQueue(async (channel) => {
      for (const name of ["films", "fleeting"]) await channel.deleteQueue(name);
      await channel.assertQueue("films", { durable: true });
      await channel.assertQueue("fleeting", { durable: false, autoDelete: true });
      for (const text of ["one", "two"]) channel.sendToQueue("films", Buffer.from(text));
      await channel.waitForConfirms();
    });
    close();
    const films = said.queue("films");
    const change = await changeBy("let one more consume from the queue films", films.hasConsumers(0));
    const undo = await change.make(nodes.broker);
    await expect.poll(() => isMet("broker", films.hasDepth(1)), { timeout: 10_000 }).toBe(true);
    await undo();
    expect(await isMet("broker", films.hasDepth(2))).toBe(true);
    const { answer: first, close: closed } = await onQueue((channel) => channel.get("films", { noAck: true }));
    closed();
    expect(first === false ? first : first.content.toString()).toBe("one");
    // Who has room is given all of them.
    const { client, close: end } = await openAmqp091(nodes.broker, { port: 5672, user, password, virtualHost: "/" });
    const got: (string | undefined)[] = [];
    const channel = await client.createChannel();
    await channel.consume("films", (message) => got.push(message?.content.toString()), { noAck: true });
    const beside = await changeBy("let one more consume from the queue films", films.hasConsumers(1));
    const leave = await beside.make(nodes.broker);
    const more = ["three", "four", "five"];
    for (const text of more) channel.sendToQueue("films", Buffer.from(text));
    await expect.poll(() => got, { timeout: 10_000 }).toEqual(["two", ...more]);
    await leave();
    end();
    const fleeting = said.queue("fleeting");
    const refused = await changeBy("let one more consume from the queue fleeting", fleeting.hasConsumers(0));
    await expect(refused.make(nodes.broker)).rejects.toThrow("fleeting would go with its only consumer");
    expect(await isMet("broker", fleeting.exists())).toBe(true);
  });
});

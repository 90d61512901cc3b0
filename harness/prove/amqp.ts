// Decides which changes of a broker a spec ought to notice that asks for its queues: one is not there, one consumer more has it, a message
// more waits in it, one queue more. What was deleted does not come back: such changes take a clone of their own. Refuses to count a queue
// as deleted that somebody declares anew.
import { setTimeout } from "node:timers/promises";
import type { AmqpSubject } from "../checks/amqp.ts";
import { brokerPort, inChannel, openAmqp091 } from "../checks/amqp-091.ts";
import { type AmqpOptions, openAmqp } from "../checks/amqp-client.ts";
import { listQueues } from "../checks/amqp-management.ts";
import { isNamed, type Queue } from "../checks/amqp-queues.ts";
import type { Node } from "../model/node.ts";
import { forbidden } from "./amqp-forbidden.ts";
import { byService, type Made, type Observation, type ServiceChange } from "./mutation.ts";
import { endListener } from "./processes.ts";

type Channel = Parameters<Parameters<typeof inChannel>[2]>[0];

/** Queues of the wanted name, by the broker's own list, and how it calls itself. */
async function askedFor(node: Node, options: AmqpOptions, name: string) {
  const { client, close } = await openAmqp(node, options);
  try {
    const queues = await listQueues(node, options, client);
    return { product: client.product, queues: queues.filter((queue) => isNamed(name, queue.name)) };
  } finally {
    close();
  }
}

const queuesOf = async (node: Node, options: AmqpOptions, name: string) => (await askedFor(node, options, name)).queues;

/** In a channel of its own, by AMQP 0-9-1: what 1.0 cannot say, both kinds of broker understand so. */
async function withChannel<Answer>(node: Node, options: AmqpOptions, ask: (channel: Channel) => Promise<Answer>) {
  const { user = "guest", password, virtualHost = "/", tls } = options;
  const port = brokerPort(options);
  const { client, close } = await openAmqp091(node, { port, user, password, virtualHost, tls });
  try {
    return await inChannel(client, `the broker on port ${port}`, ask);
  } finally {
    close();
  }
}

/** What is told of one queue. */
type Tell = (queue: Queue, channel: Channel) => Promise<unknown>;

/** What is told of each queue of the name. Which of those that are meant it is, makes no difference: one for another is no change. */
const looking = (options: AmqpOptions, name: string, tell: Tell) => async (node: Node) => {
  const queues = await queuesOf(node, options, name);
  return withChannel(node, options, async (channel) => {
    const told = [];
    for (const queue of queues) told.push(JSON.stringify(await tell(queue, channel)));
    return `${name} ${told.sort().join(" ")}`;
  });
};

function change(
  options: AmqpOptions,
  name: string,
  tell: Tell,
  make: (queues: readonly Queue[], channel: Channel) => Promise<unknown>,
): ServiceChange {
  return {
    final: true,
    look: looking(options, name, tell),
    async make(node) {
      const queues = await queuesOf(node, options, name);
      await withChannel(node, options, (channel) => make(queues, channel));
      return () => Promise.reject(new Error("what was deleted does not come back"));
    },
  };
}

function required(queues: readonly Queue[]): readonly Queue[] {
  if (queues.length === 0) throw new Error("there is no such queue");
  if (queues.some(({ exclusive }) => exclusive)) throw new Error("it is one connection's alone");
  return queues;
}

const itself = (queue: Queue) => Promise.resolve([queue.durable, queue.autoDelete]);

const figure =
  (what: "messageCount" | "consumerCount"): Tell =>
  async ({ name }, channel) =>
    (await channel.checkQueue(name))[what];

/**
 * How long somebody may take to declare a queue anew of whose end he was told, ms. A worker of Celery's takes 10 to 100, and a second more
 * where it asks for other workers first.
 */
const againMs = 3_000;
/** Before each look for it, ms: of a queue that is declared no broker tells. */
const lookMs = 50;

/** Not there, and not to be declared again; rejects where it is there again all the same. */
function deleted(options: AmqpOptions, name: string): ServiceChange {
  return {
    final: true,
    look: looking(options, name, itself),
    async make(node) {
      const { product, queues: before } = await askedFor(node, options, name);
      required(before);
      const held = await forbidden(node, options, product, name);
      const { consumers, began } = await withChannel(node, held.as, async (channel) => {
        // One may have come meanwhile, in the place of another.
        const queues = await queuesOf(node, options, name);
        let consumed = 0;
        for (const queue of queues) consumed += Number(await figure("consumerCount")(queue, channel));
        const now = performance.now();
        for (const queue of queues) await channel.deleteQueue(queue.name);
        return { consumers: consumed, began: now };
      }).finally(held.done);
      const until = began + ("not" in held ? againMs : 0);
      do {
        await setTimeout(lookMs);
        const again = (await queuesOf(node, options, name)).length > 0;
        const ms = Math.ceil(performance.now() - began);
        const who = consumers > 0 ? "who consumes from it" : "somebody";
        if (again)
          throw new Error(`${who} declares it again within ${ms} ms${"not" in held ? `, and ${held.not}` : ""}`);
      } while (performance.now() < until);
      return () => Promise.reject(new Error("what was deleted does not come back"));
    },
  };
}

/** So low that others who have room are given every message first. */
const lastOfAll = -1000;

/**
 * One consumer more in each queue, for as long as it is not undone. Not one fewer: to delete a queue and make it anew takes consumers away
 * only where they hear of the end before it is there again. Else RabbitMQ before 4.0 hands them on to the new one, as it does for a queue
 * whose mirror takes over (`handle_consuming_queue_down_or_eol` in its `rabbit_channel.erl`); and who hears of it may come back.
 */
function consumedOnceMore(options: AmqpOptions, name: string): ServiceChange {
  return {
    look: looking(options, name, figure("consumerCount")),
    async make(node) {
      const queues = required(await queuesOf(node, options, name));
      const begun = Promise.withResolvers<void>();
      const undone = Promise.withResolvers<void>();
      // The channel's end takes the consumers, and gives back in its place what one of them was given.
      const consuming = withChannel(node, options, async (channel) => {
        for (const { name: own, autoDelete } of queues)
          if (autoDelete && (await channel.checkQueue(own)).consumerCount === 0)
            throw new Error(`${own} would go with its only consumer`);
        await channel.prefetch(1);
        for (const { name: own } of queues) await channel.consume(own, () => undefined, { priority: lastOfAll });
        begun.resolve();
        await undone.promise;
      });
      await Promise.race([begun.promise, consuming]);
      return () => {
        undone.resolve();
        return consuming;
      };
    },
  };
}

function ofFigures(seen: Observation, options: AmqpOptions, name: string): readonly Made[] {
  const says = (pattern: RegExp) => seen.titles.some((title) => pattern.test(title));
  return [
    ...(says(/ has depth /)
      ? [
          byService(
            seen,
            "queue",
            `put a message into the queue ${name}`,
            change(options, name, figure("messageCount"), async (found, channel) => {
              const waiting = figure("messageCount");
              const before = await Promise.all(required(found).map((queue) => waiting(queue, channel)));
              for (const queue of found) channel.sendToQueue(queue.name, Buffer.from("assay prove"));
              await channel.waitForConfirms();
              const after = await Promise.all(found.map((queue) => waiting(queue, channel)));
              if (String(after) === String(before)) throw new Error("who consumes from it takes the message at once");
            }),
          ),
        ]
      : []),
    ...(says(/ has \d+ consumers$/)
      ? [byService(seen, "queue", `let one more consume from the queue ${name}`, consumedOnceMore(options, name))]
      : []),
  ];
}

/** Of what a broker was asked. */
export function ofBroker(seen: Observation): readonly Made[] {
  const { options, queue, queues, figures } = seen.subject as AmqpSubject["subject"];
  const server = endListener(seen, brokerPort(options));
  if (queue !== undefined)
    return [
      server,
      byService(seen, "queue", `delete the queue ${queue}`, deleted(options, queue)),
      ...(figures === true ? ofFigures(seen, options, queue) : []),
    ];
  if (queues !== true || !Array.isArray(seen.answer)) return [server];
  const words = seen.titles.flatMap((title) => title.replace(/^.*? (include|are only) /, "").split(", "));
  // Of one whose name is another in each clone, the pattern is what stays.
  const named = words.filter((word) => (seen.answer as readonly Queue[]).some(({ name }) => isNamed(word, name)));
  const more = seen.titles.some((title) => / are (only|none)/.test(title));
  return [
    server,
    ...named.slice(0, 8).map((word) => byService(seen, "queue", `delete the queue ${word}`, deleted(options, word))),
    ...(more
      ? [
          byService(
            seen,
            "queue",
            "make one queue more",
            change(options, "assay.prove", itself, (_, channel) =>
              channel.assertQueue("assay.prove", { durable: false }),
            ),
          ),
        ]
      : []),
  ];
}

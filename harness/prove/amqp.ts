// Decides which changes of a broker a spec ought to notice that asks for its queues: one is not there, one consumer more has it, a message
// more waits in it, one queue more. What was deleted does not come back: such changes take a clone of their own.
import type { AmqpSubject } from "../checks/amqp.ts";
import { brokerPort, inChannel, openAmqp091 } from "../checks/amqp-091.ts";
import { type AmqpOptions, openAmqp } from "../checks/amqp-client.ts";
import { listQueues } from "../checks/amqp-management.ts";
import { isNamed, type Queue } from "../checks/amqp-queues.ts";
import type { Node } from "../model/node.ts";
import { byService, type Made, type Observation, type ServiceChange } from "./mutation.ts";
import { endListener } from "./processes.ts";

type Channel = Parameters<Parameters<typeof inChannel>[2]>[0];

/** Queues of the wanted name, by the broker's own list. */
async function queuesOf(node: Node, options: AmqpOptions, name: string): Promise<readonly Queue[]> {
  const { client, close } = await openAmqp(node, options);
  try {
    return (await listQueues(node, options, client)).filter((queue) => isNamed(name, queue.name));
  } finally {
    close();
  }
}

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

/** What is told of each queue of the name. */
const looking = (options: AmqpOptions, name: string, tell: Tell) => async (node: Node) => {
  const queues = await queuesOf(node, options, name);
  return withChannel(node, options, async (channel) => {
    const told = [];
    for (const queue of queues) told.push([queue.name, await tell(queue, channel)]);
    return JSON.stringify(told.sort());
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

function deleted(options: AmqpOptions, name: string): ServiceChange {
  return change(options, name, itself, async (queues, channel) => {
    for (const queue of required(queues)) await channel.deleteQueue(queue.name);
  });
}

const figure =
  (what: "messageCount" | "consumerCount"): Tell =>
  async ({ name }, channel) =>
    (await channel.checkQueue(name))[what];

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
              for (const queue of required(found)) channel.sendToQueue(queue.name, Buffer.from("assay prove"));
              await channel.waitForConfirms();
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
  const named = (seen.answer as readonly Queue[]).filter(({ name }) => words.some((word) => isNamed(word, name)));
  const more = seen.titles.some((title) => / are (only|none)/.test(title));
  return [
    server,
    ...named
      .slice(0, 8)
      .map(({ name }) => byService(seen, "queue", `delete the queue ${name}`, deleted(options, name))),
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

// Decides which changes of a broker a spec ought to notice that asks for its queues: one is not there, nobody consumes from it, a message
// more waits in it, one queue more. What was deleted does not come back: such changes take a clone of their own.
import type { AmqpSubject } from "../checks/amqp.ts";
import { inChannel, openAmqp091 } from "../checks/amqp-091.ts";
import { type AmqpOptions, amqpPort, openAmqp } from "../checks/amqp-client.ts";
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
  const { port = amqpPort, user = "guest", password, virtualHost = "/" } = options;
  const { client, close } = await openAmqp091(node, { port, user, password, virtualHost });
  try {
    return await inChannel(client, `the broker on port ${port}`, ask);
  } finally {
    close();
  }
}

/** `look`: what is told of each queue of the name. */
function change(
  options: AmqpOptions,
  name: string,
  look: (queue: Queue, channel: Channel) => Promise<unknown>,
  make: (queues: readonly Queue[], channel: Channel) => Promise<unknown>,
): ServiceChange {
  return {
    final: true,
    async look(node) {
      const queues = await queuesOf(node, options, name);
      return withChannel(node, options, async (channel) => {
        const told = [];
        for (const queue of queues) told.push([queue.name, await look(queue, channel)]);
        return JSON.stringify(told.sort());
      });
    },
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

function ofFigures(seen: Observation, options: AmqpOptions, name: string): readonly Made[] {
  const { queues = [] } = (seen.answer ?? {}) as { readonly queues?: readonly Queue[] };
  const says = (pattern: RegExp) => seen.titles.some((title) => pattern.test(title));
  const figure = (what: "messageCount" | "consumerCount") => async (queue: Queue, channel: Channel) =>
    (await channel.checkQueue(queue.name))[what];
  const consumed = queues.some(({ consumers = 0 }) => consumers > 0);
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
    ...(says(/ has \d+ consumers$/) && consumed
      ? [
          // Whoever consumes from a queue that is deleted is told so, and consumes from the next one of its name only if he asks again.
          byService(
            seen,
            "queue",
            `let nobody consume from the queue ${name}`,
            change(options, name, figure("consumerCount"), async (found, channel) => {
              for (const { name: own, durable, autoDelete, bindings = [] } of required(found)) {
                await channel.deleteQueue(own);
                await channel.assertQueue(own, { durable, autoDelete });
                for (const { exchange, key } of bindings) await channel.bindQueue(own, exchange, key);
              }
            }),
          ),
        ]
      : []),
  ];
}

/** Of what a broker was asked. */
export function ofBroker(seen: Observation): readonly Made[] {
  const { options, queue, queues, figures } = seen.subject as AmqpSubject["subject"];
  const server = endListener(seen, options.port ?? amqpPort);
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

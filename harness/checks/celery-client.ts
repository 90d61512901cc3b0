// Decides how Celery's workers are asked: commands by their fanout exchange, tasks by a queue, answers and events by one exclusive queue
// that goes with the question. Declares nothing else: exchanges are the workers' own.
import { randomUUID } from "node:crypto";
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from "amqplib";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { type Amqp091Options, brokerPort, ChannelRefusal, inChannel, openAmqp091 } from "./amqp-091.ts";
import {
  type CeleryEvent,
  commandBody,
  readEvents,
  readReply,
  readResult,
  type TaskCall,
  type TaskResult,
  taskMessage,
} from "./celery-messages.ts";
import { askService } from "./service-client.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where the broker is on its node, and who asks. */
export interface CeleryOptions {
  /** Default 5672; over TLS 5671. */
  readonly port?: number;
  readonly user: string;
  readonly password?: Secret;
  /** Default `/`, which Broker-J takes for its own. */
  readonly virtualHost?: string;
  /** `control_exchange` of the application; default `celery`. */
  readonly control?: string;
  /** Speaks TLS to the broker. Default: in the clear. */
  readonly tls?: TlsOptions;
}

/** How long workers may take to answer a command, ms. */
export const replyMs = 5000;

/** A channel on which one question is asked. */
export interface Conversation {
  /** Sends a command, and hears the replies of its workers as they come, by their names. */
  command(method: string, parameters: Readonly<Record<string, unknown>>, workers?: readonly string[]): Promise<Replies>;
  /** Hears events from now on; `false` where no worker was ever on this broker. */
  hear(heard: (event: CeleryEvent) => void): Promise<boolean>;
  /** Sends a task. `false` where the broker has no queue for it. */
  send(call: TaskCall, to: { readonly exchange: string; readonly key: string }, expiresMs: number): Promise<boolean>;
  /** What the backend `rpc://` tells of a task. */
  result(id: string): Promise<TaskResult>;
}

export interface Replies {
  /** So far. */
  readonly all: Readonly<Record<string, unknown>>;
  /** All replies as soon as `enough` says so, or after `ms`. */
  until(
    enough: (all: Readonly<Record<string, unknown>>) => boolean,
    ms?: number,
  ): Promise<Readonly<Record<string, unknown>>>;
}

/** Asks by a channel of its own. Rejects with an `ObservationError` where the broker could not be asked. */
export function converse<Answer>(
  node: Node,
  options: CeleryOptions,
  ask: (talk: Conversation) => Promise<Answer>,
): Promise<Answer> {
  const { user, password, virtualHost = "/", tls } = options;
  const port = brokerPort(options);
  const login: Amqp091Options = { port, user, password, virtualHost, tls };
  const service = `the broker on port ${port}`;
  const key = JSON.stringify(["celery", port, user, password?.reveal(), virtualHost, tls]);
  return askService(
    node,
    key,
    () => openAmqp091(node, login),
    (model) => talking(model, service, options, ask),
  );
}

async function talking<Answer>(
  model: ChannelModel,
  service: string,
  { control = "celery" }: CeleryOptions,
  ask: (talk: Conversation) => Promise<Answer>,
): Promise<Answer> {
  const there = (exchange: string) =>
    inChannel(model, service, (channel) => channel.checkExchange(exchange)).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ChannelRefusal && error.code === 404) return false;
        throw error;
      },
    );
  try {
    return await inChannel(model, service, async (channel) => {
      const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true, durable: false });
      const post = new Post(channel, queue);
      await channel.consume(queue, (message) => post.take(message), { noAck: true });
      try {
        // What it cannot read rejects the question, whatever it waits for.
        return await Promise.race([
          ask({
            async command(method, parameters, workers) {
              const exchange = `${control}.pidbox`;
              const ticket = randomUUID();
              const replies = post.replies(ticket);
              if (await there(exchange))
                channel.publish(exchange, "", commandBody(method, parameters, queue, ticket, workers), {
                  contentType: "application/json",
                  contentEncoding: "utf-8",
                  headers: { clock: 0, expires: 0 },
                });
              else replies.nobody();
              return replies;
            },
            async hear(heard) {
              if (!(await there("celeryev"))) return false;
              post.heard = heard;
              await channel.bindQueue(queue, "celeryev", "#");
              return true;
            },
            send: (call, to, expiresMs) => post.send(call, to, expiresMs),
            result: (id) => post.result(id),
          }),
          post.broken,
        ]);
      } finally {
        await channel.deleteQueue(queue).catch(() => undefined);
      }
    });
  } catch (error) {
    throw error instanceof ChannelRefusal ? failedProbe(`${service} refuses the question`, error.message) : error;
  }
}

/** What comes to our queue, told apart. */
class Post {
  heard: (event: CeleryEvent) => void = () => undefined;
  readonly broken: Promise<never>;
  readonly #break: (error: unknown) => void;
  readonly #channel: ConfirmChannel;
  readonly #queue: string;
  readonly #brokerJ: boolean;
  readonly #replies = new Map<string, (reply: Readonly<Record<string, unknown>>) => void>();
  readonly #results = new Map<string, (result: TaskResult) => void>();

  constructor(channel: ConfirmChannel, queue: string) {
    const { product } = channel.connection.serverProperties as { product?: unknown };
    this.#brokerJ = /qpid|broker-j/i.test(String(product));
    this.#channel = channel;
    this.#queue = queue;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.broken = promise;
    this.#break = reject;
  }

  take(message: ConsumeMessage | null): void {
    if (message === null) return;
    const { fields, properties, content } = message;
    try {
      if (fields.exchange === "celeryev") for (const event of readEvents(content)) this.heard(event);
      else if (this.#results.has(String(properties.correlationId))) {
        const result = readResult(content);
        // Others are on the way: STARTED, RETRY.
        if (["SUCCESS", "FAILURE", "REVOKED"].includes(result.status))
          this.#results.get(properties.correlationId)?.(result);
      } else this.#replies.get(String(properties.headers?.["ticket"]))?.(readReply(content));
    } catch (error) {
      this.#break(error);
    }
  }

  replies(ticket: string): Replies & { nobody(): void } {
    const all: Record<string, unknown> = {};
    let look: () => void = () => undefined;
    let nobody = false;
    this.#replies.set(ticket, (reply) => {
      Object.assign(all, reply);
      look();
    });
    return {
      all,
      nobody() {
        nobody = true;
      },
      async until(enough, ms = replyMs) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const late = setTimeout(resolve, nobody ? 0 : ms);
        look = () => {
          if (enough(all)) resolve();
        };
        look();
        await promise;
        clearTimeout(late);
        return all;
      },
    };
  }

  result(id: string): Promise<TaskResult> {
    const { promise, resolve } = Promise.withResolvers<TaskResult>();
    this.#results.set(id, resolve);
    return promise;
  }

  async send(
    call: TaskCall,
    { exchange, key }: { exchange: string; key: string },
    expiresMs: number,
  ): Promise<boolean> {
    const { headers, body } = taskMessage(call);
    let routed = true;
    const back = () => {
      routed = false;
    };
    this.#channel.once("return", back);
    this.#channel.publish(exchange, key, body, {
      mandatory: true,
      headers,
      correlationId: call.id,
      replyTo: this.#queue,
      contentType: "application/json",
      contentEncoding: "utf-8",
      deliveryMode: 2,
      // Where nobody takes it, it is not to be found there by a worker of tomorrow. Broker-J reads a moment where others read a span: a
      // span would be a moment of 1970.
      expiration: String(this.#brokerJ ? Date.now() + expiresMs : expiresMs),
    });
    // A broker returns what it cannot route before it confirms it.
    await this.#channel.waitForConfirms();
    this.#channel.removeListener("return", back);
    return routed;
  }
}

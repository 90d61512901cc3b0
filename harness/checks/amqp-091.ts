// Decides how a broker is asked by AMQP 0-9-1, which Celery speaks: amqplib over a stream that the node opens, one connection for all
// questions and a channel for each. Says of each failure what it is.
import type { Channel, ChannelModel, ConfirmChannel } from "amqplib";
import type { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { isRefused, loginRefused, otherProtocol, type ServiceClient, unreachable } from "./service-client.ts";
import { serviceSocket } from "./service-socket.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where a broker is on its node, and who asks. */
export interface Amqp091Options {
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  readonly virtualHost: string;
  readonly tls?: TlsOptions | undefined;
}

/** Where a broker listens: 5672, over TLS 5671, unless it is said. */
export function brokerPort({ port, tls }: { readonly port?: number; readonly tls?: TlsOptions | undefined }): number {
  return port ?? (tls === undefined ? 5672 : 5671);
}

/** How long a broker may take to let somebody in, ms. */
const openMs = 10_000;

/** Rejects with an `ObservationError`: `service-unreachable`, `other-protocol`, `login-refused`; of TLS what `serviceStream` tells. */
export async function openAmqp091(node: Node, options: Amqp091Options): Promise<ServiceClient<ChannelModel>> {
  const { port, user, password, virtualHost, tls } = options;
  const [{ connect }, socket] = await Promise.all([import("amqplib"), serviceSocket(node, { port, tls }, methods)]);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it let nobody in for ${openMs / 1000} s`)), openMs);
  try {
    const opening = connect(
      {
        protocol: "amqp",
        hostname: "127.0.0.1",
        port,
        username: user,
        password: password?.reveal() ?? "",
        vhost: encodeURIComponent(virtualHost),
        heartbeat: 0,
      },
      { path: socket.path },
    );
    opening.catch(() => undefined);
    const model = await Promise.race([opening, socket.failed, late.promise]);
    const close = () => {
      end();
      void model
        .close()
        .catch(() => undefined)
        .then(() => socket.close());
    };
    model
      .on("error", () => undefined)
      .on("close", () => {
        end();
        socket.close();
      });
    return { client: model, ended, close };
  } catch (error) {
    // Of a stream that was refused, and of another protocol, the client has other words.
    const told = await Promise.race([
      socket.failed.catch((reason: unknown) => reason),
      new Promise((next) => setImmediate(next)),
    ]);
    socket.close();
    throw explained(told ?? error, port);
  } finally {
    clearTimeout(timer);
  }
}

/** A broker begins with a frame of its methods; of another version of AMQP, with the version that it speaks. */
const methods = { service: "AMQP 0-9-1 server", speaks: (first: Buffer) => first[0] === 1 };

function explained(error: unknown, port: number): unknown {
  const service = `the broker on port ${port}`;
  if (isRefused(error)) return unreachable(service, error);
  if (!(error instanceof Error) || "seen" in error) return error;
  const { message } = error;
  if (/ACCESS_REFUSED|ACCESS-REFUSED|\b403\b|authentication/i.test(message)) return loginRefused(service, message);
  if (/\b530\b|NOT.ALLOWED|vhost|virtual ?host|ConnectionOpenOk; got <ConnectionClose/i.test(message))
    return failedProbe(`${service} does not open the virtual host`, message);
  if (/Invalid frame|Expected Connection|Expected ConnectionStart|protocol|ECONNRESET|abruptly|EPIPE/i.test(message))
    return otherProtocol(methods.service, port, message);
  if (/let nobody in/.test(message)) return unreachable(service, error);
  return failedProbe(`${service} cannot be asked`, message);
}

/** What a broker says to a question that it refuses: 404 where something is not there. */
export class ChannelRefusal extends Error {
  readonly code: number;
  constructor(error: Error & { code?: number }) {
    super(error.message);
    this.code = error.code ?? 0;
  }
}

/** A channel of its own for one question: a broker closes it when it says no. */
export async function inChannel<Answer>(
  model: ChannelModel,
  service: string,
  ask: (channel: ConfirmChannel) => Promise<Answer>,
): Promise<Answer> {
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  let channel: ConfirmChannel | undefined;
  const lost = () => reject(unreachable(service, new Error("the connection was lost")));
  model.once("close", lost);
  try {
    channel = await Promise.race([model.createConfirmChannel(), broken]);
    channel.on("error", (error: Error & { code?: number }) => reject(new ChannelRefusal(error)));
    return await Promise.race([
      ask(channel).catch(async (error: Error & { code?: number }) => {
        // The channel's own words say more than "channel closed".
        if (typeof error.code === "number") throw new ChannelRefusal(error);
        await Promise.race([broken, new Promise((resolve) => setImmediate(resolve))]);
        throw error;
      }),
      broken,
    ]);
  } finally {
    model.removeListener("close", lost);
    await (channel as Channel | undefined)?.close().catch(() => undefined);
  }
}

/** What waits in a queue, and who consumes from it, as the broker knows it this moment; `undefined` where there is no such queue. */
export async function queueFigures(
  model: ChannelModel,
  service: string,
  name: string,
): Promise<{ readonly depth: number; readonly consumers: number } | "locked" | undefined> {
  try {
    const { messageCount, consumerCount } = await inChannel(model, service, (channel) => channel.checkQueue(name));
    return { depth: messageCount, consumers: consumerCount };
  } catch (error) {
    if (error instanceof ChannelRefusal && error.code === 404) return undefined;
    if (error instanceof ChannelRefusal && error.code === 405) return "locked";
    throw error instanceof ChannelRefusal
      ? (failedProbe(`${service} tells nothing of ${name}`, error.message) as ObservationError)
      : error;
  }
}

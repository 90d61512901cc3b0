// Decides how a Redis server is asked: by Redis's own client over a stream that the node opens, one connection for all questions. Says of
// each failure what it is.
import type { RedisClientType } from "@redis/client";
import { HarnessError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import {
  askService,
  isRefused,
  loginRefused,
  otherProtocol,
  type ServiceClient,
  unreachable,
} from "./service-client.ts";
import { serviceSocket } from "./service-socket.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where the server is on its node, and who asks. */
export interface RedisOptions {
  /** Default 6379. */
  readonly port?: number;
  /** Of an access control list; default: the default user. */
  readonly user?: string;
  readonly password?: Secret;
  /** Number of the database; default 0. */
  readonly database?: number;
  /** Speaks TLS: its `tls-port`. Default: in the clear. */
  readonly tls?: TlsOptions;
}

/** What Redis answers, in its own types. */
export type RedisReply = string | number | null | readonly RedisReply[];

export const redisPort = 6379;

/** How long a server may take to let somebody in, and to answer, ms. */
const openMs = 10_000;

/** What the server answers to a command. Rejects with an `ObservationError` where it could not be asked. */
export function askRedis(node: Node, options: RedisOptions, command: readonly string[]): Promise<RedisReply> {
  const { port = redisPort, user, password, database = 0, tls } = options;
  const key = JSON.stringify(["redis", port, user, password?.reveal(), database, tls]);
  return askService(
    node,
    key,
    () => openRedis(node, options),
    async (client) => {
      try {
        return (await inTime(client.sendCommand([...command]), "no answer")) as unknown as RedisReply;
      } catch (error) {
        throw explained(error, port);
      }
    },
    (error) => error instanceof HarnessError && error.code === "service-unreachable",
  );
}

/** Rejects with an `ObservationError`: `service-unreachable`, `other-protocol`, `login-refused`; of TLS what `serviceStream` tells. */
export async function openRedis(node: Node, options: RedisOptions): Promise<ServiceClient<RedisClientType>> {
  const { port = redisPort, user, password, database = 0, tls } = options;
  const [{ createClient }, socket] = await Promise.all([
    import("@redis/client"),
    serviceSocket(node, { port, tls }, replies),
  ]);
  const client = createClient({
    socket: { path: socket.path, tls: false, reconnectStrategy: false, connectTimeout: openMs },
    RESP: 2,
    disableClientInfo: true,
    ...(user === undefined ? {} : { username: user }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(database === 0 ? {} : { database }),
  }) as unknown as RedisClientType;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const close = () => {
    end();
    if (client.isOpen) client.destroy();
    socket.close();
  };
  client.on("error", close).on("end", close);
  const opening = client.connect();
  opening.catch(() => undefined);
  try {
    await inTime(Promise.race([opening, socket.failed]), "it let nobody in");
    const pong = await inTime(Promise.race([client.sendCommand(["PING"]), socket.failed]), "no answer to PING");
    if (String(pong) !== "PONG")
      throw otherProtocol(replies.service, port, `it answered ${JSON.stringify(pong)} to PING`);
    return { client, ended, close };
  } catch (error) {
    // Of a stream that was refused, and of another protocol, the client has other words.
    const refused = await Promise.race([
      socket.failed.catch((reason: unknown) => reason),
      new Promise((resolve) => setImmediate(resolve, undefined)),
    ]);
    close();
    throw explained(refused ?? error, port);
  }
}

/** Simple strings, errors, integers, bulk strings, arrays. */
const replies = { service: "Redis server", speaks: (first: Buffer) => /^[-+:$*]/.test(first.toString("latin1", 0, 1)) };

async function inTime<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} for ${openMs / 1000} s`)), openMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function explained(error: unknown, port: number): unknown {
  const service = `the Redis server on port ${port}`;
  if (isRefused(error)) return unreachable(service, error);
  if (error instanceof HarnessError || !(error instanceof Error)) return error;
  const { message } = error;
  if (/^(NOAUTH|WRONGPASS|ERR AUTH|ERR Client sent AUTH)|called without any password/.test(message))
    return loginRefused(service, message);
  if (/^NOPERM/.test(message)) return failedProbe(`${service} forbids the question`, message);
  // Words of Redis's own begin so; all else is the connection's.
  if (/^[A-Z]+ /.test(message)) return failedProbe(`${service} answers`, message);
  return unreachable(service, error);
}

// Decides how a broker is asked by AMQP 1.0: rhea's protocol over a stream that the node opens, one connection for all questions and a
// session for each. Says of each failure what it is. Refuses to know what is asked.
import type { AmqpError, Connection, Container, Session } from "rhea";
import { ObservationError, TransportError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { brokerPort } from "./amqp-091.ts";
import {
  isRefused,
  loginRefused,
  otherBytes,
  otherProtocol,
  type ServiceClient,
  unreachable,
} from "./service-client.ts";
import { type ServicePort, type ServiceStream, serviceStream } from "./service-stream.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where a broker is on its node, and who asks. */
export interface AmqpOptions {
  /** Default 5672; over TLS 5671. */
  readonly port?: number;
  /** Without a user nobody logs in: the mechanism ANONYMOUS. */
  readonly user?: string;
  readonly password?: Secret;
  /** Default: the broker's own. */
  readonly virtualHost?: string;
  /** Speaks TLS (`amqps`). Default: in the clear. */
  readonly tls?: TlsOptions;
  /**
   * Its REST API, where queues are listed. The port is by default 15672 of RabbitMQ, 8080 of Broker-J, over TLS 15671 and 8443; the login that of
   * AMQP. Without `tls` here it is spoken to in the clear, whatever is given for AMQP.
   */
  readonly management?: {
    readonly port?: number;
    readonly user?: string;
    readonly password?: Secret;
    readonly tls?: TlsOptions;
  };
}

/** A broker that let us in. */
export interface Broker {
  readonly connection: Connection;
  /** As it calls itself: `RabbitMQ`, `qpid`. */
  readonly product: string;
}

/** How long a broker may take to let somebody in, ms. */
const openMs = 10_000;

let container: Promise<Container> | undefined;

/** Rejects with an `ObservationError`: `service-unreachable`, `other-protocol`, `login-refused`; of TLS what `serviceStream` tells. */
export async function openAmqp(node: Node, options: AmqpOptions): Promise<ServiceClient<Broker>> {
  const { virtualHost } = options;
  // Broker-J takes the name of its virtual host. RabbitMQ takes any name for the default one, and others by this prefix alone.
  const first = await openOnce(
    node,
    options,
    virtualHost === undefined || virtualHost === "/" ? "default" : virtualHost,
  );
  if (first.client.product !== "RabbitMQ" || virtualHost === undefined || virtualHost === "/") return first;
  first.close();
  return openOnce(node, options, `vhost:${virtualHost}`);
}

async function openOnce(node: Node, options: AmqpOptions, hostname: string): Promise<ServiceClient<Broker>> {
  const { user, password, tls } = options;
  const port = brokerPort(options);
  const service = `the broker on port ${port}`;
  container ??= import("rhea").then(({ default: rhea }) => rhea.create_container({ id: `assay-${process.pid}` }));
  const [amqp, { stream, whySilent }] = await Promise.all([container, openStream(node, { port, tls }, service)]);
  let heard = Buffer.alloc(0);
  const { promise: opened, resolve, reject } = Promise.withResolvers<Broker>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const mechanisms = amqp.sasl.client_mechanisms();
  if (user === undefined) mechanisms.enable_anonymous("assay");
  else mechanisms.enable_plain(user, password?.reveal() ?? "");
  const connection = amqp.create_connection({
    connection_details: () => ({
      host: hostname,
      port,
      connect(_port: number, _host: string, _options: unknown, connected: () => void) {
        process.nextTick(connected);
        return stream;
      },
    }),
    hostname,
    host: hostname,
    port,
    // rhea's types know no map of mechanisms here; its code does.
    ...{ sasl_mechanisms: mechanisms },
    reconnect: false,
  });
  connection
    .on("connection_open", () => {
      const { product } = (connection.properties ?? {}) as { product?: unknown };
      // A broker that has no such virtual host opens, and closes at once.
      setImmediate(() => resolve({ connection, product: typeof product === "string" ? product : "" }));
    })
    .on("connection_error", ({ error }: { error?: AmqpError | Error }) => {
      const { condition } = (error ?? {}) as AmqpError;
      reject(
        condition === "amqp:unauthorized-access"
          ? loginRefused(service, sayError(error))
          : failedProbe(`${service} ends the connection`, sayError(error)),
      );
    })
    .on("protocol_error", () => reject(strange(port, heard)))
    .on("error", (error: Error) => reject(unreachable(service, error)))
    .on("connection_close", () => end())
    .on("disconnected", () => end());
  const close = () => {
    end();
    // It ends the stream when the broker has heard of it.
    if (connection.is_closed()) stream.end();
    else connection.close();
    setTimeout(() => stream.destroy(), 1000).unref();
  };
  connection.connect();
  // Beside rhea, in the same tick: nothing flows before.
  stream.on("data", (bytes: Buffer) => {
    if (heard.length < 200) heard = Buffer.concat([heard, bytes.subarray(0, 200)]);
  });
  stream.on("error", () => undefined);
  stream.once("close", async () => {
    end();
    if (heard.length === 0) reject((await whySilent()) ?? strange(port, heard));
    else reject(looksLikeAmqp(heard) ? lost(service, heard) : strange(port, heard));
  });
  const late = setTimeout(() => reject(silent(service, heard, port)), openMs);
  try {
    return { client: await opened, ended, close };
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** The stream itself; that nobody listens is told with its cause. */
async function openStream(node: Node, at: ServicePort, service: string): Promise<ServiceStream> {
  try {
    return await serviceStream(node, at);
  } catch (error) {
    throw isRefused(error) ? unreachable(service, error) : error;
  }
}

/** SASL is offered, and the header that comes next is AMQP 1.0's. */
function looksLikeAmqp(heard: Buffer): boolean {
  return heard.subarray(0, 5).equals(Buffer.from("AMQP\x03")) || heard.subarray(0, 6).equals(Buffer.from("AMQP\0\x01"));
}

/** What a server said that does not speak the version of AMQP that was asked for. @example sayStrange(Buffer.from("AMQP\0\0\x09\x01")) // "it speaks AMQP 0-9-1" */
export function sayStrange(heard: Buffer): string {
  if (heard.length === 0) return "it ended the connection without a word";
  const [, , , , id, major, minor, revision] = heard;
  if (heard.toString("latin1", 0, 4) === "AMQP")
    return `it speaks AMQP ${id === 0 && major === 0 ? `0-${minor}-${revision}` : `${major}.${minor}`}`;
  const text = heard.toString("utf8").split(/[\r\n]/, 1)[0] ?? "";
  return `it answered ${JSON.stringify(text.slice(0, 80))}`;
}

function strange(port: number, heard: Buffer): ObservationError {
  const error = otherBytes("AMQP 1.0 server", port, heard, sayStrange(heard));
  if (!heard.toString("latin1").startsWith("AMQP\0\0")) return error;
  const { code, phase, seen } = error;
  return new ObservationError({
    code,
    phase,
    seen,
    hint: "enable its AMQP 1.0: rabbitmq-plugins enable rabbitmq_amqp1_0",
  });
}

function lost(service: string, heard: Buffer): ObservationError {
  // A login that is refused may be told by the end of the connection alone.
  return heard.length > 8 && heard.length < 200
    ? loginRefused(service, "it ended the connection during the login")
    : unreachable(service, new Error("it ended the connection"));
}

function silent(service: string, heard: Buffer, port: number): ObservationError {
  return heard.length === 0
    ? otherProtocol("AMQP 1.0 server", port, `it said nothing for ${openMs / 1000} s`)
    : unreachable(service, new Error(`it let nobody in for ${openMs / 1000} s`));
}

/** A session of its own for one question: what goes wrong in it leaves the others alone. Rejects with what the broker says, or after `ms`. */
export async function inSession<Answer>(
  { connection }: Broker,
  service: string,
  ms: number,
  ask: (session: Session) => Promise<Answer>,
): Promise<Answer> {
  const session = connection.create_session();
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  const refuse = ({ error }: { error?: AmqpError | Error }) => reject(new AmqpRefusal(error));
  const gone = () => reject(unreachable(service, new Error("the connection was lost")));
  session
    .on("session_error", () => refuse({ ...(session.error === undefined ? {} : { error: session.error }) }))
    .on("sender_error", ({ sender }) => refuse(sender ?? {}))
    .on("receiver_error", ({ receiver }) => refuse(receiver ?? {}));
  // One of each for each question that is asked at the same time.
  connection.setMaxListeners(0);
  connection.once("disconnected", gone).once("connection_close", gone);
  const late = setTimeout(
    () =>
      reject(
        unreachable(service, new TransportError({ code: "late", phase: "observe", seen: `no answer in ${ms} ms` })),
      ),
    ms,
  );
  try {
    session.begin();
    return await Promise.race([ask(session), broken]);
  } finally {
    clearTimeout(late);
    connection.removeListener("disconnected", gone).removeListener("connection_close", gone);
    if (session.is_open()) session.close();
  }
}

/** What a broker answers instead of what it was asked for: a condition of AMQP's, such as `amqp:not-found`, and its words. */
export class AmqpRefusal extends Error {
  readonly condition: string;
  constructor(error: AmqpError | Error | undefined) {
    super(sayError(error));
    this.condition = String((error as AmqpError | undefined)?.condition ?? "");
  }
}

function sayError(error: AmqpError | Error | undefined): string {
  const { condition, description, message } = (error ?? {}) as {
    condition?: string;
    description?: string;
    message?: string;
  };
  return [condition, description ?? message].filter(Boolean).join(": ") || "it does not say why";
}

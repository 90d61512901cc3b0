// Decides where a broker's queues are listed: by the REST interface of RabbitMQ or of Broker-J, told apart by how the broker calls itself,
// and of a Broker-J without that by its `$management` node. Refuses brokers that have neither.
import { randomUUID } from "node:crypto";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { type AmqpOptions, AmqpRefusal, type Broker, inSession } from "./amqp-client.ts";
import { type Queue, readBrokerJQueues, readManaged, readRabbitQueues, unreadableAnswer } from "./amqp-queues.ts";
import { isRefused, loginRefused } from "./service-client.ts";
import { restAnswer } from "./service-http.ts";
import { denied, failedProbe } from "./unanswered.ts";

/** Longest wait for one answer of `$management`, ms. */
const answerMs = 10_000;

const listings = new WeakMap<Broker, Map<string, Promise<readonly Queue[]>>>();

/** All queues of the virtual host. Those who ask in one tick get one list; whoever asks later gets one that began later. */
export function listQueues(node: Node, options: AmqpOptions, broker: Broker): Promise<readonly Queue[]> {
  const own = listings.get(broker) ?? new Map<string, Promise<readonly Queue[]>>();
  listings.set(broker, own);
  const { port, user, password } = options.management ?? {};
  const key = JSON.stringify([port, user, password?.reveal()]);
  const asked =
    own.get(key) ??
    new Promise((resolve) => setImmediate(resolve)).then(() => {
      own.delete(key);
      return listed(node, options, broker);
    });
  own.set(key, asked);
  return asked;
}

function listed(node: Node, options: AmqpOptions, broker: Broker): Promise<readonly Queue[]> {
  if (broker.product === "RabbitMQ") return rabbitQueues(node, options);
  if (/qpid|broker-j/i.test(broker.product)) return brokerJQueues(node, options, broker);
  throw new ObservationError({
    code: "probe-missing",
    phase: "observe",
    seen: `the broker calls itself ${JSON.stringify(broker.product)}: how it lists queues is not known`,
    hint: "RabbitMQ and Apache Qpid Broker-J are; any broker can be asked to carry a message",
  });
}

async function rabbitQueues(node: Node, options: AmqpOptions): Promise<readonly Queue[]> {
  const host = encodeURIComponent(options.virtualHost ?? "/");
  const [queues, bindings] = await Promise.all(
    ["queues", "bindings"].map((what) => restJson(node, options, 15672, `/api/${what}/${host}`)),
  );
  return readRabbitQueues(queues, bindings);
}

async function brokerJQueues(node: Node, options: AmqpOptions, broker: Broker): Promise<readonly Queue[]> {
  const host = encodeURIComponent(brokerJHost(options));
  try {
    const [queues, exchanges] = await Promise.all(
      ["queue", "exchange"].map((what) => restJson(node, options, 8080, `/api/latest/${what}/*/${host}`)),
    );
    return readBrokerJQueues(queues, exchanges);
  } catch (error) {
    const noRest = error instanceof ObservationError && isRefused(error.cause) && options.management === undefined;
    if (!noRest) throw error;
    return managedQueues(broker, `the broker on port ${options.port ?? 5672}`);
  }
}

const brokerJHost = ({ virtualHost }: AmqpOptions) =>
  virtualHost === undefined || virtualHost === "/" ? "default" : virtualHost;

/** What is answered, as data. A login that is refused, or may not look, is told as such. */
async function restJson(node: Node, options: AmqpOptions, usualPort: number, path: string): Promise<unknown> {
  const { management = {} } = options;
  const port = management.port ?? usualPort;
  const user = management.user ?? options.user;
  const password = management.password ?? options.password;
  const { status, body } = await restAnswer(node, port, path, user === undefined ? undefined : { user, password });
  const service = `the broker's management on port ${port}`;
  if (status === 401) throw loginRefused(service, `status 401${user === undefined ? ", nobody logs in" : ""}`);
  if (status === 403) throw denied(`cannot look at ${path} of ${service}`, "status 403");
  if (status !== 200)
    throw failedProbe(
      `${service} answers ${status} to ${path}`,
      body.slice(0, 200) || "without a word",
      "is the virtual host there?",
    );
  try {
    return JSON.parse(body);
  } catch {
    throw unreadableAnswer(`${path} of ${service}`, body);
  }
}

/** By AMQP management, an extension that Broker-J has: its names of attributes are those of its REST interface. */
async function managedQueues(broker: Broker, service: string): Promise<readonly Queue[]> {
  const [queues, exchanges] = await Promise.all([
    manage(broker, service, { entityType: "org.apache.qpid.Queue" }, [
      "name",
      "object-path",
      "durable",
      "lifetimePolicy",
      "exclusive",
    ]),
    manage(broker, service, { entityType: "org.apache.qpid.Exchange" }, ["name", "bindings", "durableBindings"]),
  ]);
  const figures = await Promise.all(
    queues.rows.map(async (row) => {
      const key = String(row["object-path"] ?? row["name"]);
      return ask(
        broker,
        service,
        { operation: "getStatistics", type: "org.apache.qpid.Queue", index: "object-path", key },
        {
          statistics: ["queueDepthMessages", "consumerCount"],
        },
      ).then(
        ({ body }) => body,
        () => undefined,
      );
    }),
  );
  return readBrokerJQueues(
    queues.rows
      .map((row, index) => ({ ...row, statistics: figures[index] }))
      // The queue that the answer came by is nobody else's business.
      .filter((row) => (row as { name?: unknown }).name !== queues.replyTo),
    exchanges.rows,
  );
}

async function manage(
  broker: Broker,
  service: string,
  about: Readonly<Record<string, string>>,
  attributeNames: readonly string[],
) {
  const { body, replyTo } = await ask(
    broker,
    service,
    { operation: "QUERY", type: "org.amqp.management", identity: "self", ...about },
    { attributeNames },
  );
  return { replyTo, rows: readManaged(body, `a QUERY of ${about["entityType"]}`) };
}

/** One request to `$management`, and what came back by a queue that the broker made for it. */
function ask(
  broker: Broker,
  service: string,
  properties: Readonly<Record<string, string>>,
  body: unknown,
): Promise<{ readonly body: unknown; readonly replyTo: string }> {
  return inSession(broker, service, answerMs, (session) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ body: unknown; replyTo: string }>();
    const receiver = session.open_receiver({ source: { dynamic: true } });
    session.once("receiver_open", () => {
      const replyTo = String(receiver.source.address);
      const sender = session.open_sender({ target: { address: "$management" } });
      const id = randomUUID();
      let sent = false;
      session.on("sendable", () => {
        if (sent) return;
        sent = true;
        sender.send({
          to: "$management",
          reply_to: replyTo,
          correlation_id: id,
          message_id: id,
          application_properties: properties,
          body,
        });
      });
      session.once("message", ({ message }) => {
        const { statusCode, statusDescription } = (message?.application_properties ?? {}) as Record<string, unknown>;
        if (Number(statusCode) === 200) resolve({ body: message?.body, replyTo });
        else
          reject(
            failedProbe(`${service} answers ${statusCode} to ${properties["operation"]}`, String(statusDescription)),
          );
      });
    });
    return promise;
  }).catch((error: unknown) => {
    throw error instanceof AmqpRefusal ? failedProbe(`${service} has no $management`, error.message) : error;
  });
}

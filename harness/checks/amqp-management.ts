// Decides where a broker's queues are listed: by the REST interface of RabbitMQ or of Broker-J, told apart by how the broker calls itself,
// and of a Broker-J without that by its `$management` node. Refuses brokers that have neither.
import type { EventContext, Message, Session } from "rhea";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { brokerPort } from "./amqp-091.ts";
import { type AmqpOptions, AmqpRefusal, type Broker, inSession } from "./amqp-client.ts";
import { type Queue, readBrokerJQueues, readManaged, readRabbitQueues, unreadableAnswer } from "./amqp-queues.ts";
import { isRefused, loginRefused } from "./service-client.ts";
import { type RestChange, restAnswer } from "./service-http.ts";
import { denied, failedProbe } from "./unanswered.ts";

/** Longest wait for one answer of `$management`, ms. */
const answerMs = 10_000;

const listings = new WeakMap<Broker, Map<string, Promise<readonly Queue[]>>>();

/** All queues of the virtual host. Those who ask in one tick get one list; whoever asks later gets one that began later. */
export function listQueues(node: Node, options: AmqpOptions, broker: Broker): Promise<readonly Queue[]> {
  const own = listings.get(broker) ?? new Map<string, Promise<readonly Queue[]>>();
  listings.set(broker, own);
  const { port, user, password, tls } = options.management ?? {};
  const key = JSON.stringify([port, user, password?.reveal(), tls]);
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
    ["queues", "bindings"].map((what) => askRabbit(node, options, `${what}/${host}`)),
  );
  return readRabbitQueues(queues, bindings);
}

/** Of RabbitMQ's management, below `/api`. */
export function askRabbit(node: Node, options: AmqpOptions, path: string, change?: RestChange): Promise<unknown> {
  return restJson(node, options, [15672, 15671], `/api/${path}`, change);
}

async function brokerJQueues(node: Node, options: AmqpOptions, broker: Broker): Promise<readonly Queue[]> {
  const host = encodeURIComponent(brokerJHost(options));
  try {
    const [queues, exchanges] = await Promise.all(
      ["queue", "exchange"].map((what) => restJson(node, options, [8080, 8443], `/api/latest/${what}/*/${host}`)),
    );
    // Every virtual host has some of its own.
    if (Array.isArray(exchanges) && exchanges.length === 0)
      throw failedProbe("the broker's management", `it knows no virtual host ${brokerJHost(options)}`);
    return readBrokerJQueues(queues, exchanges);
  } catch (error) {
    const noRest = error instanceof ObservationError && isRefused(error.cause) && options.management === undefined;
    if (!noRest) throw error;
    return managedQueues(broker, `the broker on port ${brokerPort(options)}`);
  }
}

const brokerJHost = ({ virtualHost }: AmqpOptions) =>
  virtualHost === undefined || virtualHost === "/" ? "default" : virtualHost;

/** What is answered, as data; nothing where it answers with nothing. A login that is refused, or may not look, is told as such. */
async function restJson(
  node: Node,
  options: AmqpOptions,
  [inTheClear, overTls]: readonly [number, number],
  path: string,
  change?: RestChange,
): Promise<unknown> {
  const { management = {} } = options;
  const { tls } = management;
  const port = management.port ?? (tls === undefined ? inTheClear : overTls);
  const user = management.user ?? options.user;
  const password = management.password ?? options.password;
  const { status, body } = await restAnswer(
    node,
    { port, tls },
    path,
    user === undefined ? undefined : { user, password },
    change,
  );
  const service = `the broker's management on port ${port}`;
  if (status === 401) throw loginRefused(service, `status 401${user === undefined ? ", nobody logs in" : ""}`);
  if (status === 403)
    throw denied(`cannot ${change === undefined ? "look at" : "change"} ${path} of ${service}`, "status 403");
  if (change !== undefined && [201, 204].includes(status)) return undefined;
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
  try {
    return await inSession(broker, service, answerMs, async (session) => {
      const node = await managementNode(session, service);
      const table = async (entityType: string, attributeNames: readonly string[]) =>
        readManaged(
          await node.ask(
            { operation: "QUERY", type: "org.amqp.management", identity: "self", entityType },
            { attributeNames },
          ),
          `a QUERY of ${entityType}`,
        );
      const queues = await table("org.apache.qpid.Queue", [
        "name",
        "object-path",
        "durable",
        "lifetimePolicy",
        "exclusive",
      ]);
      const exchanges = await table("org.apache.qpid.Exchange", ["name", "bindings"]);
      // The queue that answers come by is nobody else's business.
      const others = queues.filter((row) => row["name"] !== node.replyTo);
      const figures = await Promise.all(
        others.map((row) =>
          node
            .ask(
              {
                operation: "getStatistics",
                type: "org.apache.qpid.Queue",
                index: "object-path",
                key: String(row["object-path"] ?? row["name"]),
              },
              { statistics: ["availableMessages", "consumerCount"] },
            )
            // It may have gone since the list.
            .catch(() => undefined),
        ),
      );
      await node.close();
      return readBrokerJQueues(
        others.map((row, index) => ({ ...row, statistics: figures[index] })),
        exchanges,
      );
    });
  } catch (error) {
    throw error instanceof AmqpRefusal ? failedProbe(`${service} has no $management`, error.message) : error;
  }
}

interface ManagementNode {
  /** The queue that the broker made for answers. */
  readonly replyTo: string;
  ask(properties: Readonly<Record<string, string>>, body: unknown): Promise<unknown>;
  /** The queue goes. */
  close(): Promise<void>;
}

async function managementNode(session: Session, service: string): Promise<ManagementNode> {
  let asked = 0;
  const waiting = new Map<string, (message: Message) => void>();
  const { types } = (await import("rhea")).default;
  // Else the broker keeps the queue as long as the connection.
  const deleteOnClose = types.wrap_described([], 0x2b);
  const receiver = session.open_receiver({
    source: { dynamic: true, dynamic_node_properties: { "lifetime-policy": deleteOnClose } },
  });
  await new Promise((opened) => session.once("receiver_open", opened));
  const sender = session.open_sender({ target: { address: "$management" } });
  await new Promise((sendable) => session.once("sendable", sendable));
  session.on("message", ({ message }: EventContext) => {
    if (message !== undefined) waiting.get(String(message.correlation_id))?.(message);
  });
  const replyTo = String(receiver.source.address);
  return {
    replyTo,
    async ask(properties, body) {
      // No UUID: that would come back as bytes.
      const id = `question ${++asked}`;
      const { promise, resolve } = Promise.withResolvers<Message>();
      waiting.set(id, resolve);
      sender.send({
        to: "$management",
        reply_to: replyTo,
        correlation_id: id,
        message_id: id,
        application_properties: properties,
        body,
      });
      const answer = await promise;
      waiting.delete(id);
      const { statusCode, statusDescription } = (answer.application_properties ?? {}) as Record<string, unknown>;
      if (Number(statusCode) !== 200)
        throw failedProbe(`${service} answers ${statusCode} to ${properties["operation"]}`, String(statusDescription));
      return answer.body;
    },
    async close() {
      const closed = new Promise((resolve) => session.once("receiver_close", resolve));
      receiver.close();
      await closed;
    },
  };
}

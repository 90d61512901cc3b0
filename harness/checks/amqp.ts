// Decides which sentences can be said about a message broker: whether it lets in and carries, and what queues are in it. What kind of
// broker it is makes no difference to a sentence.
import type { Check, ServiceSubject } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { brokerPort, openAmqp091, queueFigures } from "./amqp-091.ts";
import { type Carried, carryMessage } from "./amqp-carry.ts";
import { type AmqpOptions, type Broker, openAmqp } from "./amqp-client.ts";
import { listQueues } from "./amqp-management.ts";
import { type Binding, isNamed, type Queue, sayNames } from "./amqp-queues.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { askService, isRefused, requireService } from "./service-client.ts";
import { sayFlags } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** A queue's name, where `*` stands for any characters; all queues; without either, whether somebody is let in. */
export type AmqpSubject = ServiceSubject<
  "amqp",
  {
    readonly options: AmqpOptions;
    readonly queue?: string;
    readonly queues?: true;
    /** What of the queue is asked, beside what it is. */
    readonly figures?: true;
  }
>;

/** Of openssl s_client. */
const clientFlags = {
  ca: "-verify_return_error -CAfile",
  certificate: "-cert",
  key: "-key",
  servername: "-verify_hostname",
};

/** Whether somebody was let in. */
type Trial = { readonly product: string } | { readonly gone: string } | { readonly loginRefused: string };

/**
 * A broker that speaks AMQP 1.0 (RabbitMQ with its plugin, Apache Qpid Broker-J), asked over streams that the node opens: no port is
 * published, no client is needed in the image. Queues are listed by the broker's REST API, of a Broker-J without one by `$management`.
 * Only `answers` and `accepts` take a broker that is not there for a no; all else rejects: `service-unreachable`, `other-protocol`,
 * `login-refused`.
 *
 * @example await expect(broker).toMeet(amqp({ user: "pulp", password }).answers(), { within: "30s" });
 * @example await expect(broker).toMeet(amqp({ user: "pulp", password }).queue("celeryev.*").isAutoDelete());
 * @example await expect(broker).toMeet(amqp({ user: "pulp", password }).queues().include(["celery", "resource_manager"]));
 * @example await expect(broker).toMeet(amqp({ user: "pulp", password, tls: { ca: "/etc/ssl/studio-ca.pem" } }).carries("celery"));
 */
export function amqp(options: AmqpOptions = {}) {
  const { user, management, tls } = options;
  const port = brokerPort(options);
  requireService(port, options.password, tls);
  requireService(management?.port ?? port, management?.password, management?.tls);
  const subject = port === brokerPort({ tls }) ? "amqp" : `amqp on port ${port}`;
  const service = `the broker on port ${port}`;
  const ask = <Answer>(node: Node, question: (broker: Broker) => Promise<Answer>) =>
    askService(node, keyOf("amqp", options), () => openAmqp(node, options), question);
  const looksAt = (more: Omit<AmqpSubject["subject"], "options"> = {}): AmqpSubject => ({
    probe: "amqp",
    subject: { options, ...more },
  });
  const tried = about<Node, Trial>({
    subject,
    command:
      tls === undefined
        ? `nc 127.0.0.1 ${port}`
        : `openssl s_client -connect 127.0.0.1:${port}${sayFlags(tls, clientFlags)}`,
    // A connection that stood before says nothing of who is let in now.
    observe: (node) => trial(() => openAmqp(node, options)),
    looksAt: looksAt(),
  });
  const sayTrial = (seen: Trial) =>
    "gone" in seen ? seen.gone : "loginRefused" in seen ? seen.loginRefused : seen.product || "a broker without a name";
  const listed = about<Node, readonly Queue[]>({
    subject: `${subject}: queues`,
    command: "rabbitmqctl list_queues, or GET /api/latest/queue of Broker-J",
    observe: (node) => ask(node, (broker) => listQueues(node, options, broker)),
    looksAt: looksAt({ queues: true }),
  });
  return {
    /** A broker is there and speaks the protocol, whoever it lets in. */
    answers: () => tried("answers", (seen) => verdict(!("gone" in seen), "an answer", sayTrial(seen))),
    /** This user with this password is let in; without them: anybody. */
    accepts: () =>
      tried(`accepts ${user ?? "anybody"}`, (seen) => verdict("product" in seen, "a login", sayTrial(seen))),
    /** One queue by its name; `*` stands for any characters, and then each queue of such a name is meant. */
    queue: (name: string) => queueOf(options, subject, name, ask),
    queues: () => ({
      /** All of these, among others. @example amqp({ user, password }).queues().include(["celery", "celeryev.*"]) */
      include(wanted: readonly string[]) {
        requireSubject(wanted.length > 0, "no name was given", "an empty list would be met by anything");
        return listed(`include ${wanted.join(", ")}`, (seen) => {
          const names = seen.map(({ name }) => name);
          const missing = wanted.filter((each) => !names.some((name) => isNamed(each, name)));
          return verdict(missing.length === 0, wanted.join(", "), without(missing, names));
        });
      },
      /** Each is there and no other is; none where the list is empty. */
      areOnly: (wanted: readonly string[]) =>
        listed(wanted.length === 0 ? "are none" : `are only ${wanted.join(", ")}`, (seen) => {
          const names = seen.map(({ name }) => name);
          const missing = wanted.filter((each) => !names.some((name) => isNamed(each, name)));
          const more = names.filter((name) => !wanted.some((each) => isNamed(each, name)));
          return verdict(missing.length + more.length === 0, sayNames(wanted), without(missing, names));
        }),
    }),
    /**
     * A message that is sent to an address comes back from it within 5 s. An address is a queue's name, or what the broker calls it. What
     * others have in the queue stays there; another consumer may be the one who gets the message, which is not met.
     */
    carries(address: string) {
      requireSubject(address !== "", "no address was given", "write a queue's name");
      return about<Node, Carried>({
        subject,
        command: `send to ${sayWord(address)} and receive`,
        observe: (node) =>
          ask(node, (broker) =>
            // RabbitMQ makes a queue for a plain name; by this one it takes what is there.
            carryMessage(
              broker,
              service,
              broker.product === "RabbitMQ" && !address.startsWith("/") ? `/amq/queue/${address}` : address,
            ),
          ),
        looksAt: looksAt(address.startsWith("/") ? {} : { queue: address }),
      })(`carries a message by ${sayWord(address)}`, (seen) =>
        verdict("ms" in seen, "the message that was sent", "ms" in seen ? "it came back" : seen.no),
      );
    },
  };
}

const without = (missing: readonly string[], names: readonly string[]) =>
  `${missing.length === 0 ? "" : `no ${missing.join(", ")}; `}${sayNames(names)}`;

/** Who asks whom. Stays in this process: it tells passwords apart. */
const keyOf = (protocol: string, options: AmqpOptions) => {
  const { user = "", password, virtualHost = "", tls } = options;
  return JSON.stringify([protocol, brokerPort(options), user, password?.reveal(), virtualHost, tls]);
};

async function trial(open: () => Promise<{ readonly client: Broker; close(): void }>): Promise<Trial> {
  try {
    const { client, close } = await open();
    close();
    return { product: client.product };
  } catch (error) {
    if (!(error instanceof ObservationError)) throw error;
    if (isRefused(error.cause)) return { gone: error.seen };
    if (error.code === "login-refused") return { loginRefused: error.seen };
    throw error;
  }
}

type AskBroker = <Answer>(node: Node, question: (broker: Broker) => Promise<Answer>) => Promise<Answer>;

/** Queues of the wanted name, and the names of all. */
interface Found {
  readonly queues: readonly Queue[];
  readonly names: readonly string[];
}

function queueOf(options: AmqpOptions, subject: string, name: string, ask: AskBroker) {
  requireSubject(name !== "", "no queue was named", "write its name; * stands for any characters");
  const find = async (node: Node, broker: Broker): Promise<Found> => {
    const queues = await listQueues(node, options, broker);
    return { queues: queues.filter((queue) => isNamed(name, queue.name)), names: queues.map((queue) => queue.name) };
  };
  const question = (observe: (node: Node, broker: Broker) => Promise<Found>, figures: boolean) =>
    about<Node, Found>({
      subject: `${subject}: queue ${sayWord(name)}`,
      command: "rabbitmqctl list_queues name durable auto_delete exclusive messages consumers",
      observe: (node) => ask(node, (broker) => observe(node, broker)),
      looksAt: { probe: "amqp", subject: { options, queue: name, ...(figures ? { figures } : {}) } } as AmqpSubject,
    });
  const each = (
    predicate: string,
    expected: string,
    met: (queue: Queue) => boolean,
    say: (queue: Queue) => string,
    observe = find,
  ): Check<Node> =>
    question(observe, observe === live)(predicate, ({ queues, names }) =>
      verdict(
        queues.length > 0 && queues.every(met),
        expected,
        queues.length === 0
          ? `no such queue; ${sayNames(names)}`
          : queues.map((queue) => `${queue.name}: ${say(queue)}`).join("; "),
      ),
    );
  /** The broker's own figures of this moment: RabbitMQ's REST API tells those of some seconds ago. */
  const live = async (node: Node, broker: Broker): Promise<Found> => {
    const found = await find(node, broker);
    const queues = broker.product === "RabbitMQ" ? await liveFigures(node, options, found.queues) : found.queues;
    const untold = queues.find(({ depth, consumers }) => depth === undefined || consumers === undefined);
    if (untold !== undefined)
      throw failedProbe(
        `the figures of queue ${untold.name}`,
        "the broker does not tell them yet",
        'ask again: { within: "10s" }',
      );
    return { queues, names: found.names };
  };
  const bound = async (node: Node, broker: Broker): Promise<Found> => {
    const found = await find(node, broker);
    if (found.queues.some(({ bindings }) => bindings === undefined))
      throw failedProbe(
        `the bindings of queue ${name}`,
        "$management does not tell them",
        "let the broker have its REST API",
      );
    return found;
  };
  return {
    exists: () =>
      each(
        "exists",
        name,
        () => true,
        () => "it is there",
      ),
    /** There again after the broker's restart. */
    isDurable: () =>
      each(
        "is durable",
        "durable",
        (queue) => queue.durable,
        ({ durable }) => (durable ? "durable" : "not durable"),
      ),
    /** Gone when nobody consumes from it any more. */
    isAutoDelete: () =>
      each(
        "is auto-delete",
        "auto-delete",
        (queue) => queue.autoDelete,
        ({ autoDelete }) => (autoDelete ? "auto-delete" : "not auto-delete"),
      ),
    /** One connection's alone. */
    isExclusive: () =>
      each(
        "is exclusive",
        "exclusive",
        (queue) => queue.exclusive,
        ({ exclusive }) => (exclusive ? "exclusive" : "not exclusive"),
      ),
    /** So many messages wait in it; those that are delivered and not acknowledged do not count. */
    hasDepth: (messages: number) =>
      each(
        `has depth ${messages}`,
        String(messages),
        ({ depth }) => depth === messages,
        ({ depth }) => String(depth),
        live,
      ),
    hasConsumers: (count: number) =>
      each(
        `has ${count} consumers`,
        String(count),
        ({ consumers }) => consumers === count,
        ({ consumers }) => String(consumers),
        live,
      ),
    /** An exchange routes to it, by this key where one is given. The default exchange, which routes to every queue, does not count. */
    isBoundTo: (exchange: string, key?: string) =>
      each(
        `is bound to ${sayWord(exchange)}${key === undefined ? "" : ` by ${sayWord(key)}`}`,
        sayBinding({ exchange, key: key ?? "*" }),
        ({ bindings = [] }) =>
          bindings.some((bound) => bound.exchange === exchange && (key === undefined || bound.key === key)),
        ({ bindings = [] }) => bindings.map(sayBinding).join(", ") || "bound to nothing",
        bound,
      ),
  };
}

const sayBinding = ({ exchange, key }: Binding) => `${sayWord(exchange)} by ${sayWord(key)}`;

async function liveFigures(node: Node, options: AmqpOptions, queues: readonly Queue[]): Promise<readonly Queue[]> {
  const { user = "guest", password, virtualHost = "/", tls } = options;
  const port = brokerPort(options);
  const login = { port, user, password, virtualHost, tls };
  const figures = (name: string) =>
    askService(
      node,
      keyOf("amqp-091", options),
      () => openAmqp091(node, login),
      (model) => queueFigures(model, `the broker on port ${port}`, name),
    );
  const asked = await Promise.all(queues.map(async (queue) => ({ queue, now: await figures(queue.name) })));
  // One that has gone meanwhile is not there; one that is another connection's alone is told by REST only.
  return asked.flatMap(({ queue, now }) =>
    now === undefined ? [] : [now === "locked" ? queue : { ...queue, ...now }],
  );
}

// Decides what a queue is, in one vocabulary for all brokers, and reads what each tells of its own. Pure functions of their answers.
// Refuses answers that are not a broker's: a list that cannot be read is no empty list.
import { ObservationError } from "../model/errors.ts";

export interface Binding {
  readonly exchange: string;
  readonly key: string;
}

export interface Queue {
  readonly name: string;
  /** It is there again after the broker's restart. */
  readonly durable: boolean;
  /** It goes by itself when nobody consumes from it any more. */
  readonly autoDelete: boolean;
  /** It is one connection's alone. */
  readonly exclusive: boolean;
  /** Messages that wait in it, without those that are delivered and not acknowledged; absent where the broker does not tell yet. */
  readonly depth?: number;
  readonly consumers?: number;
  /** Without the one that every queue has with the default exchange; absent where the broker does not tell them. */
  readonly bindings?: readonly Binding[];
}

/** What a broker answered cannot be read (code `probe-unreadable`). */
export function unreadableAnswer(asked: string, answer: unknown): ObservationError {
  const text = typeof answer === "string" ? answer : (JSON.stringify(answer) ?? "nothing");
  return new ObservationError({
    code: "probe-unreadable",
    phase: "observe",
    seen: `the answer to ${asked} cannot be read: ${JSON.stringify(text.slice(0, 200))}`,
    hint: "is that the broker's management? give its port: { management: { port } }",
  });
}

type Fields = Readonly<Record<string, unknown>>;

function listOf(answer: unknown, asked: string, must: readonly string[]): readonly Fields[] {
  const good =
    Array.isArray(answer) &&
    answer.every((each) => typeof each === "object" && each !== null && must.every((field) => field in each));
  if (!good) throw unreadableAnswer(asked, answer);
  return answer as readonly Fields[];
}

const figure = <Name extends "depth" | "consumers">(name: Name, value: unknown) =>
  (typeof value === "number" ? { [name]: value } : {}) as { readonly [Key in Name]?: number };

/** Of RabbitMQ's `GET /api/queues/<vhost>` and `GET /api/bindings/<vhost>`. */
export function readRabbitQueues(queues: unknown, bindings: unknown): readonly Queue[] {
  const bound = listOf(bindings, "RabbitMQ's /api/bindings", [
    "source",
    "destination",
    "destination_type",
    "routing_key",
  ]);
  return listOf(queues, "RabbitMQ's /api/queues", ["name", "durable", "auto_delete", "exclusive"]).map((queue) => ({
    name: String(queue["name"]),
    durable: queue["durable"] === true,
    autoDelete: queue["auto_delete"] === true,
    exclusive: queue["exclusive"] === true,
    ...figure("depth", queue["messages_ready"]),
    ...figure("consumers", queue["consumers"]),
    bindings: bound
      .filter(
        (each) =>
          each["destination_type"] === "queue" && each["destination"] === queue["name"] && each["source"] !== "",
      )
      .map((each) => ({ exchange: String(each["source"]), key: String(each["routing_key"]) })),
  }));
}

/** Lifetimes of Broker-J that end with a connection: what is exclusive has one of them, without being auto-delete. */
const withItsOwner = new Set(["DELETE_ON_CONNECTION_CLOSE", "DELETE_ON_SESSION_END"]);

/** Of Broker-J's lists of `queue` and `exchange` below `/api/latest`. */
export function readBrokerJQueues(queues: unknown, exchanges: unknown): readonly Queue[] {
  const listed = listOf(exchanges, "Broker-J's exchanges", ["name"]);
  // `$management` tells none: that is not that there are none.
  const told = listed.every((exchange) => (exchange["bindings"] ?? undefined) !== undefined);
  const bound = told ? listed.flatMap(bindingsOf) : [];
  return listOf(queues, "Broker-J's queues", ["name", "durable", "lifetimePolicy", "exclusive"]).map((queue) => {
    const exclusive = queue["exclusive"] !== "NONE" && queue["exclusive"] !== null;
    const lifetime = String(queue["lifetimePolicy"]);
    const statistics = (queue["statistics"] ?? {}) as Fields;
    return {
      name: String(queue["name"]),
      durable: queue["durable"] === true || queue["durable"] === "true",
      autoDelete: lifetime !== "PERMANENT" && !(exclusive && withItsOwner.has(lifetime)),
      exclusive,
      ...figure("depth", statistics["availableMessages"]),
      ...figure("consumers", statistics["consumerCount"]),
      ...(told
        ? {
            bindings: bound
              .filter(({ queue: to }) => to === queue["name"])
              .map(({ exchange, key }) => ({ exchange, key })),
          }
        : {}),
    };
  });
}

function bindingsOf(exchange: Fields): readonly (Binding & { readonly queue: string })[] {
  const listed = exchange["bindings"];
  if (!Array.isArray(listed)) throw unreadableAnswer(`Broker-J's bindings of ${String(exchange["name"])}`, listed);
  return (listed as readonly Fields[]).map((each) => ({
    exchange: String(exchange["name"]),
    key: String(each["bindingKey"] ?? ""),
    queue: String(each["destination"] ?? ""),
  }));
}

/** A table of `$management` as objects: the names of its columns, and rows. */
export function readManaged(answer: unknown, asked: string): readonly Fields[] {
  const { attributeNames, results } = (answer ?? {}) as { attributeNames?: unknown; results?: unknown };
  if (!Array.isArray(attributeNames) || !Array.isArray(results)) throw unreadableAnswer(asked, answer);
  return results.map((row: readonly unknown[]) =>
    Object.fromEntries(attributeNames.map((name, index) => [String(name), row[index]])),
  );
}

/** Whether a name is the wanted one; `*` in that stands for any characters. @example isNamed("celeryev.*", "celeryev.4a1") // true */
export function isNamed(wanted: string, name: string): boolean {
  return new RegExp(`^${wanted.split("*").map(RegExp.escape).join(".*")}$`, "s").test(name);
}

/** Names for a message: no more than a person reads. */
export function sayNames(names: readonly string[]): string {
  if (names.length === 0) return "there are none";
  const sorted = [...names].sort();
  const rest = sorted.length - 40;
  return rest > 0 ? `${sorted.slice(0, 40).join(", ")} and ${rest} more` : sorted.join(", ");
}

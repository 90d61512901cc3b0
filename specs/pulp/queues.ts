// How the queues of either broker are asked for: by its own management over HTTP, in its own node.
import { type BrokerName, brokerUser } from "../../environments/pulp.ts";
import { all, http } from "../../harness/index.ts";

const login = { user: brokerUser.user, password: brokerUser.password.reveal() };

/** What differs between the two: where a list is, and where in it the answers are. */
const dialects = {
  rabbitmq: {
    list: "http://127.0.0.1:15672/api/queues/%2F",
    kept: ["durable", true],
    goes: ["auto_delete", true],
    stays: ["auto_delete", false],
    depth: "messages",
    consumers: "consumers",
  },
  qpid: {
    list: "http://127.0.0.1:8080/api/latest/queue/default/default",
    kept: ["durable", true],
    goes: ["lifetimePolicy", "DELETE_ON_NO_OUTBOUND_LINKS"],
    stays: ["lifetimePolicy", "PERMANENT"],
    depth: "statistics.queueDepthMessages",
    consumers: "statistics.consumerCount",
  },
} as const;

/** Checks on a broker's queues, to be held against its node. */
export function queuesOf(which: BrokerName) {
  const dialect = dialects[which];
  const list = http(dialect.list, login);
  return {
    /** These queues and no others. */
    areExactly: (...names: readonly string[]) => list.json("[*].name").hasExactly(...names),
    /** Some queue has a name like this. */
    haveOneLike: (pattern: RegExp) => list.bodyContains(new RegExp(`"name"\\s*:\\s*"${pattern.source}"`)),
    queue(name: string) {
      const one = http(`${dialect.list}/${encodeURIComponent(name)}`, login);
      const at = ([place, value]: readonly [string, unknown]) => one.json(place).is(value);
      return {
        exists: () => one.answers(200),
        /** Outlives the broker, and whoever reads it. */
        staysAlways: () => all(at(dialect.kept), at(dialect.stays)),
        /** Goes with the last who reads it. */
        goesWithReader: () => at(dialect.goes),
        holds: (messages: number) => one.json(dialect.depth).is(messages),
        hasReaders: (count: number) => one.json(dialect.consumers).is(count),
      };
    },
  };
}

// The stand-in for Pulp as a stack: database, broker, and a container a role. The same nodes on either broker.
import { mongodb as database } from "../fixtures/mongodb/recipe.ts";
import { pulpApache, pulpBeat, pulpContent, pulpResourceManager, pulpWorker } from "../fixtures/pulp/recipe.ts";
import { qpid } from "../fixtures/qpid/recipe.ts";
import { rabbitmq } from "../fixtures/rabbitmq/recipe.ts";
import { logSocket, syslog } from "../fixtures/syslog/recipe.ts";
import {
  amqp,
  container,
  type Duration,
  defineEnvironment,
  mongodb,
  prefer,
  secret,
  volume,
  when,
} from "../harness/index.ts";

export type BrokerName = "qpid" | "rabbitmq";

export const serverName = "pulp.studio.example";

/** Of either broker; its user may manage it too. */
export const brokerUser = { user: "pulp", password: secret("broker password", "only-in-this-stack-2711") } as const;

/** As it runs, and how its queues are read. */
export const brokerNode = (which: BrokerName) =>
  which === "qpid"
    ? ({
        image: qpid,
        env: { QPID_USER: brokerUser.user, QPID_PASSWORD: brokerUser.password },
        memory: "512m",
        ready: { log: /BRK-1004/ },
      } as const)
    : ({
        image: rabbitmq,
        env: { RABBITMQ_USER: brokerUser.user, RABBITMQ_PASSWORD: brokerUser.password },
        memory: "384m",
        ready: { log: /Server startup complete/ },
      } as const);

/** MongoDB itself where a registry has it: then it wants the memory. */
export const databaseNode = {
  image: prefer("mongo:7", database),
  memory: "512m",
  ready: { log: /Waiting for connections/ },
} as const;

export const syslogNode = {
  image: syslog,
  mounts: { [logSocket.directory]: volume("log-socket") },
  ready: { log: /syslogd started/ },
} as const;

/** What every role is given to know where it is. */
export const roleNode = {
  networks: { pulp: {} },
  mounts: { [logSocket.directory]: volume("log-socket") },
  env: {
    PULP_SERVER_NAME: serverName,
    DB_SERVICE_HOST: "database",
    MSG_SERVICE_HOST: "broker",
    MSG_SERVICE_USER: brokerUser.user,
    MSG_SERVICE_PASSWORD: brokerUser.password,
    PULP_LOG_SOCKET: logSocket.path,
    // A container that is late is seen to be so within seconds. The broker is the slowest of all to start, and they begin beside it.
    DB_TEST_POLLRATE: "1",
    MSG_TEST_POLLRATE: "0.2",
    MSG_TEST_TRIES: "3000",
  },
} as const;

/** A worker says so when it takes work. */
const takesWork = { log: /: [\w-]+@[\w.]+ ready\.$/ } as const;

/** Where the stack's containers run, and how long each may take to be ready. */
export interface Seat {
  /** A machine of the environment; this host's engine without one. */
  readonly on?: string;
  /** Default: a minute. */
  readonly within?: Duration;
}

/**
 * The beat migrates the database before it starts; who needs that waits for it, and not for the beat. Roles wait for the broker by
 * themselves, so that what they do before that goes on beside its start. The web server is last, so that there is a queue for what it
 * sends.
 */
export function pulpNodes<Which extends BrokerName>(which: Which, { within = "1m", ...seat }: Seat = {}) {
  const trackers = mongodb().collection("pulp_database", "migration_trackers");
  const migrated = when("database", trackers.contains({ version: 3 }), { within });
  const hasQueue = when("broker", amqp(brokerUser).queue("resource_manager").exists(), { within });
  const broker = brokerNode(which);
  return {
    // The slowest to be ready is made first.
    broker: container({ ...broker, ...seat, networks: { pulp: {} }, ready: { ...broker.ready, within } }),
    syslog: container({ ...syslogNode, ...seat, ready: { ...syslogNode.ready, within } }),
    database: container({
      ...databaseNode,
      ...seat,
      networks: { pulp: {} },
      ready: { ...databaseNode.ready, within },
    }),
    content: container({ ...seat, image: pulpContent, ready: { log: /holding the volumes/, within } }),
    beat: container({
      ...roleNode,
      ...seat,
      image: pulpBeat,
      after: ["syslog", "database"],
      ready: { log: /beat: Starting/, within },
    }),
    manager: container({
      ...roleNode,
      ...seat,
      image: pulpResourceManager,
      after: ["syslog", migrated],
      ready: { ...takesWork, within },
    }),
    worker: container({
      ...roleNode,
      ...seat,
      image: pulpWorker,
      volumesFrom: ["content"],
      after: ["syslog", migrated, "content"],
      ready: { ...takesWork, within },
    }),
    web: container({
      ...roleNode,
      ...seat,
      image: pulpApache,
      volumesFrom: ["content"],
      ports: [80],
      after: ["syslog", migrated, hasQueue, "content"],
      ready: { port: 80, within },
    }),
  };
}

export const pulp = <Which extends BrokerName>(which: Which) =>
  defineEnvironment(`pulp-${which}`, {
    networks: { pulp: {} },
    volumes: { "log-socket": {} },
    nodes: pulpNodes(which),
  });

export const pulpQpid = pulp("qpid");
export const pulpRabbitmq = pulp("rabbitmq");

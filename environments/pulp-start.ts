// One role of the stand-in for Pulp that starts as it should, given as little as it needs, and places in which one cannot start.
import { pulpBeat, pulpWorker } from "../fixtures/pulp/recipe.ts";
import { logSocket } from "../fixtures/syslog/recipe.ts";
import { container, defineEnvironment, scratch, tmpfs, volume } from "../harness/index.ts";
import { brokerNode, brokerUser, databaseNode, syslogNode } from "./pulp.ts";

const logged = { [logSocket.directory]: volume("log-socket") };
/** Its image's run script is started by the tests, with settings of their own. */
const place = {
  image: pulpWorker,
  idle: true,
  networks: { pulp: {} },
  env: { PULP_LOG_SOCKET: logSocket.path },
} as const;

/** `beat` has no name of its own, and its broker's host by `SERVICE_HOST` alone. `place` lacks nothing, the others one thing each. */
export const pulpStart = defineEnvironment("pulp-start", {
  networks: { pulp: {} },
  volumes: { "log-socket": {} },
  nodes: {
    syslog: container(syslogNode),
    database: container({ ...databaseNode, networks: { pulp: {} } }),
    broker: container({ ...brokerNode("rabbitmq"), networks: { pulp: {} } }),
    beat: container({
      image: pulpBeat,
      networks: { pulp: {} },
      mounts: logged,
      env: {
        PULP_LOG_SOCKET: logSocket.path,
        DB_SERVICE_HOST: "database",
        SERVICE_HOST: "broker",
        MSG_SERVICE_USER: brokerUser.user,
        MSG_SERVICE_PASSWORD: brokerUser.password,
        // Long enough for a database to start between two tries.
        DB_TEST_POLLRATE: "4",
      },
      after: ["syslog", "database", "broker"],
      ready: { log: /beat: Starting/ },
    }),
    place: container({ ...place, mounts: logged }),
    logless: container({ ...place, env: {} }),
    lensless: container({ ...place, mounts: { ...logged, "/usr/share/augeas/lenses": tmpfs() } }),
    unwritable: container({ ...place, mounts: { ...logged, "/var/lib/pulp": scratch() } }),
    stranger: container({ ...place, mounts: logged, user: "1000:1000" }),
  },
});

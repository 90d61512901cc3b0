// Decides how a server that speaks MongoDB's protocol is asked: by MongoDB's own driver, over streams that the node opens. Says of each
// failure what it is: nobody there, another protocol, a login refused.
import type { Db, MongoClient } from "mongodb";
import { HarnessError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { askService, isRefused, loginRefused, type ServiceClient, unreachable } from "./service-client.ts";
import { type Spoken, serviceSocket } from "./service-socket.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where the server is on its node, and who asks. */
export interface MongodbOptions {
  /** Default 27017. */
  readonly port?: number;
  readonly user?: string;
  readonly password?: Secret;
  /** Database that knows the user; default `admin`. */
  readonly authSource?: string;
  /** Speaks TLS: `mongod --tlsMode requireTLS`. Default: in the clear. */
  readonly tls?: TlsOptions;
}

/** How long a server may take to say hello, ms: in an emulated machine the program that carries the stream starts for seconds. */
const helloMs = 20_000;

export const usualPort = 27017;

/** What a database says to `ask`. Rejects with an `ObservationError` where it could not be asked. */
export async function askMongodb<Answer>(
  node: Node,
  options: MongodbOptions,
  ask: (client: MongoClient) => Promise<Answer>,
): Promise<Answer> {
  const { port = usualPort, user, password, authSource = "admin", tls } = options;
  try {
    // Stays in this process: it tells passwords apart.
    const key = JSON.stringify(["mongodb", port, user, password?.reveal(), authSource, tls]);
    return await askService(node, key, () => open(node, options), ask, isLost);
  } catch (error) {
    throw explained(error, port);
  }
}

/** The same of one database. */
export function askDatabase<Answer>(
  node: Node,
  options: MongodbOptions,
  name: string,
  ask: (database: Db) => Promise<Answer>,
): Promise<Answer> {
  return askMongodb(node, options, (client) => ask(client.db(name)));
}

async function open(node: Node, options: MongodbOptions): Promise<ServiceClient<MongoClient>> {
  const { port = usualPort, user, password, authSource = "admin", tls } = options;
  const [{ MongoClient }, socket] = await Promise.all([
    import("mongodb"),
    serviceSocket(node, { port, tls }, mongoMessages),
  ]);
  const login = user === undefined ? {} : { auth: { username: user, password: password?.reveal() ?? "" }, authSource };
  const client = new MongoClient(`mongodb://${encodeURIComponent(socket.path)}`, {
    ...login,
    directConnection: true,
    // Questions go one after the other: a second connection is a second program on the node.
    maxPoolSize: 1,
    heartbeatFrequencyMS: 600_000,
    serverMonitoringMode: "poll",
    serverSelectionTimeoutMS: helloMs,
    connectTimeoutMS: helloMs,
    // What was lost is told; asking again is for who wants it.
    retryReads: false,
    retryWrites: false,
    appName: "assay",
  });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const close = () => {
    end();
    void client.close(true).catch(() => undefined);
    socket.close();
  };
  // Of a server that is gone the driver tells at its next heartbeat; the connection's end is told at once.
  client.on("connectionClosed", close);
  void node.died.then(close);
  try {
    await Promise.race([client.connect(), socket.failed]);
    await client.db("admin").command({ hello: 1 });
    return { client, ended, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** A message's length comes first, its kind after two numbers more: a reply of old, one of today, a compressed one. */
const mongoMessages: Spoken = {
  service: "MongoDB server",
  speaks(first) {
    if (first.length < 16) return first.length < 4 || first.readInt32LE(0) >= 16;
    return [1, 2013, 2012].includes(first.readInt32LE(12));
  },
};

/** The connection is no more. */
function isLost(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^Mongo(Network|ServerSelection|PoolCleared|NotConnected|TopologyClosed|Parse)/.test(error.name)
  );
}

/** Codes of a server that wants somebody else. @see https://www.mongodb.com/docs/manual/reference/error-codes/ */
const loginCodes = new Set([13, 18]);

function explained(error: unknown, port: number): unknown {
  if (error instanceof HarnessError && !isRefused(error)) return error;
  if (!(error instanceof Error)) return failedProbe("the database cannot be asked", String(error));
  const { code } = error as { code?: unknown };
  if (typeof code === "number" && loginCodes.has(code)) return loginRefused("the database", error.message);
  if (isRefused(error) || isLost(error)) return unreachable(`the database on port ${port}`, error);
  return failedProbe("the database cannot be asked", error.message);
}

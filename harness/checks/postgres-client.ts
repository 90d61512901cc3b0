// Decides how a PostgreSQL server is asked: by pg over a stream that the node opens, one connection for all questions. What a spec asks in
// SQL is asked in a transaction that cannot write. Says of each failure what it is.
import type { Duplex } from "node:stream";
import type { Client, ClientConfig } from "pg";
import { HarnessError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import {
  askService,
  isRefused,
  loginRefused,
  otherBytes,
  otherProtocol,
  type ServiceClient,
  unreachable,
} from "./service-client.ts";
import { serviceStream } from "./service-stream.ts";
import { noTls } from "./tls-failure.ts";
import type { TlsOptions } from "./tls-options.ts";
import { failedProbe } from "./unanswered.ts";

/** Where the server is on its node, and who asks. */
export interface PostgresOptions {
  /** Default 5432. */
  readonly port?: number;
  readonly user: string;
  readonly password?: Secret;
  /** Default `postgres`. */
  readonly database?: string;
  /** Speaks TLS, as PostgreSQL begins it (`ssl = on`, `hostssl`). Default: in the clear. */
  readonly tls?: TlsOptions;
}

export type Row = Readonly<Record<string, unknown>>;

export const postgresPort = 5432;

/** How long a server may take to let somebody in, and to answer, ms. */
const openMs = 10_000;
const answerMs = 30_000;

/** Rows that a question of SQL gives, in a transaction that cannot write. Rejects with an `ObservationError` where it could not be asked. */
export async function askPostgres(
  node: Node,
  options: PostgresOptions,
  sql: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const { port = postgresPort, user, password, database = "postgres", tls } = options;
  const key = JSON.stringify(["postgres", port, user, password?.reveal(), database, tls]);
  return askService(
    node,
    key,
    () => openPostgres(node, options),
    (client) =>
      inTurn(client, async () => {
        try {
          await client.query("BEGIN READ ONLY");
          // One statement alone, as it is with parameters: "COMMIT; DROP TABLE a" is refused.
          const { rows } = await client.query<Row>({ text: sql, values: [...values], ...{ queryMode: "extended" } });
          return rows;
        } catch (error) {
          throw explained(error, port);
        } finally {
          await client.query("ROLLBACK").catch(() => undefined);
        }
      }),
    isLost,
  );
}

const turns = new WeakMap<Client, Promise<unknown>>();

/** One transaction after the other: a connection has one at a time. */
function inTurn<Answer>(client: Client, ask: () => Promise<Answer>): Promise<Answer> {
  const answer = (turns.get(client) ?? Promise.resolve()).then(ask, ask);
  turns.set(client, answer);
  return answer;
}

/** The error that follows a lost connection. */
function isLost(error: unknown): boolean {
  return error instanceof HarnessError && error.code === "service-unreachable";
}

/** Rejects with an `ObservationError`: `service-unreachable`, `service-unready`, `other-protocol`, `login-refused`; of TLS what `serviceStream` tells. */
export async function openPostgres(node: Node, options: PostgresOptions): Promise<ServiceClient<Client>> {
  const { port = postgresPort, user, password, database = "postgres", tls } = options;
  const [{ default: pg }, { stream, whySilent }] = await Promise.all([
    import("pg"),
    serviceStream(node, { port, tls, begin: requestTls }).catch((error: unknown) => {
      throw explained(error, port);
    }),
  ]);
  let heard = Buffer.alloc(0);
  const { promise: wrong, reject } = Promise.withResolvers<never>();
  wrong.catch(() => undefined);
  const strange = (said: string) => reject(otherProtocol(server, port, said));
  const config: ClientConfig = {
    host: "127.0.0.1",
    port,
    user,
    database,
    // A function, so that no file and no variable of this machine is looked at.
    password: async () => password?.reveal() ?? "",
    ssl: false,
    application_name: "assay",
    query_timeout: answerMs,
    stream: () =>
      connected(stream, (bytes) => {
        if (heard.length === 0 && !isPostgres(bytes)) reject(otherBytes(server, port, bytes, sayAnswer(bytes)));
        if (heard.length < 200) heard = Buffer.concat([heard, bytes.subarray(0, 200)]);
      }) as never,
  };
  const client = new pg.Client(config);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  client.on("error", end as () => void).on("end", () => end());
  // What it ended for without a word may be TLS: until that is known, pg's own words do not count.
  let silent: Promise<void> | undefined;
  stream.once("close", () => {
    end();
    if (heard.length === 0)
      silent = whySilent().then((why) =>
        why === undefined ? strange("it ended the connection without a word") : reject(why),
      );
    else reject(unreachable(`the database on port ${port}`, new Error("it ended the connection")));
  });
  const late = setTimeout(() => {
    if (heard.length === 0) strange(`it said nothing for ${openMs / 1000} s`);
    else reject(unreachable(`the database on port ${port}`, new Error(`it let nobody in for ${openMs / 1000} s`)));
  }, openMs);
  const close = () => {
    end();
    void client.end().catch(() => undefined);
    stream.end();
    setTimeout(() => stream.destroy(), 1000).unref();
  };
  const opening = client.connect();
  try {
    await Promise.race([opening, wrong]);
    return { client, ended, close };
  } catch (error) {
    opening.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await silent;
    // pg's own words follow those that are told here, or come from them.
    const told = await Promise.race([
      wrong.catch((reason: unknown) => reason),
      new Promise((resolve) => setImmediate(resolve, undefined)),
    ]);
    stream.destroy();
    throw told instanceof HarnessError && !isServerSaid(error) ? told : explained(error, port);
  } finally {
    clearTimeout(late);
  }
}

const server = "PostgreSQL server";
const sayAnswer = (bytes: Buffer) =>
  `it answered ${JSON.stringify(bytes.toString("utf8", 0, 80).split(/[\r\n]/, 1)[0])}`;

/**
 * SSLRequest, whose answer is one byte: `S`, and the handshake follows, or `N`. A byte more would be taken for one that came encrypted.
 * @see https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.12
 */
export async function requestTls(raw: Duplex, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const ended = () => reject(noTls(port, "it ended the connection without a word"));
  raw.once("data", resolve).once("error", ended).once("close", ended).once("end", ended);
  raw.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  const answer = await promise.finally(() => raw.pause().off("error", ended).off("close", ended).off("end", ended));
  if (answer.length === 1 && answer[0] === 0x53) return;
  if (answer.length === 1 && answer[0] === 0x4e)
    throw noTls(
      port,
      "it answers N to the request for it",
      "let it speak TLS: ssl = on in postgresql.conf, ssl_cert_file and ssl_key_file",
    );
  throw otherBytes(server, port, answer, sayAnswer(answer));
}

/** A stream as pg wants a socket: it says that it is connected when it is asked to connect, and lets its bytes be seen. */
function connected(stream: Duplex, see: (bytes: Buffer) => void): Duplex {
  return Object.assign(stream, {
    setNoDelay: () => stream,
    setKeepAlive: () => stream,
    ref: () => stream,
    unref: () => stream,
    connect() {
      stream.on("data", see);
      process.nextTick(() => stream.emit("connect"));
      return stream;
    },
  });
}

/** A server begins with a question for the login, an error or a notice, and its length. */
function isPostgres(bytes: Buffer): boolean {
  return /^[RENv]/.test(bytes.toString("latin1", 0, 1)) && (bytes.length < 5 || bytes.readUInt32BE(1) < 30_000);
}

const isServerSaid = (error: unknown) => /^[0-9A-Z]{5}$/.test(String((error as { code?: unknown } | null)?.code ?? ""));

function explained(error: unknown, port: number): unknown {
  const service = `the database on port ${port}`;
  if (isRefused(error)) return unreachable(service, error);
  if (error instanceof HarnessError || !(error instanceof Error)) return error;
  const { code, message } = error as Error & { code?: unknown };
  // @see https://www.postgresql.org/docs/15/errcodes-appendix.html
  // `no pg_hba.conf entry for host …, no encryption`: there may be one for those who come over TLS.
  if (code === "28000" && /(no encryption|SSL off)$/.test(message))
    return loginRefused(service, message, 'it may let in over TLS alone: { tls: { ca: "/etc/ssl/ca.pem" } }');
  if (code === "28P01" || code === "28000" || /password must be a/.test(message)) return loginRefused(service, message);
  if (typeof code === "string" && /^(57P0|53300)/.test(code)) return unreachable(service, error);
  if (code === "3D000") return failedProbe(`${service} has no such database`, message);
  if (isServerSaid(error)) return failedProbe(`${service} answers ${String(code)}`, message);
  return unreachable(service, error);
}

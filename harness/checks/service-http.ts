// Decides how a REST interface of a service is asked: one request over a stream that the node opens, in TLS or not, with a login. Any status
// is an answer.
import { Agent, request } from "node:http";
import type { Duplex } from "node:stream";
import { ObservationError, TransportError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { otherBytes, unreachable } from "./service-client.ts";
import { type ServicePort, type ServiceStream, serviceStream } from "./service-stream.ts";
import { servernameOf } from "./tls-options.ts";

export interface RestAnswer {
  readonly status: number;
  /** Up to 16 MiB. */
  readonly body: string;
}

/** How long an answer may take, ms. */
const answerMs = 10_000;
const most = 16 * 1024 * 1024;

/** Agents keep a stream for the next question: to open one is the dear part. */
const agents = new WeakMap<Node, Map<string, NodeAgent>>();

/** Streams of a node in the place of sockets. */
class NodeAgent extends Agent {
  readonly #open: () => Promise<ServiceStream>;

  constructor(open: () => Promise<ServiceStream>) {
    super({ keepAlive: true, maxSockets: 2 });
    this.#open = open;
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): null {
    this.#open().then(
      ({ stream, whySilent }) => {
        stream.on("error", () => undefined);
        reasons.set(stream, whySilent);
        done?.(null, stream);
      },
      (error: Error) => done?.(error, undefined as never),
    );
    return null;
  }
}

/** Of each stream, why it ended without a word. */
const reasons = new WeakMap<Duplex, ServiceStream["whySilent"]>();

function agentOf(node: Node, at: ServicePort): NodeAgent {
  const own = agents.get(node) ?? new Map<string, NodeAgent>();
  agents.set(node, own);
  const key = JSON.stringify([at.port, at.tls]);
  const agent = own.get(key) ?? new NodeAgent(() => serviceStream(node, at));
  own.set(key, agent);
  return agent;
}

/**
 * Rejects with `service-unreachable`, whose cause is the stream's refusal where nobody listens, with `other-protocol`, or with what is wrong
 * with TLS.
 */
export async function restAnswer(
  node: Node,
  at: ServicePort,
  path: string,
  login?: Login,
  change?: RestChange,
): Promise<RestAnswer> {
  const { port } = at;
  const service = `the REST interface on port ${port}`;
  // A server that has to know its own name may refuse another one: Jetty holds `Host` against its certificate.
  const host = at.tls === undefined ? "127.0.0.1" : servernameOf(node, at.tls);
  const once = () => asked(agentOf(node, at), host, port, path, login, change);
  try {
    // A stream that was kept may have been ended at the other side while it was asked: that is no answer yet.
    return await once().catch((error: unknown) => (error instanceof KeptTooLong ? once() : Promise.reject(error)));
  } catch (error) {
    if (!(error instanceof Error) || error instanceof ObservationError) throw error;
    if (String((error as { code?: unknown }).code).startsWith("HPE_"))
      throw otherBytes(
        "HTTP server",
        port,
        (error as { rawPacket?: Buffer }).rawPacket ?? Buffer.alloc(0),
        error.message,
      );
    // Of a node that is gone its own words say more.
    throw error instanceof TransportError && error.code !== "refused" ? error : unreachable(service, error);
  }
}

class KeptTooLong extends Error {}

interface Login {
  readonly user: string;
  readonly password: Secret | undefined;
}

/** What is not only read. Asked twice, it comes to the same. */
export interface RestChange {
  readonly method: "PUT" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
}

function asked(
  agent: Agent,
  host: string,
  port: number,
  path: string,
  login: Login | undefined,
  change: RestChange | undefined,
): Promise<RestAnswer> {
  const text = change?.body === undefined ? undefined : JSON.stringify(change.body);
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  const sent = request({
    agent,
    host,
    port,
    path,
    method: change?.method ?? "GET",
    headers: {
      accept: "application/json",
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    },
    ...(login === undefined ? {} : { auth: `${login.user}:${login.password?.reveal() ?? ""}` }),
  });
  const late = setTimeout(() => sent.destroy(new Error(`no answer in ${answerMs / 1000} s`)), answerMs);
  sent
    .once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response
        .on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > most) response.destroy(new Error(`an answer of more than ${most} bytes`));
          else chunks.push(chunk);
        })
        .once("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }))
        .once("error", reject);
    })
    // More than once: of bytes that are no HTTP, and of the stream that is destroyed for them.
    .on("error", async (error: Error & { code?: string }) => {
      const ended = error.code === "ECONNRESET";
      if (sent.reusedSocket && ended) reject(new KeptTooLong(error.message));
      else reject((ended && sent.socket ? await reasons.get(sent.socket)?.() : undefined) ?? error);
    })
    .end(text);
  return promise.finally(() => clearTimeout(late));
}

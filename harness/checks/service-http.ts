// Decides how a REST interface of a service is asked: one GET over a stream that the node opens, with a login. Any status is an answer.
import { Agent, request } from "node:http";
import type { Duplex } from "node:stream";
import { TransportError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import type { Secret } from "../model/secret.ts";
import { otherProtocol, unreachable } from "./service-client.ts";

export interface RestAnswer {
  readonly status: number;
  /** Up to 16 MiB. */
  readonly body: string;
}

/** How long an answer may take, ms. */
const answerMs = 10_000;
const most = 16 * 1024 * 1024;

/** Agents keep a stream for the next question: to open one is the dear part. */
const agents = new WeakMap<Node, Map<number, NodeAgent>>();

/** Streams of a node in the place of sockets. */
class NodeAgent extends Agent {
  readonly #open: () => Promise<Duplex>;

  constructor(open: () => Promise<Duplex>) {
    super({ keepAlive: true, maxSockets: 2 });
    this.#open = open;
  }

  override createConnection(_options: unknown, done?: (error: Error | null, stream: Duplex) => void): null {
    this.#open().then(
      (stream) => {
        stream.on("error", () => undefined);
        done?.(null, stream);
      },
      (error: Error) => done?.(error, undefined as never),
    );
    return null;
  }
}

function agentOf(node: Node, port: number): NodeAgent {
  const own = agents.get(node) ?? new Map<number, NodeAgent>();
  agents.set(node, own);
  const agent = own.get(port) ?? new NodeAgent(() => node.connect(port));
  own.set(port, agent);
  return agent;
}

/** Rejects with `service-unreachable`, whose cause is the stream's refusal where nobody listens, or with `other-protocol`. */
export async function restAnswer(node: Node, port: number, path: string, login?: Login): Promise<RestAnswer> {
  const service = `the REST interface on port ${port}`;
  const once = () => asked(agentOf(node, port), port, path, login);
  try {
    // A stream that was kept may have been ended at the other side while it was asked: that is no answer yet.
    return await once().catch((error: unknown) => (error instanceof KeptTooLong ? once() : Promise.reject(error)));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (String((error as { code?: unknown }).code).startsWith("HPE_"))
      throw otherProtocol("HTTP server", port, error.message);
    // Of a node that is gone its own words say more.
    throw error instanceof TransportError && error.code !== "refused" ? error : unreachable(service, error);
  }
}

class KeptTooLong extends Error {}

interface Login {
  readonly user: string;
  readonly password: Secret | undefined;
}

function asked(agent: Agent, port: number, path: string, login: Login | undefined): Promise<RestAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RestAnswer>();
  const sent = request({
    agent,
    host: "127.0.0.1",
    port,
    path,
    headers: { accept: "application/json" },
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
    .once("error", (error: Error & { code?: string }) =>
      reject(sent.reusedSocket && error.code === "ECONNRESET" ? new KeptTooLong(error.message) : error),
    )
    .end();
  return promise.finally(() => clearTimeout(late));
}

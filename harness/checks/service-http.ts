// Decides how a REST interface of a service is asked: one GET over a stream that the node opens, with a login. Any status is an answer.
import { request } from "node:http";
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

/** Rejects with `service-unreachable`, whose cause is the stream's refusal where nobody listens, or with `other-protocol`. */
export async function restAnswer(
  node: Node,
  port: number,
  path: string,
  login?: { readonly user: string; readonly password: Secret | undefined },
): Promise<RestAnswer> {
  const service = `the REST interface on port ${port}`;
  const stream = await node.connect(port).catch((error: unknown) => {
    throw unreachable(service, error);
  });
  stream.on("error", () => undefined);
  try {
    return await new Promise<RestAnswer>((resolve, reject) => {
      const late = setTimeout(
        () => reject(unreachable(service, new Error(`no answer in ${answerMs / 1000} s`))),
        answerMs,
      );
      const asked = request({
        host: "127.0.0.1",
        port,
        path,
        headers: { accept: "application/json", connection: "close" },
        ...(login === undefined ? {} : { auth: `${login.user}:${login.password?.reveal() ?? ""}` }),
        createConnection: () => stream as never,
      });
      asked
        .once("response", (response) => {
          const chunks: Buffer[] = [];
          let bytes = 0;
          response
            .on("data", (chunk: Buffer) => {
              bytes += chunk.length;
              if (bytes > most) response.destroy(new Error(`an answer of more than ${most} bytes`));
              else chunks.push(chunk);
            })
            .once("end", () =>
              resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
            )
            .once("error", (error) => reject(unreachable(service, error)));
        })
        .once("error", (error: Error & { code?: string }) =>
          reject(
            error.code?.startsWith("HPE_")
              ? otherProtocol("HTTP server", port, error.message)
              : unreachable(service, error),
          ),
        )
        .once("close", () => clearTimeout(late))
        .end();
    });
  } finally {
    stream.destroy();
  }
}

// Decides how clients that can only open sockets of this machine reach a node's service: by a Unix socket in a directory of this
// process alone, each of whose connections is a stream that the node opens. Nobody else can connect to it.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { otherBytes } from "./service-client.ts";
import { letGo, type ServicePort, type ServiceStream, serviceStream } from "./service-stream.ts";
import { excerpt } from "./wanted.ts";

export interface ServiceSocket {
  /** Path of the Unix socket. */
  readonly path: string;
  /** Rejects with why the node opened no stream, or with `other-protocol`, as soon as that is known. Clients learn of a connection that ended, and of no reason. */
  readonly failed: Promise<never>;
  /** Ends it and all connections. Idempotent. */
  close(): void;
}

/** What is expected at the other end. */
export interface Spoken {
  /** For messages: `MongoDB server`. */
  readonly service: string;
  /** Whether the first bytes that came from there can be of the protocol. */
  speaks(first: Buffer): boolean;
}

/**
 * A way to a port of the node. Over TLS it is this process that speaks it: clients speak in the clear to the socket. Close it when done.
 * @example const { path } = await serviceSocket(node, { port: 27017, tls }, mongoMessages);
 */
export async function serviceSocket(node: Node, at: ServicePort, { service, speaks }: Spoken): Promise<ServiceSocket> {
  const directory = await mkdtemp(join(tmpdir(), "assay-service-"));
  // Clients know a socket by this ending.
  const path = join(directory, "service.sock");
  const open = new Set<Socket>();
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined).once("close", () => open.delete(socket));
    serviceStream(node, at).then(
      (opened) => {
        if (socket.destroyed) opened.stream.destroy();
        else
          relayed(socket, opened, (first) => {
            // Clients wait for more, or tell of bytes that nobody has seen.
            if (!speaks(first))
              fail(otherBytes(service, at.port, first, `it said ${excerpt(first.toString("latin1"), 80)}`));
          }).then((why) => {
            if (why !== undefined) fail(why);
            socket.end();
          });
      },
      (error: unknown) => {
        fail(error);
        socket.destroy();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(path, resolve);
  });
  server.unref();
  const remove = () => void rm(directory, { recursive: true, force: true }).catch(() => undefined);
  return {
    path,
    failed,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
      remove();
    },
  };
}

/** Passes bytes both ways. Resolves when the service's side has ended, before the client is told: with why, where it ended without a word. */
async function relayed(
  socket: Socket,
  { stream, whySilent }: ServiceStream,
  hear: (first: Buffer) => void,
): Promise<ObservationError | undefined> {
  let heard = false;
  stream.once("data", (first: Buffer) => {
    heard = true;
    hear(first);
  });
  stream.on("error", () => undefined);
  stream.pipe(socket, { end: false });
  socket.pipe(stream);
  socket.once("close", () => letGo(stream));
  await new Promise<void>((ended) => {
    stream.once("end", ended).once("close", ended);
  });
  return heard || socket.destroyed ? undefined : whySilent();
}

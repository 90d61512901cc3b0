// Decides how clients that can only open sockets of this machine reach a node's service: by a Unix socket in a directory of this
// process alone, each of whose connections is a stream that the node opens. Nobody else can connect to it.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import type { Node } from "../model/node.ts";
import { otherProtocol } from "./service-client.ts";
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

/** A way to a port of the node. Close it when done. @example const { path } = await serviceSocket(node, 27017, mongoMessages); */
export async function serviceSocket(node: Node, port: number, { service, speaks }: Spoken): Promise<ServiceSocket> {
  const directory = await mkdtemp(join(tmpdir(), "assay-service-"));
  // Clients know a socket by this ending.
  const path = join(directory, "service.sock");
  const open = new Set<Socket>();
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined).once("close", () => open.delete(socket));
    node.connect(port).then(
      (stream) => {
        if (socket.destroyed) stream.destroy();
        else pipeline(socket, stream, socket, () => stream.destroy());
        // Clients wait for more, or tell of bytes that nobody has seen.
        stream.once("data", (first: Buffer) => {
          if (!speaks(first)) fail(otherProtocol(service, port, `it said ${excerpt(first.toString("latin1"), 80)}`));
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

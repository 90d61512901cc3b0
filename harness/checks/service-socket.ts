// Decides how clients that can only open sockets of this machine reach a node's service: by a Unix socket in a directory of this
// process alone, each of whose connections is a stream that the node opens. Nobody else can connect to it.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream";
import type { Node } from "../model/node.ts";

export interface ServiceSocket {
  /** Path of the Unix socket. */
  readonly path: string;
  /** Rejects with why the node opened no stream, as soon as it did not. Clients learn of a connection that ended, and of no reason. */
  readonly failed: Promise<never>;
  /** What the service said first, up to 200 bytes: clients keep it for themselves where it is another protocol. */
  heard(): Buffer;
  /** Ends it and all connections. Idempotent. */
  close(): void;
}

/** A way to a port of the node. Close it when done. @example const { path } = await serviceSocket(node, 27017); */
export async function serviceSocket(node: Node, port: number): Promise<ServiceSocket> {
  const directory = await mkdtemp(join(tmpdir(), "assay-service-"));
  const path = join(directory, "socket");
  const open = new Set<Socket>();
  let heard = Buffer.alloc(0);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined).once("close", () => open.delete(socket));
    node.connect(port).then(
      (stream) => {
        if (socket.destroyed) {
          stream.destroy();
          return;
        }
        pipeline(socket, stream, socket, () => stream.destroy());
        const hear = (bytes: Buffer) => {
          heard = Buffer.concat([heard, bytes]).subarray(0, 200);
          if (heard.length === 200) stream.off("data", hear);
        };
        stream.on("data", hear);
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
    heard: () => heard,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
      remove();
    },
  };
}

// Decides which servers of TLS tests put up on the loopback address: of Redis' and PostgreSQL's first words, on Node's TLS, and OpenSSL's own.
import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer, type TlsOptions as ServerOptions, TLSSocket } from "node:tls";

const children: ChildProcess[] = [];
/** All that listen. */
export const servers = new Set<Server>();
export const sockets = new Set<Socket>();
/** Answers its port. */
export async function listen(server: Server): Promise<number> {
  servers.add(server);
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** As Redis answers PING and a password; `heard` is what it was told. */
export async function redisOver(options: ServerOptions): Promise<{ readonly port: number; readonly heard: string[] }> {
  const heard: string[] = [];
  const port = await listen(
    createTlsServer(options, (socket) => {
      socket
        .on("error", () => undefined)
        .on("data", (bytes: Buffer) => {
          heard.push(String(bytes));
          for (const verb of String(bytes).matchAll(/\r\n(PING|AUTH|TYPE|QUIT)\r\n/g))
            socket.write(verb[1] === "PING" ? "+PONG\r\n" : "+OK\r\n");
        });
    }).on("tlsClientError", () => undefined),
  );
  return { port, heard };
}

/** Begins TLS as PostgreSQL does, and says with this answer whether it does. */
export const postgresThat = (answer: string, over?: ServerOptions) =>
  listen(
    createServer((socket) => {
      socket
        .on("error", () => undefined)
        .once("data", (request: Buffer) => {
          if (!request.equals(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))) return socket.end("E");
          socket.write(answer);
          if (over !== undefined)
            new TLSSocket(socket, { isServer: true, rejectUnauthorized: true, ...over }).on("error", () => undefined);
          return undefined;
        });
    }),
  );

/** `openssl s_server` with what is in a directory of `makeAuthority`; takes certificates of this authority alone. */
export async function opensslServer(directory: string, version: "TLSv1.2" | "TLSv1.3"): Promise<number> {
  const at = (name: string) => join(directory, name);
  const identity = ["-cert", at("server-cert.pem"), "-key", at("server-key.pem"), "-CAfile", at("ca.pem")];
  const words = ["-accept", "127.0.0.1:0", ...identity];
  const only = version === "TLSv1.2" ? "-tls1_2" : "-tls1_3";
  const server = spawn("openssl", ["s_server", ...words, "-Verify", "2", "-verify_return_error", only]);
  children.push(server);
  let said = "";
  return new Promise<number>((resolve, reject) => {
    server.once("exit", () => reject(new Error(said)));
    server.stderr.on("data", (bytes: Buffer) => {
      said += bytes;
    });
    server.stdout.on("data", (bytes: Buffer) => {
      said += bytes;
      const [, found] = /^ACCEPT 127\.0\.0\.1:(\d+)$/m.exec(said) ?? [];
      if (found !== undefined) resolve(Number(found));
    });
  });
}

/** Ends them all, and their connections. */
export function closeServers(): void {
  for (const child of children) child.kill();
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
}

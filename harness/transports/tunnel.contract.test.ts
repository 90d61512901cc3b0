// Decides that each program a node may have carries a stream to a port, and tells apart why there is none.
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { localTransport } from "./local.ts";
import { type TunnelEnd, tunnelCommand, tunnelOver } from "./tunnel.ts";

const transport = localTransport();
let room: string;
let server: Server;
const sockets = new Set<Socket>();

beforeAll(async () => {
  room = mkdtempSync(join(tmpdir(), "assay-tunnel-"));
  server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await transport.close();
  rmSync(room, { recursive: true, force: true });
});

/** Opens a stream from a place that has these programs alone. */
async function connect(programs: readonly string[], end: TunnelEnd): Promise<Duplex> {
  const bin = join(room, programs.join("-") || "nothing");
  mkdirSync(bin, { recursive: true });
  for (const name of programs) {
    // Not by the search path: what is found first there may be a program that starts the one that is meant.
    const path = name === "nc" || name === "grep" ? "/bin/busybox" : `/usr/bin/${name}`;
    rmSync(join(bin, name), { force: true });
    symlinkSync(path, join(bin, name));
  }
  const command = tunnelCommand(["/bin/sh"], end);
  return tunnelOver(await transport.dial(["/usr/bin/env", "-i", `PATH=${bin}`, ...command]), "here", end);
}

const here = (): TunnelEnd => ({ host: "127.0.0.1", port: (server.address() as { port: number }).port });

describe.each([["python3"], ["perl"], ["bash", "cat"], ["nc", "grep", "cat"]])("with %s", (...programs: string[]) => {
  test("bytes come back as they went, while both sides talk", async () => {
    const stream = await connect(programs, here());
    const said = stream.iterator({ destroyOnReturn: false });
    for (const word of ["one", "\u0000\r\n", "x".repeat(100_000)]) {
      stream.write(word);
      let back = "";
      while (back.length < word.length) back += String((await said.next()).value);
      expect(back).toBe(word);
    }
    stream.destroy();
  });

  test("it ends when the other side does", async () => {
    const stream = await connect(programs, here());
    // What comes back shows that the server knows of the connection.
    stream.write("here");
    await once(stream, "data");
    const ended = once(stream, "end");
    for (const socket of sockets) socket.end();
    await ended;
    stream.destroy();
  });

  test("nobody listening and no such name are told apart", async () => {
    const port = await freePort();
    await expect(connect(programs, { host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining(`nobody listens on 127.0.0.1:${port}`),
    });
    await expect(connect(programs, { ...here(), host: "no-such-host.invalid" })).rejects.toMatchObject({
      code: "unknown-host",
      message: expect.stringContaining("no-such-host.invalid"),
    });
  });
});

test("a node without any of them says which it could have", async () => {
  await expect(connect([], here())).rejects.toMatchObject({
    code: "no-relay",
    hint: expect.stringContaining("busybox"),
  });
});

test("a program that ends without a word is no refusal", async () => {
  const channel = await transport.dial(["sh", "-c", "echo broken >&2; exit 3"]);
  await expect(tunnelOver(channel, "here", here())).rejects.toMatchObject({
    code: "no-connection",
    message: expect.stringContaining("broken"),
  });
});

/** Nobody's a moment ago. */
async function freePort(): Promise<number> {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  await new Promise((resolve) => other.close(resolve));
  return port;
}

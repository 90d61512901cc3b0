// Decides what a program's end is when the connection to it is cut: unknown, whatever the engine says of a program that still runs. The
// engine is a peer on a socket that answers as podman 4.3 does, which calls the status of a running program 0.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dockerClient } from "../drivers/docker-client.ts";
import { ExecOpener } from "./docker-exec.ts";

let directory: string;
let server: Server;
let running: boolean;
let status: number;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "assay-exec-"));
  server = createServer((request, response) => {
    const made = request.method === "POST";
    response.writeHead(made ? 201 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(made ? { Id: "e1" } : { Running: running, ExitCode: status }));
  }).on("upgrade", (_request, socket) =>
    socket.end("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
  );
  await new Promise<void>((resolve) => server.listen(join(directory, "engine.sock"), resolve));
});
afterEach(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

test.each([
  [true, 0, undefined],
  [false, 0, 0],
  [false, 3, 3],
])("running: %s, status %s", async (...[still, told, known]) => {
  [running, status] = [still, told];
  const docker = dockerClient({ socketPath: join(directory, "engine.sock") });
  const opener = new ExecOpener(docker.getContainer("c1"), "env/node", "ends");
  const channel = await opener.open(["make"], { user: undefined });
  expect(await channel.ended).toBe(known);
});

// Decides that nobody waits for a guest's slot for ever, and that who waited is told what was in the way. The guest is a peer on the same
// sockets that greets, and gives no slot out, or one.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GuestPorts } from "./guest-ports.ts";
import { greeting } from "./guest-shell.ts";
import { ShellTransport } from "./shell-transport.ts";

let directory: string;
let servers: Server[];
const connections = new Set<Socket>();
const listen = async (name: string, hear: (text: string, socket: Socket) => void): Promise<string> => {
  const path = join(directory, name);
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on("error", () => undefined).on("data", (bytes) => hear(String(bytes), socket));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
};
/** A guest of two slots, of which it says that `free` are free; `silent`: it does not even greet. */
const guest = async ({
  free = 0,
  silent = false,
}): Promise<{ control: string; slots: { in: string; out: string; err: string }[] }> => {
  let control: Socket | undefined;
  const slot = async (k: number) => ({
    in: await listen(`${k}.in`, (text) => {
      const nonce = / (\S+) ping/.exec(text)?.[1];
      if (nonce !== undefined && k <= free) control?.write(`idle ${k} ${nonce}\n`);
    }),
    out: await listen(`${k}.out`, () => undefined),
    err: await listen(`${k}.err`, () => undefined),
  });
  const path = await listen("control", (text, socket) => {
    control = socket;
    const hello = /hello (\S+)/.exec(text)?.[1];
    if (hello !== undefined && !silent) socket.write(`${greeting} boot-1 secret-1 ${hello}\n`);
  });
  return { control: path, slots: [await slot(1), await slot(2)] };
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-ports-"));
  servers = [];
});
afterEach(() => {
  for (const socket of connections) socket.destroy();
  connections.clear();
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

test("who has no deadline of its own is told that no slot came free, and which are in the way", async () => {
  const ports = new GuestPorts({ node: "env/node", ...(await guest({ free: 1 })), patienceMs: 300 });
  const first = await ports.open(["sleep", "1000"], { user: undefined });
  await expect(ports.open(["cat"], { user: undefined })).rejects.toMatchObject({
    name: "TransportError",
    code: "no-slot",
    seen: `"cat" could not be started for 300 ms: 1 of the guest's 2 slots have a program that runs, and the guest does not say that one more is free`,
  });
  first.destroy();
  ports.close();
});

test("a guest that never greets", async () => {
  const ports = new GuestPorts({ node: "env/node", ...(await guest({ silent: true })), patienceMs: 100 });
  await expect(ports.open(["cat"], { user: undefined })).rejects.toMatchObject({
    code: "no-slot",
    seen: expect.stringContaining("has not greeted"),
  });
  ports.close();
});

test("a greeting is waited for until the signal, and who waits without one goes on", async () => {
  const ports = new GuestPorts({ node: "env/node", ...(await guest({ silent: true })) });
  const patient = ports.greeted();
  await expect(ports.greeted(AbortSignal.timeout(50))).rejects.toMatchObject({
    name: "TransportError",
    code: "no-greeting",
    seen: "the guest's shell has not greeted since the guest started",
  });
  await expect(ports.greeted(AbortSignal.abort())).rejects.toMatchObject({ code: "no-greeting" });
  const closed = expect(patient).rejects.toMatchObject({ code: "closed" });
  ports.close();
  await closed;
});

test("a command's own deadline says the same", async () => {
  const ports = new GuestPorts({ node: "env/node", ...(await guest({})) });
  const transport = new ShellTransport(ports);
  await expect(transport.exec(["true"], { timeoutMs: 100 })).rejects.toMatchObject({
    code: "deadline",
    seen: '"true" could not be started after 100 ms: 0 of the guest\'s 2 slots have a program that runs, and the guest does not say that 2 more are free',
  });
  ports.close();
  await transport.close();
});

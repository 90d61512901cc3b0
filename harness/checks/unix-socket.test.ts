// Decides how the kernel's table of unix sockets is read, and every sentence about them.
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { unixListeners, unixSocket } from "./unix-socket.ts";

const header = "Num       RefCount Protocol Flags    Type St Inode Path\n";
// Of a Debian 12 machine.
const table = `${header}0000000000000000: 00000002 00000000 00010000 0001 01 16401 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 16500 /run/docker.sock
0000000000000000: 00000002 00000000 00000000 0002 01 16600 /run/systemd/journal/dev log
0000000000000000: 00000002 00000000 00010000 0005 01   170 @studio
0000000000000000: 00000003 00000000 00000000 0001 03 16501
`;
const parse = (text: string, status = 0) =>
  unixListeners.parse({ status, stdout: Buffer.from(text), stderr: "/proc/net/unix cannot be read" }, ["all"])[0];

test("those to which others can connect or send, without connections", () => {
  expect(parse(table)).toEqual([
    { path: "/run/docker.sock", type: "stream", inode: "16401" },
    { path: "/run/systemd/journal/dev log", type: "datagram", inode: "16600" },
    { path: "@studio", type: "seqpacket", inode: "170" },
  ]);
  expect(parse(header)).toEqual([]);
});

test.each([
  ["a table that may not be read", "", 77],
  ["another text", "nonsense: is all it says\n", 0],
  ["a line of another kind", `${header}nonsense\n`, 0],
  ["silence", "", 0],
])("%s is no answer", (_, text, status) => {
  expect(() => parse(text, status)).toThrow(ObservationError);
});

probeContract(hostNode, { probe: unixListeners, subject: "all", tools: ["grep"] });

test("sentences", () => {
  const docker = unixSocket("/var/run/docker.sock");
  const seen = [{ path: "/run/docker.sock", type: "stream" as const, inode: "1" }];
  expect(docker.isListening().judge(seen)).toMatchObject({ met: true, seen: "a stream socket at /run/docker.sock" });
  expect(docker.isListening().judge([])).toMatchObject({ met: false, seen: "nothing listens" });
  expect(docker.hasType("datagram").judge(seen)).toMatchObject({ met: false });
  const held = docker.isHeldBy("dockerd");
  expect(held.judge([[{ pid: 7, name: "dockerd" }]])).toMatchObject({ met: true, seen: "dockerd (pid 7)" });
  expect(held.judge([[{ pid: 7, name: "dockerd" }], []])).toMatchObject({
    met: false,
    seen: "dockerd (pid 7); nobody",
  });
  expect(held.judge([])).toMatchObject({ met: false, seen: "nothing listens" });
  for (const path of ["", "docker.sock", "/", "/a\nb"]) expect(() => unixSocket(path)).toThrow(DeclarationError);
});

test("a server of this process, while it listens", async () => {
  const node = hostNode();
  const directory = await node.succeed(["mktemp", "-d"]);
  const path = join(directory, "a b.sock");
  const server = createServer().listen(path);
  await once(server, "listening");
  const check = unixSocket(path).hasType("stream");
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  const [held] = await unixSocket(path).isHeldBy("x").observe(node);
  expect(held?.map(({ pid }) => pid)).toContain(process.pid);
  server.close();
  await once(server, "close");
  expect(check.judge(await check.observe(node))).toMatchObject({ met: false, seen: "nothing listens" });
  await node.succeed(["rm", "-r", directory]);
  await node.close();
});

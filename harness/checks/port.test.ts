// Decides that the kernel's socket tables are read, and every sentence about ports.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { listeners, port, ports, readSocketLine } from "./port.ts";
import { socketHolders } from "./port-holders.ts";

describe("lines of the socket tables are read", () => {
  test.each([
    [
      "/proc/net/tcp:   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0",
      { protocol: "tcp", address: "127.0.0.1", port: 8080, inode: "1" },
    ],
    [
      "/proc/net/tcp6:  12: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
      { protocol: "tcp", address: "::1", port: 22, inode: "1" },
    ],
    [
      "/proc/net/tcp6:   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0",
      { protocol: "tcp", address: "::", port: 80, inode: "1" },
    ],
    [
      "/proc/net/udp: 123: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0",
      { protocol: "udp", address: "0.0.0.0", port: 53, inode: "1" },
    ],
    [
      "/proc/net/tcp:   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 20 4 30 10 -1",
      "other",
    ],
    ["nonsense: is all it says", undefined],
  ])("%#", (line, expected) => {
    expect(readSocketLine(line)).toEqual(expected);
  });

  test("a table without its heading is no table", () => {
    expect(() => listeners.parse({ status: 0, stdout: Buffer.from("x\n"), stderr: "" }, ["tcp/1"])).toThrow(
      ObservationError,
    );
  });

  test("tables that cannot be read are an error", () => {
    const stderr = "/proc/net/tcp cannot be read\n";
    expect(() => listeners.parse({ status: 77, stdout: Buffer.alloc(0), stderr }, ["tcp/1"])).toThrow(
      /cannot see what listens/,
    );
  });
});

probeContract(hostNode, { probe: listeners, subject: "tcp/1", tools: ["grep"] });
probeContract(hostNode, {
  probe: socketHolders,
  subject: "1",
  tools: ["find", "grep", "ls"],
  elsewhere: "sight of every process",
});

test("judges: any address, exactly this address, none", () => {
  const seen = [{ protocol: "tcp" as const, address: "127.0.0.1", port: 80, inode: "1" }];
  expect(port(80).isListening().judge(seen)).toMatchObject({ met: true });
  expect(port(80).isListening().judge([])).toEqual({
    met: false,
    expected: "something listens",
    seen: "nothing listens",
  });
  expect(port(80).isListeningOn("127.0.0.1").judge(seen)).toMatchObject({ met: true });
  const six = { ...seen[0], address: "fd00::1" } as (typeof seen)[number];
  expect(port(80).isListeningOn("FD00:0::1").judge([six])).toMatchObject({ met: true });
  expect(port(80).isListeningOn("0.0.0.0").judge(seen)).toMatchObject({ met: false, seen: "bound to 127.0.0.1" });
  expect(port(53, "udp").isListening()).toMatchObject({
    title: "port udp/53 is listening",
    command: "ss -lnu 'sport = :53'",
  });
});

test.each([0, 65536, 1.5])("%s is refused as a port", (number) => {
  expect(() => port(number)).toThrow(DeclarationError);
});

test("sockets of this machine are seen while they listen, each on its own address and protocol", async () => {
  const node = hostNode();
  const tcp = createServer().listen(0, "127.0.0.1");
  await once(tcp, "listening");
  const udp = createSocket("udp4").bind(0, "127.0.0.1");
  await once(udp, "listening");
  const tcpPort = (tcp.address() as AddressInfo).port;
  const udpPort = udp.address().port;
  const met = async (check: ReturnType<ReturnType<typeof port>["isListening"]>) =>
    check.judge(await check.observe(node));
  expect(await met(port(tcpPort).isListeningOn("127.0.0.1"))).toMatchObject({ met: true });
  expect(await met(port(tcpPort).isListeningOn("0.0.0.0"))).toMatchObject({ met: false });
  expect(await met(port(udpPort, "udp").isListeningOn("127.0.0.1"))).toMatchObject({ met: true });
  tcp.close();
  udp.close();
  await Promise.all([once(tcp, "close"), once(udp, "close")]);
  expect(await met(port(tcpPort).isListening())).toMatchObject({ met: false });
  await node.close();
});

describe("who holds a socket", () => {
  const parse = (named: string, linked: string, stderr = "", inodes = ["16401"]) =>
    socketHolders.parse({ stdout: Buffer.from(`${named}\0${linked}`), stderr, status: 0 }, inodes);
  const named = "/proc/1/comm:systemd\n/proc/277/comm:sshd\n";
  const linked = "/proc/1/fd/40 socket:[16402]\n/proc/277/fd/3 socket:[16401]\n/proc/277/fd/4 socket:[16402]\n";
  const looked = "comm looked\n";
  const gone = "find: '/proc/999/fd': No such file or directory\n";

  test("processes by their sockets", () => {
    expect(parse(named, linked + looked, gone, ["16401", "16402", "7"])).toEqual([
      [{ pid: 277, name: "sshd" }],
      [
        { pid: 1, name: "systemd" },
        { pid: 277, name: "sshd" },
      ],
      [],
    ]);
  });

  test("who may not see others' processes is told so, unless the holder was seen", () => {
    const refused = "find: '/proc/1/fd': Permission denied\n";
    expect(parse(named, looked, refused)[0]).toMatchObject({ code: "probe-denied" });
    expect(parse(named, linked + looked, refused)).toEqual([[{ pid: 277, name: "sshd" }]]);
  });

  test("where find is busybox's, ls tells", () => {
    // Recorded: ls of busybox 1.35 and of coreutils 9.1.
    const busybox = `/proc/1/fd:
total 0
lr-x------    1 root     root            64 Nov 21 15:00 0 -> /dev/null

/proc/277/fd:
total 0
lrwx------    1 root     root            64 Nov 21 15:00 3 -> socket:[16401]
lrwx------    1 root     root            64 Nov 21 15:00 4 -> pipe:[9]
`;
    const coreutils = `/proc/277/fd:
total 0
lrwx------ 1 root root 64 Nov 21 15:00 3 -> socket:[16401]
`;
    for (const text of [busybox, coreutils])
      expect(parse(named, `${text}ls /proc/self/comm\n`)).toEqual([[{ pid: 277, name: "sshd" }]]);
    expect(parse(named, "ls /proc/self/comm\n", "ls: /proc/1/fd: Permission denied\n")[0]).toMatchObject({
      code: "probe-denied",
    });
    expect(() => parse(named, busybox)).toThrow(ObservationError);
  });

  test.each([
    ["no names", "", linked + looked],
    ["a find that did not come to its end", named, linked],
  ])("%s is no answer", (_, names, links) => {
    expect(() => parse(names, links)).toThrow(ObservationError);
  });

  test("judges: each socket by a process of this name", () => {
    const check = port(22).isHeldBy("sshd");
    expect(check.title).toBe("port tcp/22 is held by sshd");
    const listener = { protocol: "tcp" as const, address: "0.0.0.0", port: 22, inode: "1" };
    const sshd = { pid: 277, name: "sshd" };
    expect(check.judge([{ listener, by: [{ pid: 1, name: "systemd" }, sshd] }])).toMatchObject({ met: true });
    expect(
      check.judge([
        { listener, by: [sshd] },
        { listener, by: [] },
      ]),
    ).toMatchObject({
      met: false,
      seen: "0.0.0.0 by sshd (pid 277); 0.0.0.0 by no process of this node",
    });
    expect(check.judge([])).toMatchObject({ met: false, seen: "nothing listens" });
    const long = port(22).isHeldBy("a-very-long-daemon");
    expect(long.judge([{ listener, by: [{ pid: 2, name: "a-very-long-dae" }] }])).toMatchObject({ met: true });
  });

  test("a server of this process is held by it", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const node = hostNode();
    const check = port((server.address() as AddressInfo).port).isHeldBy("none-such");
    const [held] = await check.observe(node);
    expect(held?.by.map(({ pid }) => pid)).toContain(process.pid);
    await node.close();
    server.close();
    await once(server, "close");
  });
});

test("all ports that others can reach, and no others", async () => {
  const at = (address: string, number: number) => ({ protocol: "tcp" as const, address, port: number, inode: "1" });
  const seen = [at("0.0.0.0", 22), at("::", 22), at("127.0.0.53", 53), at("::1", 25), at("::ffff:7f00:1", 80)];
  expect(ports().areOnly(22).title).toBe("ports of tcp are only 22");
  expect(ports().areOnly(22).judge(seen)).toMatchObject({ met: true, seen: "22 on 0.0.0.0, 22 on ::" });
  expect(ports().areOnly(22, 80).judge(seen)).toMatchObject({ met: false });
  expect(ports().areOnly().judge(seen)).toMatchObject({ met: false, expected: "none" });
  expect(
    ports()
      .areOnly(22)
      .judge([...seen, at("10.0.0.1", 25)]),
  ).toMatchObject({ met: false });
  expect(ports("udp").areOnly().judge([])).toMatchObject({ met: true, seen: "none" });
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const node = hostNode();
  const { port: number } = server.address() as AddressInfo;
  expect((await ports().areOnly().observe(node)).map((each) => each.port)).toContain(number);
  expect((await ports("udp").areOnly().observe(node)).every(({ protocol }) => protocol === "udp")).toBe(true);
  await node.close();
  server.close();
  await once(server, "close");
});

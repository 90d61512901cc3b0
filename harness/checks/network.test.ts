// Decides every sentence about interfaces, routes and reachable addresses, on what Debian 12 and busybox 1.35 printed.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { address, networkInterface, route } from "./network.ts";
import { type InterfaceFacts, interfaceFacts, readIpAddresses, readKernelAddresses, routes } from "./network-facts.ts";
import { reachable } from "./reach.ts";

const files = `/sys/class/net/eth0/operstate:up
/sys/class/net/lo/operstate:unknown
/sys/class/net/eth0/mtu:1500
/sys/class/net/lo/mtu:65536
/sys/class/net/eth0/address:02:42:ac:11:00:03
/sys/class/net/lo/address:00:00:00:00:00:00
/sys/class/net/eth0/flags:0x1003
/sys/class/net/lo/flags:0x9
`;
const byIp = `1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
12296: eth0    inet 172.17.0.3/16 brd 172.17.255.255 scope global eth0\\       valid_lft forever preferred_lft forever
`;
const prefixed = (file: string, text: string) => text.replace(/^(?=.)/gm, `/proc/net/${file}:`);
const byKernel = `${prefixed(
  "fib_trie",
  `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        +-- 172.17.0.0/30 2 0 2
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.3
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
`,
)}${prefixed(
  "route",
  `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
`,
)}/proc/net/if_inet6:fe800000000000000042acfffe110003 3008 40 20 80     eth0
`;

describe("interfaces", () => {
  test("by ip: iproute2's lines, and those of busybox, are the same", () => {
    expect(readIpAddresses(byIp)).toEqual(
      new Map([
        ["lo", ["127.0.0.1/8"]],
        ["eth0", ["172.17.0.3/16"]],
      ]),
    );
    expect(readIpAddresses("3: tun0    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0\\ x\n")).toEqual(
      new Map([["tun0", ["10.8.0.2/32"]]]),
    );
    expect(readIpAddresses("nonsense: is all it says\n")).toBeUndefined();
  });

  test("without ip, by the kernel's tables", () => {
    expect(readKernelAddresses(byKernel)).toEqual(
      new Map([
        ["lo", ["127.0.0.1/8"]],
        ["eth0", ["172.17.0.3/16", "fe80::42:acff:fe11:3/64"]],
      ]),
    );
    expect(readKernelAddresses("")).toBeUndefined();
  });

  test("both ways give the same facts", () => {
    for (const [text, words] of [
      [byIp, "0"],
      [byKernel.replace(/^\/proc\/net\/if_inet6.*\n/m, ""), "1"],
    ] as const) {
      const output = {
        status: 0,
        stdout: framed([
          [files, "files"],
          [text, words],
        ]),
        stderr: "",
      };
      expect(interfaceFacts.parse(output, ["eth0", "eth1"])).toEqual([
        { up: true, state: "up", mtu: 1500, mac: "02:42:ac:11:00:03", addresses: ["172.17.0.3/16"] },
        undefined,
      ]);
    }
  });

  const eth0 = { up: true, state: "up", mtu: 1500, mac: "02:42:ac:11:00:03", addresses: ["172.17.0.3/16"] };
  test("speed, where it is told, and what it is a part of", () => {
    const more = `${files}/sys/class/net/eth0/speed:10000
/sys/class/net/br0/speed:-1
/sys/class/net/eth0/ifindex:2
/sys/class/net/br0/ifindex:3
/sys/class/net/eth0/master/ifindex:3
`;
    const stdout = framed([
      [more, "files"],
      [byIp, "0"],
    ]);
    const [seen, bridge] = interfaceFacts.parse({ status: 0, stdout, stderr: "" }, ["eth0", "br0"]) as InterfaceFacts[];
    expect(seen).toEqual({ ...eth0, speed: 10000, master: "br0" });
    expect(bridge).not.toHaveProperty("speed");
    const eth = networkInterface("eth0");
    expect(eth.hasSpeed(10000).judge(seen)).toMatchObject({ met: true });
    expect(eth.hasSpeed(1000).judge(seen)).toMatchObject({ met: false, seen: expect.stringContaining("10000 Mb/s") });
    expect(eth.hasSpeed(1000).judge(eth0)).toMatchObject({ met: false, seen: "its driver does not say" });
    expect(eth.isPartOf("br0").judge(seen)).toMatchObject({ met: true });
    expect(eth.isPartOf("br1").judge(seen)).toMatchObject({ met: false, seen: expect.stringContaining("part of br0") });
    expect(eth.isPartOf("br0").judge(undefined)).toMatchObject({ met: false });
  });

  test("sentences", () => {
    const eth = networkInterface("eth0");
    for (const check of [
      eth.exists(),
      eth.isUp(),
      eth.hasMtu(1500),
      eth.hasMac("02:42:AC:11:00:03"),
      eth.hasAddress("172.17.0.3"),
      eth.hasAddress("172.17.0.3/16"),
    ])
      expect.soft(check.judge(eth0), check.title).toMatchObject({ met: true });
    const six = { ...eth0, addresses: ["fd00::7/64", "::ffff:10.0.0.1/96"] };
    for (const address of ["FD00:0::7", "fd00::0007/64", "::ffff:a00:1"])
      expect.soft(eth.hasAddress(address).judge(six), address).toMatchObject({ met: true });
    for (const check of [
      eth.hasMtu(9000),
      eth.hasMac("02:42:ac:11:00:04"),
      eth.hasAddress("172.17.0.3/24"),
      eth.hasAddress("172.17.0.4"),
    ])
      expect
        .soft(check.judge(eth0), check.title)
        .toMatchObject({ met: false, seen: "up, mtu 1500, 02:42:ac:11:00:03, 172.17.0.3/16" });
    expect(eth.isUp().judge({ ...eth0, up: false, state: "down" })).toMatchObject({
      met: false,
      seen: expect.stringContaining("down (not up)"),
    });
    expect(eth.isUp().judge(undefined)).toMatchObject({ met: false, seen: "there is no such interface" });
    expect(() => eth.hasAddress("172.17.0")).toThrow(DeclarationError);
    expect(() => networkInterface("a b")).toThrow(DeclarationError);
  });

  probeContract(hostNode, { probe: interfaceFacts, subject: "lo", tools: ["grep"] });
});

describe("routes", () => {
  const table = `/proc/net/route:Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
/proc/net/route:eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
/proc/net/route:eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
/proc/net/ipv6_route:00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
/proc/net/ipv6_route:fd000000000000000000000000000000 40 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
`;

  test("IPv4 and IPv6, without loopback's", () => {
    const [read] = routes.parse({ status: 0, stdout: Buffer.from(table), stderr: "" }, ["all"]);
    expect(read).toEqual([
      { destination: "0.0.0.0", prefix: 0, gateway: "172.17.0.1", through: "eth0", metric: 0 },
      { destination: "172.17.0.0", prefix: 16, gateway: undefined, through: "eth0", metric: 0 },
      { destination: "fd00::", prefix: 64, gateway: "fe80::1", through: "eth0", metric: 1024 },
    ]);
    expect(() => routes.parse({ status: 0, stdout: Buffer.from(`${table}nonsense\n`), stderr: "" }, ["all"])).toThrow(
      ObservationError,
    );
  });

  test("sentences", () => {
    const seen = [{ destination: "0.0.0.0", prefix: 0, gateway: "172.17.0.1", through: "eth0", metric: 0 }];
    expect(route("default").isVia("172.17.0.1").judge(seen)).toMatchObject({ met: true });
    const six = [{ destination: "fd00::", prefix: 64, gateway: "fe80::1", through: "eth0", metric: 1 }];
    expect(route("FD00:0::/64").isVia("FE80::0:1").judge(six)).toMatchObject({ met: true });
    expect(route("default").isThrough("eth1").judge(seen)).toMatchObject({
      met: false,
      seen: "via 172.17.0.1 through eth0",
    });
    expect(route("10.0.0.0/8").exists().judge([])).toMatchObject({ met: false, seen: "there is no such route" });
    for (const wrong of ["10.0.0.0", "everywhere", ""]) expect(() => route(wrong)).toThrow(DeclarationError);
  });

  probeContract(hostNode, { probe: routes, subject: "all", tools: ["grep"] });
});

describe("reachable addresses", () => {
  const read = (line: string) => reachable.parse({ status: 0, stdout: Buffer.from(line), stderr: "" }, ["db 5432"])[0];

  test("a refusal and a name that does not exist are answers, a name server that is gone is none", () => {
    expect(read("0 open connected\n")).toEqual({ reached: true, said: "connected" });
    expect(read("0 shut Connection refused\n")).toEqual({ reached: false, said: "Connection refused" });
    expect(read("0 name -2 Name or service not known\n")).toEqual({
      reached: false,
      said: "Name or service not known",
    });
    expect(read("0 name -3 Temporary failure in name resolution\n")).toMatchObject({ code: "probe-failed" });
    expect(read("0 missing\n")).toMatchObject({ code: "probe-missing" });
    for (const line of ["", "0 \n", "nonsense\n"]) expect.soft(read(line)).toMatchObject({ code: "probe-unreadable" });
  });

  // Without the first tool the next one is used: each has to see the same.
  test.each([[], ["python3"], ["python3", "perl"]])("for real, on loopback, without %j", async (...without) => {
    const node = hostNode();
    const lacking = without.map((tool) => `[ "$2" != ${tool} ] || return 1`).join("; ");
    const probe = {
      ...reachable,
      script: (subjects: readonly string[]) =>
        `command() { ${lacking || ":"}; type "$2"; }\n${reachable.script(subjects)}`,
    };
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    expect(await node.observe(probe, `127.0.0.1 ${port}`)).toEqual({ reached: true, said: "connected" });
    const visitors: (string | undefined)[] = [];
    server.on("connection", (socket) => visitors.push(socket.remoteAddress));
    const from = (own: string) => node.observe(probe, `127.0.0.1 ${port} ${own}`);
    const able = without.length < 2;
    if (able) {
      expect(await from("127.0.0.2")).toEqual({ reached: true, said: "connected" });
      await expect(from("192.0.2.1")).rejects.toMatchObject({ seen: expect.stringContaining("from 192.0.2.1") });
    } else await expect(from("127.0.0.2")).rejects.toMatchObject({ code: "probe-missing" });
    server.close();
    await once(server, "close");
    expect(visitors.includes("127.0.0.2")).toBe(able);
    expect(await node.observe(probe, `127.0.0.1 ${port}`)).toEqual({ reached: false, said: "Connection refused" });
    await node.close();
  });

  test.each(["db", "db:0", "db:65536", "::1:22", "-x:22", "[db]:22", ""])("%j is refused", (target) => {
    expect(() => address(target)).toThrow(DeclarationError);
  });
  test("it is tried from an address, not from a name or an interface", () => {
    expect(address("db:22", { from: "10.0.0.7" }).isReachable().title).toBe("address db:22 from 10.0.0.7 is reachable");
    expect(() => address("db:22", { from: "eth0" })).toThrow(DeclarationError);
  });

  probeContract(hostNode, { probe: reachable, subject: "127.0.0.1 1", tools: ["python3"] });
});

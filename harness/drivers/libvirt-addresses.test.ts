// Decides that a machine's addresses are those of its kernel's tables: on recorded ones, and on this machine's, as its own libraries tell them.
import { networkInterfaces } from "node:os";
import { afterAll, expect, test } from "vitest";
import { shell } from "../model/exec.ts";
import { localTransport } from "../transports/local.ts";
import { addressTables, type Card, readAddresses, untilAddressed } from "./libvirt-addresses.ts";

const host = localTransport();
afterAll(() => host.close());

// Of a Debian 12 guest with two cards on networks of libvirt's.
const recorded = `card eth0 02:00:00:00:00:01
card eth1 02:00:00:00:01:01
card lo 00:00:00:00:00:00
routes
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010010AC	0003	0	0	1024	00000000	0	0	0
eth0	000010AC	00000000	0001	0	0	1024	00FFFFFF	0	0	0
eth0	010010AC	00000000	0005	0	0	1024	FFFFFFFF	0	0	0
eth1	0008090A	00000000	0001	0	0	0	00FFFFFF	0	0	0
addresses
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 172.16.0.0/24 2 0 2
        +-- 172.16.0.0/30 2 0 2
           |-- 172.16.0.0
              /24 link UNICAST
           |-- 172.16.0.2
              /32 host LOCAL
        |-- 172.16.0.255
           /32 link BROADCAST
     +-- 10.9.8.0/24 2 0 2
        |-- 10.9.8.40
           /32 host LOCAL
        |-- 10.9.8.255
           /32 link BROADCAST
`;

test("recorded tables: each address is its card's, and the loopback's is nobody's here", () => {
  expect(Object.fromEntries(readAddresses(recorded))).toEqual({
    "02:00:00:00:00:01": ["172.16.0.2"],
    "02:00:00:00:01:01": ["10.9.8.40"],
    "00:00:00:00:00:00": [],
  });
});

test("a bridge over a card has its MAC, and its addresses count whichever of them is told last", () => {
  const bridged = recorded.replaceAll("eth1\t", "br0\t").replace("card eth1", "card br0 02:00:00:00:01:01\ncard eth1");
  expect(readAddresses(bridged).get("02:00:00:00:01:01")).toEqual(["10.9.8.40"]);
});

const mine = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .filter(({ family, internal, cidr }) => family === "IPv4" && !internal && !cidr?.endsWith("/32"));

test("this machine's", async () => {
  const seen = readAddresses((await host.exec(shell(addressTables))).stdout);
  expect(mine.length).toBeGreaterThan(0);
  for (const { mac, address } of mine) expect(seen.get(mac)).toContain(address);
});

const card = (changes: Partial<Card>): Card => ({
  declared: "lan",
  mac: mine[0]?.mac ?? "",
  source: { network: "net" },
  address: undefined,
  ...changes,
});

/** What untilAddressed says that it lacks when it has asked once. */
async function lacking(changes: Partial<Card>, given: string | undefined): Promise<string | undefined> {
  const over = new AbortController();
  const doing = { title: "", last: undefined as string | undefined };
  const wanted = card(changes);
  await untilAddressed({
    cards: [wanted],
    transport: { exec: (command, options) => host.exec(command, options).finally(() => over.abort()) },
    leases: async () => (given === undefined ? [] : [{ mac: wanted.mac, address: given, hostname: undefined }]),
    signal: over.signal,
    doing,
  });
  return doing.last;
}

test("what is missing is said, with what the card has and what it was given", async () => {
  const { mac = "", address = "" } = mine[0] ?? {};
  expect(await lacking({}, undefined)).toBeUndefined();
  expect(await lacking({ address }, undefined)).toBeUndefined();
  expect(await lacking({ address: "203.0.113.7" }, undefined)).toBe(
    `on "lan" (${mac}) it should have 203.0.113.7 and has ${address}; the network's DHCP server gave it none`,
  );
  expect(await lacking({ mac: "02:00:00:00:00:99", address: "203.0.113.7" }, "203.0.113.7")).toBe(
    `on "lan" (02:00:00:00:00:99) it should have 203.0.113.7 and has no such card; the network's DHCP server gave it 203.0.113.7`,
  );
  expect(await lacking({ mac: "02:00:00:00:00:99", source: { bridge: "br0" } }, undefined)).toContain("bridge br0");
});

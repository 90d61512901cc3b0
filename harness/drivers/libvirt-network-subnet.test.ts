// Decides that a chosen subnet is nobody's, and that everybody in it has a place.
import { describe, expect, test } from "vitest";
import { readSubnet, sayAddress, saySubnet } from "../model/subnet.ts";
import { candidates, planAddresses, routesIn } from "./libvirt-network-subnet.ts";

test("routes, as the kernel writes them; the default one is no subnet", () => {
  const text = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT                                                       
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0                                                                               
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0                                                                            
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                               
as6bbe13	003BE00A	00000000	0001	0	0	0	00FFFFFF	0	0	0                                                                           
`;
  expect(routesIn(text).map(saySubnet)).toEqual(["172.17.0.0/16", "192.0.2.0/24", "10.224.59.0/24"]);
  expect(routesIn("")).toEqual([]);
});

describe("candidates", () => {
  const some = (name: string, taken: readonly string[], count: number) => {
    const found: string[] = [];
    for (const subnet of candidates(name, taken.map(readSubnet))) {
      found.push(saySubnet(subnet));
      if (found.length === count) break;
    }
    return found;
  };

  test("are the same each time for a name, others for another, and all different", () => {
    const seen = some("a", [], 500);
    expect(some("a", [], 500)).toEqual(seen);
    expect(some("b", [], 1)).not.toEqual(seen.slice(0, 1));
    expect(new Set(seen).size).toBe(500);
    for (const subnet of seen) expect(subnet).toMatch(/^10\.\d+\.\d+\.0\/24$/);
  });

  test("leave out what is taken, the rest in its order", () => {
    const [first = "", second = "", third = ""] = some("a", [], 3);
    expect(some("a", [first], 2)).toEqual([second, third]);
    expect(some("a", [`${first.replace("/24", "/25")}`, second], 1)).toEqual([third]);
  });

  test("go through all there are, and end", () => {
    expect(some("a", [], 70_000)).toHaveLength(65_536);
    expect(some("a", ["10.0.0.0/9"], 70_000)).toHaveLength(32_768);
    expect(some("a", ["10.0.0.0/8"], 1)).toEqual([]);
  });
});

describe("places", () => {
  const plan = (subnet: string, ...seats: (string | undefined)[]) => {
    const planned = planAddresses(
      readSubnet(subnet),
      seats.map((address) => ({ address })),
    );
    return planned && { ...planned, seats: planned.seats.map(({ address }) => address) };
  };

  test.each([
    ["10.0.0.0/24", [], "10.0.0.1", [], ["10.0.0.128", "10.0.0.254"]],
    ["10.0.0.0/24", [undefined, undefined], "10.0.0.1", ["10.0.0.2", "10.0.0.3"], ["10.0.0.129", "10.0.0.254"]],
    [
      "10.0.0.0/24",
      [undefined, "10.0.0.2", undefined],
      "10.0.0.1",
      ["10.0.0.3", "10.0.0.2", "10.0.0.4"],
      ["10.0.0.129", "10.0.0.254"],
    ],
    ["10.0.0.0/24", ["10.0.0.200"], "10.0.0.1", ["10.0.0.200"], ["10.0.0.201", "10.0.0.254"]],
    ["10.0.0.0/24", ["10.0.0.254"], "10.0.0.1", ["10.0.0.254"], undefined],
    [
      "10.0.0.0/29",
      [undefined, undefined, undefined, undefined, undefined],
      "10.0.0.1",
      ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
      undefined,
    ],
    ["10.0.0.0/30", [undefined], "10.0.0.1", ["10.0.0.2"], undefined],
  ] as const)("in %s for %o", (subnet, seats, gateway, addresses, strangers) => {
    expect(plan(subnet, ...seats)).toEqual({ gateway, seats: addresses, strangers });
  });

  test.each([
    ["one too many", "10.0.0.0/30", [undefined, undefined]],
    ["no room for a gateway", "10.0.0.0/32", []],
    ["the gateway's own place", "10.0.0.0/24", ["10.0.0.1"]],
    ["the broadcast's", "10.0.0.0/24", ["10.0.0.255"]],
    ["somewhere else", "10.0.0.0/24", ["10.0.1.7"]],
  ] as const)("there is none: %s", (_, subnet, seats) => expect(plan(subnet, ...seats)).toBeUndefined());

  test("strangers never get what is kept for somebody", () => {
    for (const bits of [24, 25, 26, 27, 28])
      for (let count = 0; count < 2 ** (32 - bits) - 2; count++) {
        const planned = plan(`10.1.0.0/${bits}`, ...Array.from({ length: count }, () => undefined));
        if (planned?.strangers === undefined) continue;
        const [from] = planned.strangers.map((address) => readSubnet(`${address}/32`).base);
        for (const address of planned.seats) expect(readSubnet(`${address}/32`).base).toBeLessThan(from ?? 0);
        expect(sayAddress(from ?? 0)).toBe(planned.strangers[0]);
      }
  });
});

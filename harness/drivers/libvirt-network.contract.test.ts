// Decides that networks start with addresses that are known, on subnets that are nobody's, through virsh and the binding alike. On a daemon
// and in a network namespace of the test's own.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { saySubnet } from "../model/subnet.ts";
import { type LibvirtClient, openLibvirt } from "./libvirt-client.ts";
import { startNetwork, type WantedNetwork } from "./libvirt-network.ts";
import { joinNetwork, leaveNetwork } from "./libvirt-network-seats.ts";
import { candidates, routes } from "./libvirt-network-subnet.ts";
import { addressesIn, labelsIn, liveNetworkIn, subnetsIn } from "./libvirt-xml-read.ts";
import { PrivateLibvirt } from "./testing/private-libvirt.ts";

let libvirt: PrivateLibvirt;
beforeAll(async () => {
  libvirt = await PrivateLibvirt.start();
});
afterAll(() => libvirt.close());

const labels = { "dev.assay.run": "r1", "dev.assay.owner": "a b" };
const seats = [
  { mac: "52:54:00:00:00:0A", names: ["web"] },
  { mac: "52:54:00:00:00:02", names: ["db", "data"] },
];
const wanted = (changes: Partial<WantedNetwork> = {}): WantedNetwork => {
  const name = `assay-net-${randomBytes(4).toString("hex")}`;
  return { name, labels, out: "none", domain: "a.internal", seats, ...changes };
};

describe.each(["virsh", "binding"] as const)("through %s", (through) => {
  let client: LibvirtClient;
  beforeAll(async () => {
    client = await openLibvirt({ uri: libvirt.uri, through });
  });
  afterEach(async () => {
    for (const { name } of await client.networks()) await client.destroyNetwork(name);
  });
  afterAll(() => client.close());

  test("a network, from its start to its end", async () => {
    const asked = wanted();
    const network = await startNetwork(client, asked);
    const prefix = network.gateway.replace(/1$/, "");
    expect(network).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      subnet: `${prefix}0/24`,
      gateway: `${prefix}1`,
      domain: "a.internal",
      bridge: expect.stringMatching(/^as[0-9a-f]{12}$/),
      addresses: new Map([
        ["52:54:00:00:00:0a", `${prefix}2`],
        ["52:54:00:00:00:02", `${prefix}3`],
      ]),
      names: new Map([
        ["web", `${prefix}2`],
        ["db", `${prefix}3`],
        ["data", `${prefix}3`],
      ]),
    });
    expect(await client.networks()).toEqual([{ name: asked.name, uuid: network.uuid, active: true }]);
    const xml = (await client.networkXml(asked.name)) ?? expect.fail("it is gone");
    expect(await labelsIn(xml)).toEqual(labels);
    expect(await addressesIn(xml)).toEqual(network.addresses);
    expect(await subnetsIn(xml)).toEqual([`${network.gateway}/24`]);
    expect(await client.networkXmls([network.uuid])).toEqual(
      new Map([[network.uuid, expect.stringContaining(asked.name)]]),
    );
    expect(await client.leases(asked.name)).toEqual([]);

    await expect(startNetwork(client, asked)).rejects.toMatchObject({ code: "name-taken", node: asked.name });

    await Promise.all([client.destroyNetwork(asked.name), client.destroyNetwork(asked.name)]);
    expect(await client.networks()).toEqual([]);
    expect(await client.networkXml(asked.name)).toBeUndefined();
  });

  test("who comes to a network that is up gets a place in it, and keeps it; who went has none", async () => {
    const asked = wanted();
    const { gateway } = await startNetwork(client, asked);
    const at = (place: number) => gateway.replace(/1$/, String(place));
    // Declared before those who sit there already: they stay where they are all the same.
    const more = [
      { mac: "52:54:00:00:00:03", names: ["new", "other"] },
      { names: ["box"] },
      ...seats,
      { mac: "52:54:00:00:00:04", address: at(77), names: ["fixed"] },
    ];
    const known = new Map([
      ["new", at(4)],
      ["other", at(4)],
      ["box", at(5)],
      ["web", at(2)],
      ["db", at(3)],
      ["data", at(3)],
      ["fixed", at(77)],
    ]);
    const joined = await joinNetwork(client, asked.name, more);
    expect(joined).toMatchObject({ gateway, domain: "a.internal", names: known });
    expect(await joinNetwork(client, asked.name, more)).toEqual(joined);
    const live = await liveNetworkIn((await client.networkXml(asked.name)) ?? expect.fail("it is gone"));
    expect(live.addresses).toEqual(joined.addresses);
    expect(live.names.get(at(4))).toEqual(["new", "other"]);

    const taken = joinNetwork(client, asked.name, [{ mac: "52:54:00:00:00:05", address: at(77), names: ["late"] }]);
    await expect(taken).rejects.toMatchObject({ code: "address-taken", seen: expect.stringContaining("late") });

    // Nobody has a card of it here: all reservations are of machines that are gone, and the container stays.
    await leaveNetwork(client, asked.name);
    await leaveNetwork(client, asked.name);
    const left = await liveNetworkIn((await client.networkXml(asked.name)) ?? expect.fail("it is gone"));
    expect([...left.addresses]).toEqual([]);
    expect([...left.names]).toEqual([[at(5), ["box"]]]);

    await client.destroyNetwork(asked.name);
    await leaveNetwork(client, asked.name);
    await expect(joinNetwork(client, asked.name, more)).rejects.toMatchObject({ code: "network-gone" });
  });

  test("a subnet that somebody took after the look is left to them, and the next one is taken", async () => {
    const asked = wanted();
    // Of this machine's routes nothing shows what lies in the daemon's namespace: as if it had come between look and call.
    const [first, second] = candidates(asked.name, routes());
    await startNetwork(client, wanted({ subnet: saySubnet(first ?? expect.fail()) }));
    expect((await startNetwork(client, asked)).subnet).toBe(saySubnet(second ?? expect.fail()));
  });

  test("a declared subnet is that one or none", async () => {
    const declared = wanted({ subnet: "10.77.0.0/16" });
    expect((await startNetwork(client, declared)).gateway).toBe("10.77.0.1");
    await expect(startNetwork(client, declared)).rejects.toMatchObject({ code: "name-taken" });
    const inside = wanted({ subnet: "10.77.3.0/24" });
    await expect(startNetwork(client, inside)).rejects.toMatchObject({
      code: "subnet-taken",
      node: inside.name,
      seen: expect.stringContaining("10.77.3.0/24"),
      hint: expect.stringContaining("another subnet"),
    });
    const tiny = wanted({ subnet: "10.78.0.0/30" });
    await expect(startNetwork(client, tiny)).rejects.toMatchObject({ code: "subnet-full", node: tiny.name });
    expect(await client.networks()).toHaveLength(1);
  });

  test("XML that is not in libvirt's language never gets there", async () => {
    await expect(client.createNetwork("<network><name>n</name><birdge/></network>")).rejects.toMatchObject({
      code: "bad-xml",
    });
  });
});

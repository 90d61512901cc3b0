// Decides how a network reads in libvirt's language, and what its bridge is called.
import { expect, test } from "vitest";
import { readSubnet } from "../model/subnet.ts";
import { bridgeName, type NetworkFacts, type NetworkSeat, networkXml } from "./libvirt-network.ts";
import { planAddresses } from "./libvirt-network-subnet.ts";
import { checkXml, whyUnchecked } from "./libvirt-schema.ts";
import { addressesIn, labelsIn } from "./libvirt-xml-read.ts";

const seats: readonly NetworkSeat[] = [
  { mac: "52:54:00:00:00:01", names: ["web"] },
  { mac: "52:54:00:00:00:02", names: ["db", "data.example"] },
  { mac: "52:54:00:00:00:03", names: [] },
];
function facts(changes: Partial<NetworkFacts> = {}): NetworkFacts {
  const subnet = readSubnet("10.3.4.0/24");
  const plan = planAddresses(subnet, seats) ?? expect.fail("no room");
  return {
    name: "net",
    labels: { a: "b" },
    bridge: bridgeName("net"),
    out: "nat",
    domain: "a.internal",
    subnet,
    plan,
    ...changes,
  };
}
const xml = (changes: Partial<NetworkFacts> = {}) => networkXml(facts(changes)).replaceAll(/\s*\n\s*/g, "");

test("is in libvirt's language, with and without machines", async ({ skip }) => {
  const why = whyUnchecked("network");
  if (why !== undefined) skip(why);
  const subnet = readSubnet("10.3.4.0/30");
  const nobody = planAddresses<NetworkSeat>(subnet, []) ?? expect.fail("no room");
  for (const changes of [{}, { out: "none" as const }, { out: "route" as const }, { subnet, plan: nobody }])
    expect(await checkXml("network", networkXml(facts(changes)))).toEqual({ checked: true });
});

test("labels and kept addresses come back out", async () => {
  expect(await labelsIn(networkXml(facts({ labels: { "dev.assay.owner": "<&\"'>" } })))).toEqual({
    "dev.assay.owner": "<&\"'>",
  });
  expect([...(await addressesIn(networkXml(facts()))).values()]).toEqual(["10.3.4.2", "10.3.4.3", "10.3.4.4"]);
});

test.each([
  ["out by NAT", {}, '<forward mode="nat"/>', true],
  ["no way out", { out: "none" }, "<forward", false],
  ["out with their own addresses", { out: "route" }, '<forward mode="route"/>', true],
  ["a bridge that lets cards speak at once", {}, 'stp="off" delay="0"', true],
  ["names without a dot stay here", {}, '<dns forwardPlainNames="no">', true],
  [
    "all names of a machine",
    {},
    '<host ip="10.3.4.3"><hostname>db</hostname><hostname>data.example</hostname></host>',
    true,
  ],
  ["the first is the host's", {}, '<host mac="52:54:00:00:00:02" name="db" ip="10.3.4.3"/>', true],
  ["one without a name has an address", {}, '<host mac="52:54:00:00:00:03" ip="10.3.4.4"/>', true],
  ["strangers are served", {}, '<range start="10.3.4.129" end="10.3.4.254"/>', true],
] satisfies readonly (readonly [string, Partial<NetworkFacts>, string, boolean])[])("%s", (_, changes, text, there) =>
  expect(xml(changes).includes(text)).toBe(there),
);

test("bridges: short enough for the kernel, one a network and attempt, the same each time", () => {
  const names = ["a", "b", "x".repeat(200)].flatMap((name) => [bridgeName(name), bridgeName(name, 1)]);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^as[0-9a-f]{12}$/);
  expect(bridgeName("a")).toBe(names[0]);
});

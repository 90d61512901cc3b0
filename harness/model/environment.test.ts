// Decides that an environment's names are all looked up, that nothing in it is claimed twice, and that no circle is in it.
import { describe, expect, test } from "vitest";
import { file } from "../checks/file.ts";
import { container, volume } from "./container.ts";
import { when } from "./edge.ts";
import {
  carrierOf,
  defineEnvironment,
  type Environment,
  networkNames,
  startOrder,
  startsAfter,
  withCounts,
} from "./environment.ts";
import { playbook } from "./playbook.ts";
import { expandedPlays } from "./plays.ts";
import { refusal } from "./testing/refusal.ts";
import { fromQcow2, vm } from "./vm.ts";

const node = (options: Partial<Parameters<typeof container>[0]> = {}) => container({ image: "soe", ...options });
const subnet = { subnet: "10.9.8.0/24" } as const;
const machine = (networks: string[]) =>
  vm({ image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }), networks });
const at = (address: string) => node({ networks: { lan: { address } } });

describe("an environment", () => {
  test("a network is of who is on it; machines' is shared by containers of this machine's", () => {
    const nodes = { dev: machine(["lan", "own"]), box: node({ networks: ["lan", "host"] }) };
    expect(["lan", "own", "host", "empty"].map((name) => carrierOf(name, nodes))).toEqual([
      { kind: "vm", shared: true },
      { kind: "vm", shared: false },
      { kind: "host" },
      { kind: "host" },
    ]);
  });

  test("is what was declared, with its place", () => {
    const one = defineEnvironment("one", {
      volumes: { data: {} },
      nodes: { a: node({ mounts: { "/d": volume("data") } }) },
    });
    expect(one).toMatchObject({ kind: "environment", name: "one", requires: [], networks: {} });
    expect(Object.keys(one.nodes)).toEqual(["a"]);
    expect(one.at).toMatch(/environment\.test\.ts:\d+:\d+$/);
  });

  test("its plays are for nodes and groups that it has, whatever their number", () => {
    const play = playbook("servers.yml", { context: "/srv" });
    const image = fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) });
    const dev = vm({ image, count: 1, name: (number) => `dev-${number}` });
    const forServers = (...servers: string[]) =>
      defineEnvironment("one", { nodes: { dev, desk: node() }, plays: [{ play, hosts: { servers, none: [] } }] });
    const hosts = (environment: Environment) => expandedPlays(environment).map((each) => each.hosts);
    expect(hosts(forServers("dev", "desk"))).toEqual([{ servers: ["dev-1", "desk"], none: [] }]);
    expect(hosts(withCounts(forServers("dev"), { dev: 2 }))).toEqual([{ servers: ["dev-1", "dev-2"], none: [] }]);
    const error = refusal(() => forServers("desc"));
    expect(error.message).toContain('playbook servers.yml: there is no node "desc"; did you mean "desk"?');
    expect(error.at).toMatch(/environment\.test\.ts:\d+:\d+$/);
    const badGroup = () =>
      defineEnvironment("one", { nodes: { desk: node() }, plays: [{ play, hosts: { "vfx-dev": ["desk"] } }] });
    expect(refusal(badGroup).message).toContain("not a name for a group");
  });

  test("fixed addresses and host ports that differ are well", () => {
    defineEnvironment("one", {
      networks: { lan: subnet, back: { subnet: "10.9.9.0/24" } },
      nodes: {
        a: node({
          networks: { lan: { address: "10.9.8.2" }, back: { address: "10.9.9.2" } },
          ports: [{ container: 80, host: 8080 }],
        }),
        b: node({
          networks: { lan: { address: "10.9.8.254" } },
          ports: [{ container: 80, host: 8080, protocol: "udp" }],
        }),
      },
    });
  });

  test("a host port is one of the machine whose engine runs the container", () => {
    const ports = [{ container: 80, host: 8080 }];
    const nodes = { dev: machine([]), test: machine([]), here: node({ ports }) };
    const one = defineEnvironment("one", {
      nodes: { ...nodes, a: node({ on: "dev", ports }), b: node({ on: "test", ports }) },
    });
    expect(Object.keys(one.nodes)).toEqual(["dev", "test", "here", "a", "b"]);
    const twice = () =>
      defineEnvironment("two", { nodes: { ...nodes, a: node({ on: "dev", ports }), b: node({ on: "dev", ports }) } });
    expect(refusal(twice).message).toContain("two/b: host port 127.0.0.1:8080/tcp is a's already");
  });
});

describe("refused", () => {
  test.each<[string, () => unknown, string, string]>([
    [
      "a bad name",
      () => defineEnvironment("My_env", { nodes: { a: node() } }),
      "bad-name",
      '"My_env" is not a name for an environment',
    ],
    [
      "a node's bad name",
      () => defineEnvironment("e", { nodes: { a_b: node() } }),
      "bad-name",
      '"a_b" is not a name for a node',
    ],
    [
      "a name that is too long",
      () => defineEnvironment("e".repeat(41), { nodes: { a: node() } }),
      "bad-name",
      "up to 40",
    ],
    [
      "a node called host",
      () => defineEnvironment("e", { nodes: { host: node() } }),
      "bad-name",
      "that is this machine",
    ],
    ["no node", () => defineEnvironment("e", { nodes: {} }), "empty-environment", "has no node"],
    [
      "an unknown network",
      () => defineEnvironment("e", { networks: { studio: {} }, nodes: { a: node({ networks: ["studo"] }) } }),
      "unknown-network",
      'e/a: there is no network "studo"; did you mean "studio"?',
    ],
    [
      "an unknown volume",
      () => defineEnvironment("e", { nodes: { a: node({ mounts: { "/d": volume("data") } }) } }),
      "unknown-volume",
      'there is no volume "data"; the environment has none',
    ],
    [
      "an option of a volume that would be two",
      () =>
        defineEnvironment("e", {
          volumes: { v: { nfs: { server: "nfs", path: "/srv", options: ["hard,addr=10.0.0.1"] } } },
          nodes: { a: node() },
        }),
      "bad-option",
      "expected one option of nfs(5)",
    ],
    [
      "an unknown node to wait for",
      () => defineEnvironment("e", { nodes: { a: node({ after: ["b"] }) } }),
      "unknown-node",
      'no node "b"',
    ],
    [
      "a condition of an unknown node",
      () => defineEnvironment("e", { nodes: { a: node({ after: [when("b", file("/x").exists())] }) } }),
      "unknown-node",
      'no node "b"',
    ],
    [
      "a condition that is no check",
      () => defineEnvironment("e", { nodes: { a: node({ after: [when("b", {} as never)] }) } }),
      "bad-option",
      "expected a check",
    ],
    [
      "an edge that is neither a name nor a condition",
      () => defineEnvironment("e", { nodes: { b: node(), a: node({ after: [{ node: "b" } as never] }) } }),
      "bad-option",
      'option "after.0.check": expected a check',
    ],
    [
      "volumes from an unknown node",
      () => defineEnvironment("e", { nodes: { a: node({ volumesFrom: ["b"] }) } }),
      "unknown-node",
      'no node "b"',
    ],
    [
      "a network of a machine's containers and of others",
      () =>
        defineEnvironment("e", {
          networks: { lan: {} },
          nodes: {
            dev: machine(["lan"]),
            inside: node({ on: "dev", networks: ["lan"] }),
            beside: node({ networks: ["lan"] }),
          },
        }),
      "two-engines",
      'network "lan" has dev and inside on it, which lie in different machines',
    ],
    [
      "a domain that is none",
      () => defineEnvironment("e", { networks: { lan: { domain: "a..b" } }, nodes: { a: node() } }),
      "bad-option",
      "expected a domain",
    ],
    [
      "a circle",
      () =>
        defineEnvironment("e", {
          nodes: { a: node({ after: ["b"] }), b: node({ volumesFrom: ["c"] }), c: node({ after: ["a"] }) },
        }),
      "circle",
      "nodes wait for each other: a → b → c → a",
    ],
    [
      "a node that waits for itself",
      () => defineEnvironment("e", { nodes: { a: node({ after: ["a"] }) } }),
      "circle",
      "a → a",
    ],
    [
      "a fixed address without a subnet",
      () => defineEnvironment("e", { networks: { lan: {} }, nodes: { a: at("10.9.8.7") } }),
      "bad-option",
      'a fixed address needs a subnet on network "lan"',
    ],
    ...["10.9.9.2", "10.9.8.0", "10.9.8.1", "10.9.8.255"].map((address): [string, () => unknown, string, string] => [
      `${address} in 10.9.8.0/24`,
      () => defineEnvironment("e", { networks: { lan: subnet }, nodes: { a: at(address) } }),
      "bad-address",
      `${address} is no address for a node in 10.9.8.0/24; the first one is the gateway's`,
    ]),
    [
      "an address twice",
      () => defineEnvironment("e", { networks: { lan: subnet }, nodes: { a: at("10.9.8.7"), b: at("10.9.8.7") } }),
      "claimed-twice",
      "e/b: address 10.9.8.7 is a's already",
    ],
    [
      "a host port twice",
      () =>
        defineEnvironment("e", {
          nodes: {
            a: node({ ports: [{ container: 80, host: 8080 }] }),
            b: node({ ports: [{ container: 81, host: 8080 }] }),
          },
        }),
      "claimed-twice",
      "host port 127.0.0.1:8080/tcp is a's already",
    ],
    [
      "a host port at one address and at all",
      () =>
        defineEnvironment("e", {
          nodes: {
            a: node({ ports: [{ container: 80, host: 8080 }] }),
            b: node({ ports: [{ container: 80, host: 8080, address: "0.0.0.0" }] }),
          },
        }),
      "claimed-twice",
      "host port 0.0.0.0:8080/tcp is a's already",
    ],
    [
      "a subnet that is none",
      () => defineEnvironment("e", { networks: { lan: { subnet: "10.9.8/24" } }, nodes: { a: node() } }),
      "bad-option",
      "networks.lan.subnet",
    ],
    [
      "two networks with addresses in common",
      () =>
        defineEnvironment("e", {
          networks: { lan: subnet, wide: { subnet: "10.9.0.0/16" } },
          nodes: { a: machine(["lan"]), b: node({ networks: ["wide"] }) },
        }),
      "overlapping-subnets",
      'e: networks "lan" (10.9.8.0/24) and "wide" (10.9.0.0/16) have addresses in common',
    ],
    [
      "a bridge of this machine's with a subnet of ours",
      () => defineEnvironment("e", { networks: { br: { ...subnet, bridge: "br0" } }, nodes: { a: machine(["br"]) } }),
      "bad-option",
      "a bridge of this machine's has its own addresses",
    ],
    [
      "a container on a bridge of this machine's",
      () =>
        defineEnvironment("e", {
          networks: { br: { bridge: "br0" } },
          nodes: { a: machine(["br"]), b: node({ networks: ["br"] }) },
        }),
      "bad-bridge",
      'network "br" is bridge br0, and not machines alone are on it',
    ],
    [
      "a fixed address on a bridge of this machine's",
      () =>
        defineEnvironment("e", {
          networks: { br: { bridge: "br0" } },
          nodes: {
            a: vm({
              image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }),
              networks: { br: { address: "10.9.8.7" } },
            }),
          },
        }),
      "bad-option",
      'addresses on network "br" are not ours to give',
    ],
    [
      "one MAC of two machines on a bridge of this machine's, which is two networks",
      () => {
        const guest = (network: string, mac: string) =>
          vm({ image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }), networks: { [network]: { mac } } });
        return defineEnvironment("e", {
          networks: { left: { bridge: "br0" }, right: { bridge: "br0" } },
          nodes: { a: guest("left", "02:00:00:00:00:0a"), b: guest("right", "02:00:00:00:00:0A") },
        });
      },
      "claimed-twice",
      "e/b: MAC 02:00:00:00:00:0A is a's already",
    ],
    [
      "ssh over a bridge of this machine's alone",
      () =>
        defineEnvironment("e", {
          networks: { br: { bridge: "br0" } },
          nodes: {
            a: vm({
              image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }),
              networks: ["br"],
              transport: "ssh",
            }),
          },
        }),
      "bad-option",
      "needs a network whose addresses are known beforehand",
    ],
    [
      "an internal network with a way out",
      () =>
        defineEnvironment("e", {
          networks: { lan: { internal: true, routed: true } },
          nodes: { a: machine(["lan"]) },
        }),
      "bad-option",
      "an internal network has no way out",
    ],
    [
      "a routed network without machines",
      () => defineEnvironment("e", { networks: { lan: { routed: true } }, nodes: { a: node({ networks: ["lan"] }) } }),
      "bad-option",
      'network "lan" is routed, and no machine is on it',
    ],
    [
      "an option that does not exist",
      () => defineEnvironment("e", { networks: { lan: { internl: true } as object }, nodes: { a: node() } }),
      "bad-option",
      'unknown option "networks.lan.internl", did you mean "internal"?',
    ],
    [
      "a node that is none",
      () => defineEnvironment("e", { nodes: { a: "soe" as never } }),
      "bad-option",
      "expected container(…)",
    ],
  ])("%s", (_, declare, code, message) => {
    const error = refusal(declare);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.at).toMatch(/environment\.test\.ts:\d+:\d+$/);
  });

  test("the compiler knows the nodes, and refuses what is none", () => {
    const one = defineEnvironment("one", { nodes: { soe: node() } });
    expect(one.nodes.soe.kind).toBe("container");
    // @ts-expect-error there is no such node
    expect(one.nodes.other).toBeUndefined();
    // @ts-expect-error a node is a declaration
    expect(refusal(() => defineEnvironment("two", { nodes: { a: { image: "soe" } } })).code).toBe("bad-option");
    // @ts-expect-error no such capability
    expect(refusal(() => defineEnvironment("two", { requires: ["moon"], nodes: { a: node() } })).code).toBe(
      "bad-option",
    );
  });
});

describe("order", () => {
  test("each node comes after those it waits for, else as declared", () => {
    const nodes = { web: node({ after: ["db"] }), log: node(), db: node({ volumesFrom: [{ node: "log" }] }) };
    expect(startOrder("e", nodes)).toEqual(["log", "db", "web"]);
    expect(startsAfter(nodes.db)).toEqual(["log"]);
  });

  test("networks in order of declaration, from a list or a record", () => {
    expect(networkNames(node({ networks: ["b", "a"] }))).toEqual(["b", "a"]);
    expect(networkNames(node({ networks: { b: {}, a: {} } }))).toEqual(["b", "a"]);
  });
});

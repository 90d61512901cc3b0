// Decides that networks, names and published ports are as declared, seen from inside, from neighbours and from the host.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode } from "../model/node.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";

/** A port of loopback that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const fixedPort = await freePort();
// From 100.64.0.0/10, the carriers' own: on no public network, and not among the engine's default pools.
const third = Math.floor(Math.random() * 256);
const subnet = (host: string) => `100.${100 + (third % 20)}.${third}.${host}`;

const serve = `
import socket, threading
def udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", 7000))
    while True:
        data, peer = s.recvfrom(100); s.sendto(b"udp " + data, peer)
threading.Thread(target=udp, daemon=True).start()
s = socket.socket(); s.bind(("0.0.0.0", 7001)); s.listen()
print("listening")
while True:
    peer, _ = s.accept(); peer.sendall(b"tcp"); peer.close()
`;

// Names that no neighbour has are asked of the outside, which need not answer.
const impatient = { dnsOptions: ["timeout:1", "attempts:1"] };

const environment = defineEnvironment("networks", {
  networks: { lan: { subnet: subnet("0/24") }, back: {}, sealed: { internal: true } },
  nodes: {
    fixed: container({
      image: soe,
      idle: true,
      networks: { lan: { aliases: ["store", "vault"], address: subnet("77") }, back: { aliases: ["behind"] } },
    }),
    asker: container({ image: soe, idle: true, networks: ["lan"], ...impatient }),
    apart: container({ image: soe, idle: true, networks: ["sealed"], ...impatient }),
    bridged: container({ image: soe, idle: true }),
    names: container({
      image: soe,
      idle: true,
      hostname: "milla.studio.example",
      dns: ["192.0.2.53", "2001:db8::53"],
      dnsSearch: ["studio.example", "example"],
      dnsOptions: ["ndots:3"],
      hosts: { "render-01": "192.0.2.7", six: "2001:db8::7", gateway: "host-gateway" },
    }),
    served: container({
      image: soe,
      entrypoint: ["python3", "-u", "-c"],
      command: [serve],
      ports: [
        7001,
        { container: 7000, protocol: "udp" },
        { container: 7002, host: fixedPort },
        { container: 7003, address: "0.0.0.0" },
      ],
      ready: { log: /listening/ },
    }),
  },
});

onEachEngine((engine) => {
  let stage: Stage;
  let staged: Staged<typeof environment>;
  let nodes: Staged<typeof environment>["nodes"];

  beforeAll(async () => {
    stage = await openStage(engine);
    staged = await stage.standUp(environment);
    nodes = staged.nodes;
  });
  afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

  const resolved = async (node: ContainerNode, name: string) =>
    (await node.succeed(["getent", "ahostsv4", name])).split(/\s/)[0];

  describe("networks", () => {
    test("a fixed address is the node's, and its address on the other network another one", async () => {
      expect(nodes.fixed.address("lan")).toBe(subnet("77"));
      const back = nodes.fixed.address("back");
      const inside = await nodes.fixed.succeed(["hostname", "-I"]);
      expect(inside.trim().split(/\s+/).sort()).toEqual([subnet("77"), back].sort());
    });

    test("neighbours find a node by its name and its aliases on their network", async () => {
      for (const name of ["fixed", "store", "vault"]) expect(await resolved(nodes.asker, name)).toBe(subnet("77"));
      await nodes.asker.succeed(["ping", "-c", "1", "-W", "5", "store"]);
    });

    test("an alias of another network is not known", async () => {
      expect((await nodes.asker.fail(["getent", "hosts", "behind"])).status).toBe(2);
      expect((await nodes.apart.fail(["getent", "hosts", "fixed"])).status).toBe(2);
    });

    test("internal: there is no way out", async () => {
      const gateway =
        /^default via (\S+)/.exec(await nodes.host.succeed(["ip", "route", "show", "default"]))?.[1] ?? "";
      const ping = ["ping", "-c", "1", "-W", "1", gateway] as const;
      // What lies beyond this machine need not answer; where it does, a network that is not internal reaches it.
      if ((await nodes.bridged.exec(ping)).status === 0) await nodes.asker.succeed(ping);
      await nodes.apart.fail(ping);
    });

    test("without networks, the engine's bridge", async () => {
      expect(Object.keys((await staged.inspect("bridged")).NetworkSettings.Networks)).toEqual([
        engine.engine === "podman" ? "podman" : "bridge",
      ]);
      expect(nodes.bridged.address()).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    });

    test("an address on a network it is not on is a declaration's error", () => {
      expect(() => nodes.asker.address("back")).toThrow(/no address on network "back"/);
    });

    test("networks of an environment are this run's, with its labels", async () => {
      const mine = (await stage.found()).filter(({ kind }) => kind === "network");
      expect(mine.map(({ name }) => name.split("net_").at(-1)).sort()).toEqual(["back", "lan", "sealed"]);
    });
  });

  describe("names", () => {
    test("hostname: whole, and in its parts", async () => {
      expect(await nodes.names.succeed(["cat", "/etc/hostname"])).toBe("milla.studio.example");
      expect(await nodes.names.succeed(["hostname", "-s"])).toBe("milla");
      expect(await resolved(nodes.names, "milla.studio.example")).toBe(nodes.names.address());
    });

    test("dns, dnsSearch and dnsOptions: in resolv.conf, in their order", async () => {
      expect((await nodes.names.succeed(["cat", "/etc/resolv.conf"])).split("\n")).toEqual(
        expect.arrayContaining([
          "nameserver 192.0.2.53",
          "nameserver 2001:db8::53",
          "search studio.example example",
          "options ndots:3",
        ]),
      );
    });

    test("hosts: of both families, and the host itself", async () => {
      const hosts = await nodes.names.succeed(["cat", "/etc/hosts"]);
      expect(hosts).toContain("192.0.2.7\trender-01\n");
      expect(hosts).toContain("2001:db8::7\tsix\n");
      expect(hosts).toMatch(/^\d+\.\d+\.\d+\.\d+\tgateway$/m);
    });
  });

  describe("ports", () => {
    test("a free port is chosen on loopback, and answers", async () => {
      const { host, port } = nodes.served.port(7001);
      expect(host).toBe("127.0.0.1");
      const socket = connect(port, host);
      const [answer] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      expect(answer.toString()).toBe("tcp");
    });

    test("udp too", async () => {
      const { host, port } = nodes.served.port(7000);
      const socket = createSocket("udp4");
      socket.send("ping", port, host);
      const [answer] = (await once(socket, "message")) as [Buffer];
      socket.close();
      expect(answer.toString()).toBe("udp ping");
    });

    test("a fixed port is that port, an address that address", () => {
      expect(nodes.served.port(7002)).toEqual({ host: "127.0.0.1", port: fixedPort });
      expect(nodes.served.port(7003).host).toBe("0.0.0.0");
    });

    test("a port that was not declared is a declaration's error that says what to add", () => {
      expect(() => nodes.served.port(9)).toThrow(/publishes no port 9; add 9 to its ports/);
      expect(() => nodes.bridged.port(7001)).toThrow(/publishes no port 7001/);
    });
  });
});

// Decides that machines and containers of this machine's meet on one network: they reach each other by name and address, both ways, and
// what one network keeps in, it keeps in for both.
import { Resolver } from "node:dns/promises";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { Node } from "../model/node.ts";
import { vm } from "../model/vm.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";

// From 100.64.0.0/10, the carriers' own: on no public network, and not among the engine's default pools.
const third = Math.floor(Math.random() * 256);
const subnet = (host: string) => `100.${80 + (third % 20)}.${third}.${host}`;

const environment = defineEnvironment("shared", {
  networks: { lan: { subnet: subnet("0/24"), domain: "studio.example" }, sealed: { internal: true } },
  nodes: {
    dev: vm({
      image: machine,
      networks: { lan: { address: subnet("41") }, sealed: {} },
    }),
    box: container({ image: soe, idle: true, networks: { lan: { aliases: ["store"] } } }),
    fixed: container({ image: soe, idle: true, networks: { lan: { address: subnet("77") } } }),
    apart: container({ image: soe, idle: true, networks: ["sealed"] }),
  },
});

let stage: Stage;
let nodes: Staged<typeof environment>["nodes"];
beforeAll(async () => {
  stage = await openStage();
  ({ nodes } = await stage.standUp(environment));
});
afterAll(async () => expect((await stage?.close())?.leaked).toEqual([]));

const resolved = async (node: Node, name: string) => (await node.succeed(["getent", "ahostsv4", name])).split(/\s/)[0];

describe("a network with machines and containers", () => {
  test("everybody has an address of their own: the declared one, or one of those that nobody declared", async () => {
    const all = { dev: nodes.dev.address("lan"), box: nodes.box.address("lan"), fixed: nodes.fixed.address("lan") };
    expect(all).toEqual({ dev: subnet("41"), box: subnet("2"), fixed: subnet("77") });
    expect(await nodes.box.succeed(["hostname", "-I"])).toContain(subnet("2"));
  });

  test("each finds the others by their names, and reaches them", async () => {
    for (const [from, to, name] of [
      [nodes.box, nodes.dev, "dev"],
      [nodes.dev, nodes.box, "box"],
      [nodes.dev, nodes.box, "store"],
      [nodes.box, nodes.fixed, "fixed"],
      [nodes.box, nodes.dev, "dev.studio.example"],
      [nodes.dev, nodes.fixed, "fixed.studio.example"],
    ] as const) {
      expect(await resolved(from, name), name).toBe(to.address("lan"));
      await from.succeed(["ping", "-c", "1", "-W", "10", name]);
    }
  });

  test("addresses have names", async () => {
    expect(await nodes.box.succeed(["getent", "hosts", nodes.dev.address("lan")])).toContain("dev");
    expect(await nodes.dev.succeed(["getent", "hosts", nodes.box.address("lan")])).toContain("box");
  });

  test("its name server, asked by the host, knows both kinds", async () => {
    const resolver = new Resolver();
    resolver.setServers([subnet("1")]);
    for (const [name, address] of [
      ["dev", subnet("41")],
      ["store", subnet("2")],
      ["fixed.studio.example", subnet("77")],
    ] as const)
      expect(await resolver.resolve4(name), name).toEqual([address]);
    expect(await resolver.reverse(subnet("41"))).toEqual(["dev.studio.example"]);
  });

  test("a sealed one has both kinds on it and no way out", async () => {
    expect(await resolved(nodes.apart, "dev")).toBe(nodes.dev.address("sealed"));
    await nodes.apart.succeed(["ping", "-c", "1", "-W", "10", "dev"]);
    await nodes.apart.fail(["ping", "-c", "1", "-W", "1", subnet("77")]);
  });

  test("a machine on a bridge that is there gets its address from whoever runs it, and leaves the bridge as it was", async () => {
    const route = await nodes.host.succeed(["ip", "-o", "-4", "route", "show", subnet("0/24")]);
    const bridge = /dev (\S+)/.exec(route)?.[1] ?? expect.fail(route);
    const office = (name: string, mac = "02:00:00:00:0b:01") =>
      defineEnvironment("office", {
        networks: { office: { bridge: name } },
        nodes: { guest: vm({ image: machine, networks: { office: { mac } } }) },
      });
    const other = await openStage();
    try {
      await expect(other.standUp(office("assay-none"))).rejects.toMatchObject({
        code: "no-bridge",
        seen: expect.stringContaining("this machine has no such interface"),
      });
      const [card] = (await nodes.dev.cards()).filter(({ network }) => network === "lan");
      await expect(other.standUp(office(bridge, card?.mac))).rejects.toMatchObject({
        code: "mac-taken",
        seen: `MAC ${card?.mac} is on bridge ${bridge} already: the machine at port ${card?.port} has it`,
      });
      const { nodes: beside } = await other.standUp(office(bridge));
      const address = beside.guest.address("office");
      // Nobody's seat: of the range for strangers.
      expect(address).toMatch(new RegExp(`^${subnet("").replaceAll(".", "\\.")}(1[2-9]\\d|2\\d\\d)$`));
      await nodes.box.succeed(["ping", "-c", "1", "-W", "10", address]);
      expect(await beside.guest.succeed(["hostname", "-I"])).toContain(address);
    } finally {
      expect((await other.close()).leaked).toEqual([]);
    }
    expect(existsSync(`/sys/class/net/${bridge}`)).toBe(true);
    await nodes.box.succeed(["ping", "-c", "1", "-W", "10", "dev"]);
  });

  test("each kind's part of it is this run's, by its labels; the bridge goes with them", async () => {
    const mine = (await stage.found()).filter(({ kind }) => kind === "network");
    expect(mine.map(({ driver, name }) => `${driver} ${name.split("-").at(-1)}`).sort()).toEqual([
      "docker lan_lan",
      "docker lan_sealed",
      "libvirt net_lan",
      "libvirt net_sealed",
    ]);
    const route = await nodes.host.succeed(["ip", "-o", "-4", "route", "show", subnet("0/24")]);
    const bridge = /dev (\S+)/.exec(route)?.[1] ?? expect.fail(route);
    expect(existsSync(`/sys/class/net/${bridge}`)).toBe(true);
    expect((await stage.close()).leaked).toEqual([]);
    expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
  });
});

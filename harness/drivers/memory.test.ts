// Decides that the engine in memory is a driver like any other, and that its faults are what they say.
import { describe, expect, test } from "vitest";
import { container, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { driverContract } from "./contract.ts";
import type { Standing } from "./driver.ts";
import { MemoryDriver } from "./memory.ts";
import { MemoryEngine } from "./memory-engine.ts";

const environment = defineEnvironment("pair", {
  networks: { lan: {} },
  volumes: { data: {} },
  nodes: {
    client: container({ image: "none", networks: ["lan"], after: ["server"] }),
    server: container({ image: "none", networks: ["lan"], mounts: { "/data": volume("data") } }),
  },
});
const standing: Standing = {
  owner: { run: "r1", identity: "host boot 1 1 1" },
  environment,
  scope: "s1",
  directory: "/nowhere",
  images: new Map(),
};

driverContract("memory", async () => ({ driver: new MemoryDriver(), environment, directory: "/nowhere" }));

describe("a memory engine", () => {
  const standUp = async (driver: MemoryDriver) => {
    for (const resource of driver.plan(standing)) await driver.create(resource, standing, () => {});
  };
  const names = async (driver: MemoryDriver) => (await driver.find("r1")).map(({ name }) => name);

  test("nodes start after what they wait for, and commands are answered by the function", async () => {
    const driver = new MemoryDriver({
      answer: (command, { user }, node) => ({ stdout: `${node} ${user} ${String(command)}\n` }),
    });
    expect(driver.plan(standing).map(({ name }) => name)).toEqual([
      "assay-r1-s1-pair-network-lan",
      "assay-r1-s1-pair-volume-data",
      "assay-r1-s1-pair-server",
      "assay-r1-s1-pair-client",
    ]);
    await standUp(driver);
    const [, , server] = driver.plan(standing);
    if (server === undefined) expect.fail("no server is planned");
    const node = (await driver.connect(server, standing)).as("1000");
    expect(await node.succeed(["id", "-u"])).toBe("server 1000 id,-u");
    expect(String((await driver.evidence(server))[0]?.content)).toContain("id -u");
  });

  test("a refused create leaves nothing, a lost answer leaves the resource, a late one appears later", async () => {
    for (const [faults, left] of [
      [{ failCreate: 2 }, 1],
      [{ loseAnswer: 2 }, 2],
    ] as const) {
      const driver = new MemoryDriver({ engine: new MemoryEngine(faults) });
      await expect(standUp(driver)).rejects.toMatchObject({ name: "ProvisionError" });
      expect(await names(driver)).toHaveLength(left);
    }
    const engine = new MemoryEngine({ appearLate: { create: 1, ms: 5 } });
    const driver = new MemoryDriver({ engine });
    await expect(standUp(driver)).rejects.toMatchObject({ code: "answer-lost" });
    expect(await names(driver)).toEqual([]);
    await engine.landed();
    expect(await names(driver)).toHaveLength(1);
  });

  test("what is in use cannot be removed", async () => {
    const driver = new MemoryDriver();
    await standUp(driver);
    const [network] = driver.plan(standing);
    if (network === undefined) expect.fail("no network is planned");
    await expect(driver.destroy(network)).rejects.toThrow("in use by assay-r1-s1-pair-server, assay-r1-s1-pair-client");
  });

  test("a node that dies is told at once, with its status", async () => {
    const driver = new MemoryDriver({ engine: new MemoryEngine({ dieAtStart: { node: "server", status: 3 } }) });
    await standUp(driver);
    const [, , server] = driver.plan(standing);
    if (server === undefined) expect.fail("no server is planned");
    await expect(driver.connect(server, standing)).rejects.toThrow("ready pair/server: it ended with status 3");
  });
});

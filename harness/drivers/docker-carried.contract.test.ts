// The way to an engine by a program's streams, tried where an engine is: this machine stands in the place of one that carries it.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { file } from "../checks/file.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { container, scratch } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import { identityOf } from "../model/identity.ts";
import type { ContainerNode } from "../model/node.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { Store } from "../store/store.ts";
import { openDockerDriver } from "./by-kind.ts";
import { CarriedDriver } from "./docker-carried.ts";
import { imagesOn } from "./docker-names.ts";
import type { PlannedResource, Standing } from "./driver.ts";
import { hostNode } from "./shell-node.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-carried-"));
const carrier = hostNode();
const driver = new CarriedDriver();
let standing: Standing;
let plan: readonly PlannedResource[];
let node: ContainerNode;

beforeAll(async () => {
  const config = readConfig();
  const host = await openDockerDriver({ dockerHost: config.dockerHost, scratch: directory });
  const { image } = await new Store({ directory: config.store, environment: proxies() }).build(soe, {
    source: host.images,
  });
  await host.load(image);
  await host.close();
  const environment = defineEnvironment("carried", {
    networks: { inside: {} },
    nodes: {
      machine: vm({ image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }) }),
      box: container({
        on: "machine",
        image: soe,
        idle: true,
        networks: ["inside"],
        mounts: { "/data": scratch({ owner: { uid: 184, gid: 998 }, mode: 0o750 }) },
      }),
    },
  });
  standing = {
    owner: { run: `carried${process.pid}`, identity: identityOf() },
    environment,
    scope: "s1",
    directory: join(directory, "s1"),
    images: new Map([[image.tag, image]]),
    nodes: new Map([["machine", carrier]]),
  };
  plan = driver.plan(standing);
  for (const resource of plan) {
    await driver.create(resource, standing, () => undefined);
    if (resource.node !== undefined && resource.kind !== "directory") await driver.start(resource, standing);
  }
  const last = plan.at(-1) ?? expect.fail("an empty plan");
  node = (await driver.connect(last, standing)) as ContainerNode;
});

afterAll(async () => {
  for (const resource of [...plan].reverse()) await driver.destroy(resource);
  await driver.close();
  await carrier.close();
  rmSync(directory, { recursive: true, force: true });
});

test("all that a machine carries needs that machine, and says that it goes with it", () => {
  expect(plan.map(({ kind }) => kind)).toEqual(["network", "directory", "container"]);
  for (const each of plan) {
    expect(each).toMatchObject({ driver: "carried", carriedBy: "machine" });
    expect(each.needs).toContain(`assay-${standing.owner.run}-s1-carried-machine`);
  }
  expect(imagesOn(standing, "machine").map(({ tag }) => tag)).toEqual(["vfx-studio-soe:0.1.0"]);
  expect(imagesOn(standing, "other")).toEqual([]);
});

test("a container there is a node like any other, carried by its machine", async () => {
  expect(node.carrier).toBe(carrier);
  await node.as("184:998").succeed(["touch", "/data/made"]);
  const source = node.mountSource("/data");
  expect(existsSync(join(source, "made"))).toBe(true);
  await file(`${source}/made`).ownedBy(184, 998).observe(node.carrier);
  expect((await carrier.succeed(["stat", "-c", "%u:%g", `${source}/made`])).trim()).toBe("184:998");
  expect(await node.succeed(["cat"], { stdin: "through\n" })).toBe("through");
  // Both ways at a time, more than lies between: who passed on one way and then the other would wait for ever.
  const much = Buffer.alloc(8_000_000, "0123456789");
  expect((await node.exec(["cat"], { stdin: much })).stdoutBytes.equals(much)).toBe(true);
  const many = await Promise.all(Array.from({ length: 12 }, (_, n) => node.succeed(shell(`sleep 0.1; echo ${n}`))));
  expect(many).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
});

test("who lets go of it hears no more of it, and it is there for who connects again", async () => {
  const last = plan.at(-1) ?? expect.fail("an empty plan");
  await driver.letGo(last);
  await expect(node.exec(["true"])).rejects.toMatchObject({ name: "TransportError", code: "closed" });
  node = (await driver.connect(last, standing)) as ContainerNode;
  expect(await node.succeed(["echo", "there"])).toBe("there");
});

test("its death is heard, and its evidence can be had", async () => {
  const files = await driver.evidence(plan.at(-1) ?? expect.fail("an empty plan"));
  expect(files.map(({ title }) => title)).toEqual(["log", "inspect"]);
  // The container may be gone before the command has answered.
  await node.exec(["kill", "-TERM", "1"]).catch(() => undefined);
  expect(await node.died).toMatchObject({ status: 0, oomKilled: false });
});

test("without its machine nothing is created", async () => {
  const alone = { ...standing, nodes: new Map() };
  await expect(driver.create(plan[0] as PlannedResource, alone, () => undefined)).rejects.toMatchObject({
    code: "no-carrier",
  });
});

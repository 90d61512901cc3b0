// Decides that a machine which cannot be asked for a path has not said that there is none.
import { expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { carriedDirectories } from "./docker-scratch.ts";
import type { Standing } from "./driver.ts";
import { MemoryDriver } from "./memory.ts";

const standing: Standing = {
  owner: { run: "r1", identity: "host boot 1 1 1" },
  environment: defineEnvironment("far", { nodes: { box: container({ image: "none" }) } }),
  scope: "s1",
  directory: "/nowhere",
  images: new Map(),
};

test("whether a path is there, by test(1)'s status", async () => {
  const statuses: Record<string, number> = { "/there": 0, "/gone": 1, "/untold": 127 };
  const driver = new MemoryDriver({
    answer: (command) => ({ status: statuses["shell" in command ? "" : (command.at(-1) ?? "")] ?? 2 }),
  });
  const [box] = driver.plan(standing);
  if (box === undefined) expect.fail("nothing is planned");
  await driver.create(box, standing, () => undefined);
  const { has } = carriedDirectories(await driver.connect(box, standing));
  expect([await has("/there"), await has("/gone")]).toEqual([true, false]);
  await expect(has("/untold")).rejects.toThrow("/untold on far/box: test ended with status 127");
  await driver.close();
});

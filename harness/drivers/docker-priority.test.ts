// Decides who goes first while an environment comes up.
import { expect, test } from "vitest";
import { container, defineEnvironment, file, when } from "../index.ts";
import { goingFirst, isWaitedFor } from "./docker-priority.ts";

test("whom others are started after, for whatever reason, and nobody else", () => {
  const box = container({ image: "x" });
  const environment = defineEnvironment("stack", {
    nodes: {
      log: box,
      database: box,
      volumes: box,
      network: box,
      worker: container({
        image: "x",
        after: ["log", when("database", file("/made").exists())],
        volumesFrom: ["volumes"],
      }),
      beside: container({ image: "x", networkFrom: "network" }),
    },
  });
  const first = Object.keys(environment.nodes).filter((node) => isWaitedFor({ environment }, node));
  expect(first.sort()).toEqual(["database", "log", "network", "volumes"]);
});

test("what else is asked of the engine stays", () => {
  expect(goingFirst({ Image: "x", HostConfig: { Memory: 5 } })).toEqual({
    Image: "x",
    HostConfig: { Memory: 5, CpuShares: 8192 },
  });
});

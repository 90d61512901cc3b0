// Decides which part of an environment stands for a change, and that a change of a declaration leaves the environment itself as it is.
import { expect, test } from "vitest";
import { container, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment, type Environment } from "../model/environment.ts";
import { ofDeclaration, partOf } from "./environments.ts";
import type { Observation } from "./mutation.ts";

const idle = { image: "box:1", idle: true } as const;
const studio = defineEnvironment("studio", {
  volumes: { films: {} },
  nodes: {
    writer: container({ ...idle, mounts: { "/films": volume("films"), "/cache": tmpfs() } }),
    reader: container({ ...idle, volumesFrom: [{ node: "writer", readOnly: true }] }),
    later: container({ ...idle, after: ["reader"] }),
    web: container({ image: "web:1", ready: { port: 80, within: "1m" } }),
  },
});

const namesOf = (part: Environment | undefined) => (part === undefined ? undefined : Object.keys(part.nodes));

test("a part has what its nodes need, in the declared order", () => {
  expect(namesOf(partOf(studio, ["writer"]))).toEqual(["writer"]);
  expect(namesOf(partOf(studio, ["later", "host"]))).toEqual(["writer", "reader", "later"]);
  expect(partOf(studio, ["later", "web"])).toBeUndefined();
});

test("with addresses of others nothing is left out", async () => {
  const { addressOf } = await import("../model/address-text.ts");
  const nodes = { ...studio.nodes, asker: container({ ...idle, env: { SERVER: addressOf("web") } }) };
  expect(partOf(defineEnvironment("addressed", { volumes: { films: {} }, nodes }), ["writer"])).toBeUndefined();
});

test("a read-only storage is opened, a program is not started, and nothing waits for long", () => {
  const seen = (node: string): Observation => ({
    key: node,
    node,
    of: "container",
    probe: "address",
    subject: undefined,
    facets: new Set(),
    titles: [],
  });
  const changed = (node: "reader" | "web", id: string) => {
    const mutation = ofDeclaration(node, studio.nodes[node], [seen(node)]).find((each) => each.id === `${node}: ${id}`);
    if (mutation?.change.way !== "declaration") throw new Error(`there is no change "${id}"`);
    return (mutation.change.change(studio) as typeof studio).nodes;
  };
  expect(changed("reader", "let it write to the storage of writer").reader.volumesFrom).toEqual([
    { node: "writer", readOnly: false },
  ]);
  expect(changed("reader", "cut the storage of writer").reader.volumesFrom).toEqual([]);
  const { web } = changed("web", "do not start its program");
  expect([web.idle, web.ready]).toEqual([true, { within: 5_000 }]);
  expect(studio.nodes.web.idle).toBeUndefined();
  expect(changed("reader", "cut the storage of writer").web.ready.within).toBe(5_000);
});

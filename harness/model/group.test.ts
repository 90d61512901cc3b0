// Several machines declared as one: their names and numbers, what each has of its own, and what is refused.
import { describe, expect, expectTypeOf, test } from "vitest";
import { file } from "../checks/file.ts";
import { container } from "./container.ts";
import { when } from "./edge.ts";
import { defineEnvironment, type NodeOf, withCounts } from "./environment.ts";
import { DeclarationError } from "./errors.ts";
import type { VmNode } from "./node.ts";
import { fromQcow2, vm } from "./vm.ts";

const image = fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) });
const pad = (number: number) => String(number).padStart(3, "0");
const name = (number: number) => `vfx-dev-${pad(number)}`;
const dev = (count: number) =>
  vm({
    image,
    count,
    name,
    hostname: (number) => `dev-${pad(number)}.studio.example`,
    networks: { lan: { mac: (number) => `02:00:00:00:00:0${number}`, address: (number) => `172.16.0.10${number}` } },
  });
const networks = { lan: { subnet: "172.16.0.0/24" } };
const studio = (count: number) =>
  defineEnvironment("studio", {
    networks,
    nodes: {
      store: vm({ image, networks: ["lan"] }),
      dev: dev(count),
      late: container({ image: "x", after: [when("dev", file("/made").exists()), "store"] }),
    },
  });

const refusal = (declare: () => unknown): DeclarationError => {
  try {
    declare();
  } catch (error) {
    if (error instanceof DeclarationError) return error;
  }
  return expect.fail("it was not refused");
};

describe("a group of machines", () => {
  test("is a machine for each number, from 1, each with its own name, MAC and address", () => {
    const { nodes, groups, declared } = studio(2);
    expect(Object.keys(nodes)).toEqual(["store", "vfx-dev-001", "vfx-dev-002", "late"]);
    expect(groups).toEqual({ dev: ["vfx-dev-001", "vfx-dev-002"] });
    expect(declared.dev.kind).toBe("vms");
    const wide: Readonly<Record<string, unknown>> = nodes;
    expect(wide["vfx-dev-002"]).toMatchObject({
      kind: "vm",
      hostname: "dev-002.studio.example",
      networks: { lan: { mac: "02:00:00:00:00:02", address: "172.16.0.102" } },
    });
  });

  test("a test has an array of its nodes, and each other node by itself", () => {
    type Nodes = ReturnType<typeof studio>["declared"];
    expectTypeOf<NodeOf<Nodes["dev"]>>().toEqualTypeOf<readonly VmNode[]>();
    expectTypeOf<NodeOf<Nodes["store"]>>().toEqualTypeOf<VmNode>();
  });

  test("who waits for it waits for each", () => {
    expect(studio(2).nodes.late.after).toEqual(["vfx-dev-001", "vfx-dev-002", "store"]);
    expect(studio(2).nodes.late.awaits.map(({ node, check }) => [node, check.title])).toEqual([
      ["vfx-dev-001", "file /made exists"],
      ["vfx-dev-002", "file /made exists"],
    ]);
  });

  test("has another number of machines, and the rest stays", () => {
    const two = studio(2);
    const more = withCounts(two, { dev: 3 });
    expect(Object.keys(more.nodes)).toEqual(["store", "vfx-dev-001", "vfx-dev-002", "vfx-dev-003", "late"]);
    expect(JSON.stringify(more.nodes["vfx-dev-001"])).toBe(
      JSON.stringify(Object.entries(two.nodes).find(([each]) => each === "vfx-dev-001")?.[1]),
    );
    expect(withCounts(more, { dev: 0 }).groups).toEqual({ dev: [] });
    expect(Object.keys(two.nodes)).toHaveLength(4);
  });

  test.each([
    ["half a machine", () => dev(1.5), "bad-option", "count"],
    ["fewer than none", () => withCounts(studio(1), { dev: -1 }), "bad-option", "count"],
    ["a count without names", () => vm({ image, count: 2 } as never), "bad-option", "name"],
    ["names without a count", () => vm({ image, name } as never), "bad-option", "count"],
    ["a group that is none", () => withCounts(studio(1), { dve: 2 }), "unknown-group", 'did you mean "dev"?'],
    ["a count of one machine", () => withCounts(studio(1), { store: 2 }), "unknown-group", 'no group "store"'],
    [
      "one name for all",
      () => defineEnvironment("e", { nodes: { dev: vm({ image, count: 2, name: () => "dev-1" }) } }),
      "name-twice",
      'two nodes are called "dev-1"',
    ],
    [
      "a name that another node has",
      () => defineEnvironment("e", { nodes: { a: vm({ image }), dev: vm({ image, count: 1, name: () => "a" }) } }),
      "name-twice",
      'two nodes are called "a"',
    ],
    [
      "one MAC for all",
      () =>
        defineEnvironment("e", {
          networks,
          nodes: { dev: vm({ image, count: 2, name, networks: { lan: { mac: "02:00:00:00:00:01" } } }) },
        }),
      "claimed-twice",
      "MAC 02:00:00:00:00:01 is vfx-dev-001's already",
    ],
    [
      "a vendor's MAC",
      () => vm({ image, networks: { lan: { mac: "00:1b:21:00:00:01" } } }),
      "bad-option",
      "use a locally administered one",
    ],
    [
      "a number too many for its address",
      () =>
        defineEnvironment("e", {
          networks,
          nodes: { dev: vm({ image, count: 3, name, networks: { lan: { address: (n) => `172.16.0.${252 + n}` } } }) },
        }),
      "bad-address",
      "e/vfx-dev-003: 172.16.0.255 is no address",
    ],
  ])("%s is refused, with file and line", (_, declare, code, message) => {
    const error = refusal(declare);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.at).toMatch(/group\.test\.ts:\d+:\d+$/);
  });
});

import { describe, expect, test } from "vitest";
import { defineEnvironment, type EnvironmentOptions, type NodeDeclaration } from "../model/environment.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import type { Standing } from "./driver.ts";
import { filesIn, macOf, planOf, seatsOn, socketsFit, uuidOf } from "./libvirt-names.ts";

const image = fromQcow2("/images/any.qcow2", { sha256: "0".repeat(64) });
const standing = (options: EnvironmentOptions<Record<string, NodeDeclaration>>, run = "r1"): Standing => ({
  owner: { run, identity: "host" },
  environment: defineEnvironment("env", options),
  scope: "s1",
  directory: `/scratch/${run}/s1`,
  images: new Map(),
  nodes: new Map(),
});
const pair = (run?: string) =>
  standing(
    {
      networks: { lan: {}, quiet: {} },
      nodes: {
        b: vm({ image, networks: ["lan"], after: ["a"] }),
        a: vm({ image, hostname: "alpha", networks: { lan: { mac: "02:00:00:00:00:0A" }, quiet: {} } }),
      },
    },
    run,
  );

describe("the plan of an environment's machines", () => {
  test("networks first; then each machine's directory and domain, each after what it needs", () => {
    const plan = planOf(pair());
    expect(plan.map(({ kind, node }) => `${kind} ${node ?? ""}`.trim())).toEqual([
      "network",
      "network",
      "directory a",
      "domain a",
      "directory b",
      "domain b",
    ]);
    expect(plan.at(-1)?.needs).toEqual(["/scratch/r1/s1/b", "assay-r1-s1-env-net_lan", "assay-r1-s1-env-a"]);
  });

  test("all of a machine's files lie in its directory", () => {
    const files = filesIn("/scratch/r1/s1/a");
    for (const [name, path] of Object.entries(files))
      expect(typeof path === "function" ? path("x") : path, name).toMatch(/^\/scratch\/r1\/s1\/a/);
  });
});

describe("names that follow from names", () => {
  test("a UUID is the same each time, another for another machine, and well formed", () => {
    expect(uuidOf("assay-r1-s1-env-a")).toBe(uuidOf("assay-r1-s1-env-a"));
    expect(uuidOf("assay-r1-s1-env-a")).not.toBe(uuidOf("assay-r2-s1-env-a"));
    expect(uuidOf("x")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("a MAC address is the declared one, in lower case, else one in QEMU's range that no other run has", () => {
    expect(macOf(pair(), "a", "lan")).toBe("02:00:00:00:00:0a");
    expect(macOf(pair(), "b", "lan")).toMatch(/^52:54:00(:[0-9a-f]{2}){3}$/);
    expect(macOf(pair(), "b", "lan")).toBe(macOf(pair(), "b", "lan"));
    expect(macOf(pair("r2"), "b", "lan")).not.toBe(macOf(pair(), "b", "lan"));
  });

  test("seats are in the order of declaration; the host's name comes before the node's", () => {
    expect(seatsOn(pair(), "lan").map(({ names }) => names)).toEqual([["b"], ["alpha", "a"]]);
    expect(seatsOn(pair(), "quiet")).toHaveLength(1);
  });
});

test("a socket whose path is too long is refused before anything is made, with its length", () => {
  const long = `/${"x".repeat(107)}`;
  expect(() => socketsFit("env/a", ["/short", long])).toThrow(/108 bytes.*at most 107/);
  expect(() => socketsFit("env/a", [long.slice(0, 107)])).not.toThrow();
});

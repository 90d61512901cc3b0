// Decides what is planned for an environment, in which order, and what each thing waits for.
import { describe, expect, test } from "vitest";
import { container, scratch, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { canJoin } from "./docker-join.ts";
import { planOf, scratchPath } from "./docker-names.ts";
import type { Standing } from "./driver.ts";
import { labelsOf, ownerOf } from "./names.ts";

const standing: Standing = {
  owner: { run: "r1", identity: "host boot ns 1 2" },
  environment: defineEnvironment("env", {
    networks: { lan: {}, unused: {} },
    volumes: { data: {} },
    nodes: {
      client: container({ image: "x", networks: ["lan"], after: ["server"], mounts: { "/in/put": scratch() } }),
      server: container({ image: "x", networks: ["lan"], mounts: { "/data": volume("data") } }),
      heir: container({ image: "x", volumesFrom: ["server"] }),
    },
  }),
  scope: "s1",
  directory: "/scratch/r1/s1",
  images: new Map(),
};
const plan = planOf(standing);

describe("the plan", () => {
  test("what nodes share comes first, then each node after those it waits for", () => {
    expect(plan.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "network assay-r1-s1-env-net_lan",
      "network assay-r1-s1-env-net_unused",
      "volume assay-r1-s1-env-vol_data",
      "directory /scratch/r1/s1/client/in%2Fput",
      "container assay-r1-s1-env-server",
      "container assay-r1-s1-env-client",
      "container assay-r1-s1-env-heir",
    ]);
  });

  test("each thing names what it needs, and nothing that comes later", () => {
    const needs = Object.fromEntries(plan.map(({ name, needs: each }) => [name, each]));
    expect(needs["assay-r1-s1-env-net_lan"]).toEqual([]);
    expect(needs["assay-r1-s1-env-server"]).toEqual(["assay-r1-s1-env-net_lan", "assay-r1-s1-env-vol_data"]);
    expect(needs["assay-r1-s1-env-client"]).toEqual([
      "assay-r1-s1-env-net_lan",
      "assay-r1-s1-env-server",
      "/scratch/r1/s1/client/in%2Fput",
    ]);
    expect(needs["assay-r1-s1-env-heir"]).toEqual(["assay-r1-s1-env-server"]);
    const order = plan.map(({ name }) => name);
    for (const [index, each] of plan.entries())
      for (const need of each.needs) expect(order.indexOf(need)).toBeLessThan(index);
  });

  test("containers and directories know their node", () => {
    expect(plan.map(({ node }) => node)).toEqual([
      undefined,
      undefined,
      undefined,
      "client",
      "server",
      "client",
      "heir",
    ]);
  });

  test("another scope or run shares no name with it", () => {
    for (const other of [
      { ...standing, scope: "s2", directory: "/scratch/r1/s2" },
      { ...standing, owner: { ...standing.owner, run: "r2" }, directory: "/scratch/r2/s1" },
    ]) {
      const names = planOf(other).map(({ name }) => name);
      expect(plan.filter(({ name }) => names.includes(name))).toEqual([]);
    }
  });
});

test("mounts and nodes whose names run together have directories of their own", () => {
  const paths = [
    ["a", "/b/c"],
    ["a", "/b-c"],
    ["a-b", "/c"],
    ["a", "/b%2Fc"],
  ] as const;
  expect(new Set(paths.map(([node, target]) => scratchPath(standing, node, target))).size).toBe(paths.length);
});

test("a node that is called as a network's part of a name would be is not taken for it", () => {
  const environment = defineEnvironment("env", {
    networks: { lan: {} },
    nodes: { "net-lan": container({ image: "x", networks: ["lan"] }) },
  });
  const names = planOf({ ...standing, environment }).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("labels carry the owner there and back, and the node where there is one", () => {
  expect(ownerOf(labelsOf(standing, "server"))).toEqual(standing.owner);
  const kept = { ...standing, owner: { ...standing.owner, ledger: "/var/lib/assay/ledger.db" } };
  expect(ownerOf(labelsOf(kept))).toEqual(kept.owner);
  expect(labelsOf(standing)).not.toHaveProperty("dev.assay.node");
  expect(ownerOf({})).toEqual({ run: "", identity: "" });
});

describe("a network that machines are on too", () => {
  const image = fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) });
  const shared: Standing = {
    ...standing,
    environment: defineEnvironment("env", {
      networks: { lan: {}, own: {} },
      nodes: { dev: vm({ image, networks: ["lan", "own"] }), box: container({ image: "x", networks: ["lan"] }) },
    }),
  };

  test("is joined under a name of the engine's own, once libvirt has made it", () => {
    expect(planOf(shared).map(({ name, needs }) => [name, needs])).toEqual([
      ["assay-r1-s1-env-lan_lan", ["assay-r1-s1-env-net_lan"]],
      ["assay-r1-s1-env-box", ["assay-r1-s1-env-lan_lan"]],
    ]);
  });

  test.each([
    ["podman", true, "podman joins no bridge"],
    ["docker", false, "the containers' engine is on another machine"],
  ])("cannot be joined by %s, here: %s", (kind, here, why) => {
    expect(() => canJoin(shared, { kind, here })).toThrow(why);
    expect(() => canJoin(standing, { kind, here })).not.toThrow();
  });

  test("is joined by this machine's docker", () => {
    expect(() => canJoin(shared, { kind: "docker", here: true })).not.toThrow();
  });
});

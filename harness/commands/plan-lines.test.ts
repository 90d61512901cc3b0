// Decides how a plan reads, and that what goes is told by the names that were declared.
import { expect, test } from "vitest";
import { goesWith, planLines } from "./plan-lines.ts";

test("a line a change, its sign first, then what it comes to", () => {
  const lines = planLines("studio", {
    changes: [
      { action: "create", kind: "vm", name: "dev-003", because: [] },
      { action: "destroy", kind: "vm", name: "dev-005", because: [] },
      { action: "replace", kind: "vm", name: "server", because: ["memory 512m → 1g", "vcpus 1 → 2\nforged"] },
    ],
    unchanged: 2,
  });
  expect(lines).toEqual([
    "studio:",
    "  + vm dev-003",
    "  - vm dev-005",
    "-/+ vm server  memory 512m → 1g; vcpus 1 → 2 ⏎ forged",
    "    2 unchanged",
    "plan: 1 to create, 1 to replace, 1 to destroy",
  ]);
  expect(planLines("studio", { changes: [], unchanged: 0 })).toEqual([
    "studio:",
    "plan: 0 to create, 0 to replace, 0 to destroy",
  ]);
});

test("networks and volumes go by their declared names, one that two engines have a part of once; directories are nobody's concern", () => {
  const at = "assay-tou1-up-studio";
  const { changes } = goesWith("tou1", [
    {
      environment: "studio",
      scope: "up",
      nodes: [{ node: "dev", kind: "vm", name: `${at}-dev` }],
      resources: [
        ...[`network ${at}-net_lan`, `network ${at}-lan_lan`, `network ${at}-back`, `volume ${at}-vol_data`],
        ...[`domain ${at}-dev`, "directory /var/lib/assay/scratch/tou1/up/dev"],
      ],
    },
  ]);
  expect(changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`)).toEqual([
    "destroy network lan",
    "destroy network back",
    "destroy volume data",
    "destroy vm dev",
  ]);
});

// Decides what our things are called on a docker engine and how they say whose they are.

import { networkNames, startOrder, startsAfter } from "../model/environment.ts";
import type { Owner, PlannedResource, Standing } from "./driver.ts";

/** Labels on every resource, so that it is found and judged without a ledger. */
export const label = {
  run: "dev.assay.run",
  owner: "dev.assay.owner",
  environment: "dev.assay.environment",
  scope: "dev.assay.scope",
  node: "dev.assay.node",
} as const;

export function labelsOf(standing: Standing, node?: string): Record<string, string> {
  return {
    [label.run]: standing.owner.run,
    [label.owner]: standing.owner.identity,
    [label.environment]: standing.environment.name,
    [label.scope]: standing.scope,
    ...(node === undefined ? {} : { [label.node]: node }),
  };
}

export function ownerOf(labels: Readonly<Record<string, string>>): Owner {
  return { run: labels[label.run] ?? "", identity: labels[label.owner] ?? "" };
}

/**
 * `assay-<run>-<scope>-<environment>-<part>`: known before the thing is, and to no one else. A part is a node's name, or
 * `net_` or `vol_` and the declared one: no node can be called so.
 */
export function resourceName(standing: Standing, part: string): string {
  return `assay-${standing.owner.run}-${standing.scope}-${standing.environment.name}-${part}`;
}

/** Host directory of a scratch mount; no two mounts of an environment share one. */
export function scratchPath(standing: Standing, node: string, target: string): string {
  return `${standing.directory}/${node}/${encodeURIComponent(target.slice(1))}`;
}

/** Networks, volumes and scratch directories first, then nodes in the order in which they may start. */
export function planOf(standing: Standing): readonly PlannedResource[] {
  const { environment } = standing;
  const driver = "docker";
  const networks = Object.keys(environment.networks).map((name) => ({
    driver,
    kind: "network" as const,
    name: resourceName(standing, `net_${name}`),
    needs: [],
  }));
  const volumes = Object.keys(environment.volumes).map((name) => ({
    driver,
    kind: "volume" as const,
    name: resourceName(standing, `vol_${name}`),
    needs: [],
  }));
  const directories: PlannedResource[] = [];
  const nodes: PlannedResource[] = [];
  for (const node of startOrder(environment.name, environment.nodes)) {
    const declaration = environment.nodes[node];
    if (declaration === undefined) continue;
    const needs = [
      ...networkNames(declaration).map((name) => resourceName(standing, `net_${name}`)),
      ...startsAfter(declaration).map((name) => resourceName(standing, name)),
    ];
    for (const [target, mount] of Object.entries(declaration.mounts)) {
      if (mount.mount === "volume") needs.push(resourceName(standing, `vol_${mount.volume}`));
      if (mount.mount !== "scratch") continue;
      const path = scratchPath(standing, node, target);
      directories.push({ driver, kind: "directory", name: path, node, needs: [] });
      needs.push(path);
    }
    nodes.push({ driver, kind: "container", name: resourceName(standing, node), node, needs });
  }
  return [...networks, ...volumes, ...directories, ...nodes];
}

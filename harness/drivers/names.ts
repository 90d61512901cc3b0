// Decides what everything of ours is called, whatever engine has it, and how it says whose it is.
import type { Owner, Standing } from "./driver.ts";

/** Labels on every resource, so that it is found and judged without a ledger. */
export const label = {
  run: "dev.assay.run",
  owner: "dev.assay.owner",
  ledger: "dev.assay.ledger",
  environment: "dev.assay.environment",
  scope: "dev.assay.scope",
  node: "dev.assay.node",
} as const;

export function labelsOf(standing: Standing, node?: string): Record<string, string> {
  return {
    [label.run]: standing.owner.run,
    [label.owner]: standing.owner.identity,
    ...(standing.owner.ledger === undefined ? {} : { [label.ledger]: standing.owner.ledger }),
    [label.environment]: standing.environment.name,
    [label.scope]: standing.scope,
    ...(node === undefined ? {} : { [label.node]: node }),
  };
}

export function ownerOf(labels: Readonly<Record<string, string>>): Owner {
  const ledger = labels[label.ledger];
  const owner = { run: labels[label.run] ?? "", identity: labels[label.owner] ?? "" };
  return ledger === undefined ? owner : { ...owner, ledger };
}

/**
 * `assay-<run>-<scope>-<environment>-<part>`: known before the thing is, and to no one else. A part is a node's name, or
 * `net_`, `lan_` or `vol_` and the declared one: no node can be called so.
 */
export function resourceName(standing: Standing, part: string): string {
  return `assay-${standing.owner.run}-${standing.scope}-${standing.environment.name}-${part}`;
}

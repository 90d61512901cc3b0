// Decides what it means that nodes are cut off from each other, and refuses what it could not keep: nodes whose frames pass no bridge of
// this machine, or that meet on none.
import { labelsOf, resourceName } from "../drivers/names.ts";
import { Partitions } from "../drivers/partition.ts";
import type { Cut } from "../drivers/partition-rules.ts";
import { faultsOf } from "../lifecycle/faults.ts";
import { callSite } from "../model/call-site.ts";
import { DeclarationError } from "../model/errors.ts";
import type { Fault } from "../model/fault.ts";
import type { Card, ContainerNode, VmNode } from "../model/node.ts";

/** One side of a partition. */
export type Side = ContainerNode | VmNode | readonly (ContainerNode | VmNode)[];

/**
 * Cuts nodes off from each other: nobody in `a` reaches anybody in `b`, nor the other way round, on every network that they share. Nodes of
 * one side reach each other, and both sides reach everybody else, the host among them. Frames are dropped without a word, also those of
 * connections that stand: who waits, waits until `heal` or until its own patience ends. A node that is started again is still cut off; a
 * container of podman's is not, as that gives its card another address each time.
 *
 * Healed by `heal`, by `await using`, and at the latest when the test ends that made it; also where the run is killed. Ways around that
 * share no network are not cut: a port that is published on the host, say.
 *
 * Machines and containers of this machine's engines, and root's. Rejects with a `DeclarationError`: `not-on-a-bridge` (on another machine's
 * engine, carried by a machine, without root, stopped), `no-common-network`, `both-sides`, `no-nodes`, `two-stands`; and with a
 * `ProvisionError`: `no-nft` (`assay setup` installs nftables), `not-root`, `no-netfilter`, `nft-refused`. `requires: ["partition"]` in the environment skips
 * its tests, with the reason, where this host cannot.
 *
 * @example
 * await using cut = await partition(dev, server); // healed when the block ends
 * await expect(dev).toMeet(not(ping("server").isAnswered()));
 * @example
 * const cut = await partition([one, two], server);
 * await cut.heal();
 */
export async function partition(a: Side, b: Side): Promise<Fault> {
  const at = callSite();
  const sides = [several(a), several(b)] as const;
  const [first] = sides[0];
  if (first === undefined || sides[1].length === 0) throw wrong("no-nodes", "one side has no nodes", at);
  const both = sides[0].find(({ id }) => sides[1].some((other) => other.id === id));
  if (both !== undefined) throw wrong("both-sides", `${both.title} is on both sides`, at);
  const all = sides.flat();
  const faults = faultsOf(first, at);
  const stranger = all.find((node) => faultsOf(node, at) !== faults);
  if (stranger !== undefined)
    throw wrong("two-stands", `${first.title} and ${stranger.title} are not of one environment`, at);
  const carried = all.find(({ carrier }) => carrier.kind !== "host");
  if (carried !== undefined)
    throw new DeclarationError({
      code: "not-on-a-bridge",
      at,
      node: carried.title,
      seen: `${carried.title} is carried by ${carried.carrier.title}, and what it sends passes that machine's card`,
      hint: "cut its machine off",
    });
  const [ours, theirs] = await Promise.all(sides.map(cardsOf));
  const shared = sharedCards(ours ?? [], theirs ?? []);
  const names = sides.map((side) => side.map(({ title }) => title).join(", "));
  if (shared === undefined)
    throw wrong("no-common-network", `${names[0]} and ${names[1]} share no network: nothing is to be cut`, at);
  const { standing } = faults;
  const cut: Cut = {
    name: resourceName(standing, `cut_${faults.next()}`),
    labels: labelsOf(standing),
    sides: shared,
  };
  const partitions = new Partitions();
  const resource = { driver: partitions.kind, kind: "partition", name: cut.name } as const;
  return faults.begin({
    title: `partition of ${names[0]} from ${names[1]}`,
    resource,
    apply: () => partitions.create(cut),
    undo: () => partitions.destroy(resource),
  });
}

/** Only cards on networks that both sides have: with others a router between two networks would be cut as well. */
export function sharedCards(
  a: readonly Card[],
  b: readonly Card[],
): readonly [readonly Card[], readonly Card[]] | undefined {
  const on =
    (cards: readonly Card[]) =>
    ({ network }: Card) =>
      cards.some((each) => each.network === network);
  const [ours, theirs] = [a.filter(on(b)), b.filter(on(a))];
  return ours.length === 0 ? undefined : [ours, theirs];
}

async function cardsOf(nodes: readonly (ContainerNode | VmNode)[]): Promise<readonly Card[]> {
  return (await Promise.all(nodes.map((node) => node.cards()))).flat();
}

function several(side: Side): readonly (ContainerNode | VmNode)[] {
  return "kind" in side ? [side] : side;
}

function wrong(code: string, seen: string, at: string | undefined): DeclarationError {
  return new DeclarationError({ code, at, seen });
}

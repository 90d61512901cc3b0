// Decides what the kernel is told of nodes that are to be cut off from each other: one table of its bridges' filter for each cut, with
// its owner written into it. Pure; `partition.ts` sends it.
import type { Card } from "../model/node.ts";

/** One object of nft's JSON. @see libnftables-json(5) */
export type NftObject = Readonly<Record<string, unknown>>;

/** Cards by node or by group makes no difference here: nobody of one side reaches anybody of the other. */
export interface Cut {
  /** The table's. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sides: readonly [readonly Card[], readonly Card[]];
}

export const family = "bridge";
/** Never run through: its rules' comments say whose the table is. */
const ownerChain = "owner";
/** A comment has room for 127 bytes. */
const mostLetters = 90;
/** Before the filters of others: what they let through is cut all the same. */
const early = -400;
/** The bit of an address that means several. */
const several = "01:00:00:00:00:00";

/**
 * Frames from one side's cards to the other's are dropped by their addresses, which stay when a node starts again; those to everybody by
 * the ports that lead to the other side: the known ones, and the one that a card is heard on.
 */
export function cutTable({ name, labels, sides }: Cut): readonly NftObject[] {
  const of = { family, table: name };
  const set = (title: string, type: string, elem: readonly string[], more = {}): NftObject => ({
    add: { set: { ...of, name: title, type, ...(elem.length === 0 ? {} : { elem }), ...more } },
  });
  const chain = (title: string, more = {}): NftObject => ({ add: { chain: { ...of, name: title, ...more } } });
  const rule = (into: string, expr: readonly NftObject[], more = {}): NftObject => ({
    add: { rule: { ...of, chain: into, expr, ...more } },
  });
  const hook = (at: string) => ({ type: "filter", hook: at, prio: early, policy: "accept" });
  const ends = [
    ["a", "b"],
    ["b", "a"],
  ] as const;
  return [
    { add: { table: { family, name } } },
    ...sides.flatMap((cards, index) => {
      const side = index === 0 ? "a" : "b";
      const ports = cards.flatMap(({ port }) => (port === undefined ? [] : [port]));
      return [
        set(`cards-${side}`, "ether_addr", [...new Set(cards.map(({ mac }) => mac))]),
        // Only sets that elements can time out of are written to by rules; ours have no time.
        set(`ports-${side}`, "ifname", [...new Set(ports)], { flags: ["timeout"], size: 4096 }),
      ];
    }),
    chain("learn", hook("prerouting")),
    chain("cut", hook("forward")),
    chain(ownerChain),
    ...ends.flatMap(([from, to]) => [
      rule("learn", [
        equal(ether("saddr"), `@cards-${from}`),
        { set: { op: "update", elem: { meta: { key: "iifname" } }, set: `@ports-${from}` } },
      ]),
      rule("cut", [equal(ether("saddr"), `@cards-${from}`), equal(ether("daddr"), `@cards-${to}`), { drop: null }]),
      rule("cut", [
        equal(ether("saddr"), `@cards-${from}`),
        equal({ "&": [ether("daddr"), several] }, several),
        equal({ meta: { key: "oifname" } }, `@ports-${to}`),
        { drop: null },
      ]),
    ]),
    ...comments(labels).map((comment) => rule(ownerChain, [{ accept: null }], { comment })),
  ];
}

function ether(field: "saddr" | "daddr"): NftObject {
  return { payload: { protocol: "ether", field } };
}

function equal(left: NftObject, right: string): NftObject {
  return { match: { op: "==", left, right } };
}

/** `key=value`, in as many pieces as it needs; any letter of a path may be in it, and quotes are not for comments. */
function comments(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const written = encodeURIComponent(value);
    const room = mostLetters - key.length;
    const pieces = Math.max(1, Math.ceil(written.length / room));
    return Array.from({ length: pieces }, (_, at) => `${key}=${written.slice(at * room, (at + 1) * room)}`);
  });
}

/** Labels of each table of the bridges' filter, by its name, in what `nft -j list ruleset bridge` prints. Strangers' have none. */
export function tablesIn(listing: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const { nftables } = JSON.parse(listing) as { nftables: readonly Listed[] };
  const tables = new Map<string, Record<string, string>>();
  for (const { table, rule } of nftables) {
    if (table?.family === family) tables.set(table.name, {});
    if (rule?.family !== family || rule.chain !== ownerChain || rule.comment === undefined) continue;
    const labels = tables.get(rule.table);
    const at = rule.comment.indexOf("=");
    if (labels === undefined || at === -1) continue;
    const key = rule.comment.slice(0, at);
    labels[key] = (labels[key] ?? "") + rule.comment.slice(at + 1);
  }
  for (const labels of tables.values()) for (const [key, value] of Object.entries(labels)) labels[key] = decoded(value);
  return tables;
}

interface Listed {
  readonly table?: { readonly family: string; readonly name: string };
  readonly rule?: {
    readonly family: string;
    readonly table: string;
    readonly chain: string;
    readonly comment?: string;
  };
}

/** What is not ours may be anything. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

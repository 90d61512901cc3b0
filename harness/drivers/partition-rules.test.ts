// What the kernel is told of a cut, and who it belongs to in what it tells back. That the kernel does so is seen on real nodes.
import { expect, test } from "vitest";
import { label, ownerOf } from "./names.ts";
import { cutTable, tablesIn } from "./partition-rules.ts";

const labels = {
  [label.run]: "r1",
  [label.owner]: "host-1 6ce2 4026531836 17 123456",
  [label.ledger]: `/var/lib/${'ä "quoted" = name/'.repeat(8)}ledger.db`,
  [label.environment]: "e",
};
const cut = {
  name: "assay-r1-n1-e-cut_1",
  labels,
  sides: [
    [{ network: "lan", mac: "02:00:00:00:00:01", port: "vnet0" }],
    [
      { network: "lan", mac: "02:00:00:00:00:02", port: "veth1" },
      { network: "lan", mac: "02:00:00:00:00:03" },
    ],
  ],
} as const;

interface Rule {
  readonly chain: string;
  readonly comment?: string;
  readonly expr: readonly Record<string, unknown>[];
}

const parts = <Part>(what: string): Part[] =>
  cutTable(cut).flatMap(({ add }) => (add as Record<string, Part>)[what] ?? []);

test("everything of a cut is in one table of the bridges' filter, which begins it", () => {
  const [first, ...others] = cutTable(cut);
  expect(first).toEqual({ add: { table: { family: "bridge", name: cut.name } } });
  for (const { add } of others)
    expect(Object.values(add as object)).toEqual([expect.objectContaining({ family: "bridge", table: cut.name })]);
});

test("cards and known ports of each side are in sets of its own", () => {
  const sets = parts<{ name: string; elem?: readonly string[] }>("set").map(({ name, elem }) => [name, elem]);
  expect(Object.fromEntries(sets)).toEqual({
    "cards-a": ["02:00:00:00:00:01"],
    "ports-a": ["vnet0"],
    "cards-b": ["02:00:00:00:00:02", "02:00:00:00:00:03"],
    "ports-b": ["veth1"],
  });
});

test("both ways are dropped alike: what one side sends to the other, and what it sends to all by the other's ports", () => {
  const rules = parts<Rule>("rule").filter(({ chain }) => chain === "cut");
  const words = rules.map(({ expr }) =>
    expr.map((each) => ("match" in each ? (each["match"] as { right: string }).right : Object.keys(each)[0])),
  );
  expect(words).toEqual([
    ["@cards-a", "@cards-b", "drop"],
    ["@cards-a", "01:00:00:00:00:00", "@ports-b", "drop"],
    ["@cards-b", "@cards-a", "drop"],
    ["@cards-b", "01:00:00:00:00:00", "@ports-a", "drop"],
  ]);
});

test("whose a table is can be read from it, whatever is in the labels, and no comment is longer than the kernel takes", () => {
  const rules = parts<Rule>("rule").map((rule) => ({ rule: { family: "bridge", table: cut.name, ...rule } }));
  for (const { rule } of rules) expect(Buffer.byteLength(rule.comment ?? "")).toBeLessThanOrEqual(127);
  const foreign = [
    { metainfo: { version: "1.0.6" } },
    { table: { family: "bridge", name: "theirs" } },
    { rule: { family: "bridge", table: "theirs", chain: "owner", comment: "%zz=%zz", expr: [] } },
    { table: { family: "ip", name: cut.name } },
  ];
  const listing = JSON.stringify({ nftables: [...foreign, { table: { family: "bridge", name: cut.name } }, ...rules] });
  const found = tablesIn(listing);
  expect([...found.keys()]).toEqual(["theirs", cut.name]);
  expect(found.get(cut.name)).toEqual(labels);
  expect(ownerOf(found.get("theirs") ?? {})).toEqual({ run: "", identity: "" });
});

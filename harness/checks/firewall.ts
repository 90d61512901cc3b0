// Decides which sentences can be said about packet filters, as nft or iptables list them. A node that may not look (a container
// without CAP_NET_ADMIN) rejects: no rules to be seen is not "no rules".
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { endFrame, readFrames } from "./frames.ts";
import { about, verdict } from "./question.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export type FirewallTool = "nft" | "iptables" | "ip6tables";

const listings: Readonly<Record<FirewallTool, string>> = {
  nft: "nft list ruleset",
  iptables: "iptables-save",
  ip6tables: "ip6tables-save",
};

export interface FirewallLine {
  /** Of iptables `nat`; of nft its family, too: `inet filter`. Empty outside of any. */
  readonly table: string;
  /** Empty outside of any. */
  readonly chain: string;
  /** Without counters. */
  readonly text: string;
}

/** Subject: the tool. Answer: its listing, line by line, without comments and empty lines. */
export const firewallRules: Probe<FirewallTool, readonly FirewallLine[]> = {
  name: "packet filter",
  // An empty listing is silence: that the tool says its version shows that it is one.
  script: (tools) =>
    `export LC_ALL=C\n${tools
      .map((tool) => `{ ${tool} --version && echo === && ${listings[tool]}; } 2>&1 </dev/null; ${endFrame('"$?"')}`)
      .join("\n")}`,
  parse(output, tools) {
    return readFrames("packet filter", output, tools.length).map(({ bytes, words }, index) => {
      const tool = tools[index] ?? "nft";
      const said = bytes.toString("utf8");
      if (words === "127" || words === "126") return missingTool(tool, "the packet filter");
      if (/operation not permitted|permission denied|you must be root/i.test(said))
        return denied("cannot see the packet filter", said.split("===\n")[1]?.trim() ?? said.trim());
      const [version = "", listing] = said.split(/^===\n/m);
      if (!/^(nftables|ip6?tables) v\d/.test(version) || listing === undefined)
        return unreadable(`${tool} --version`, { ...output, stdout: bytes });
      if (words !== "0") return failedProbe("cannot see the packet filter", listing.trim());
      const lines = listing
        .split("\n")
        .map((line) =>
          line
            .replace(/ counter packets \d+ bytes \d+/, " counter")
            .replace(/ ?\[\d+:\d+\] ?/, "")
            .trim(),
        )
        .filter((line) => line !== "" && !line.startsWith("#"));
      return tool === "nft" ? placeNft(lines) : placeIptables(lines);
    });
  },
};

/** `table inet filter {`, in it `chain input {`; a set or a map is none. */
function placeNft(lines: readonly string[]): readonly FirewallLine[] {
  const open: string[] = [];
  return lines.map((text) => {
    if (text === "}") open.pop();
    const named = (word: string) => open.find((each) => each.startsWith(`${word} `))?.slice(word.length + 1) ?? "";
    const line = { table: named("table"), chain: named("chain"), text };
    if (text.endsWith("{")) open.push(text.slice(0, -1).trim());
    return line;
  });
}

/** `*filter`, then chains with their policies, `:INPUT DROP`, then rules, `-A INPUT …`, up to `COMMIT`. */
function placeIptables(lines: readonly string[]): readonly FirewallLine[] {
  let table = "";
  return lines.map((text) => {
    if (text.startsWith("*")) table = text.slice(1);
    const line = { table, chain: /^(?::|-A )(\S+)/.exec(text)?.[1] ?? "", text };
    if (text === "COMMIT") table = "";
    return line;
  });
}

export interface FirewallPlace {
  /** Of iptables its name, `nat`; of nft its name with its family or without: `inet filter`, `filter`. */
  readonly table?: string;
  readonly chain?: string;
}

/**
 * The packet filter's rules, as the tool lists them.
 * @example await expect(gateway).toMeet(firewall("nft").hasRule("tcp dport 22 accept"));
 * @example await expect(gateway).toMeet(firewall("nft").hasPolicy("input", "drop", { table: "inet filter" }));
 * @example await expect(gateway).toMeet(firewall("iptables").hasRule("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"));
 */
export function firewall(tool: FirewallTool = "nft") {
  const ask = about<Node, readonly FirewallLine[]>({
    subject: `packet filter (${tool})`,
    command: listings[tool],
    observe: (node) => node.observe(firewallRules, tool),
  });
  return {
    /**
     * A line of the listing, in this table and chain where they are given, is this text, or has this pattern.
     * @example firewall("iptables").hasRule(/-j MASQUERADE/, { table: "nat", chain: "POSTROUTING" })
     */
    hasRule: (wanted: Wanted, place: FirewallPlace = {}) =>
      ask(`has the rule ${sayWanted(wanted)}${sayPlace(place)}`, (seen) => {
        const there = seen.filter((line) => isIn(place, line));
        return verdict(
          there.some(({ text }) => (typeof wanted === "string" ? text === wanted : occurs(wanted, text))),
          sayWanted(wanted),
          sayLines(there),
        );
      }),
    /** What becomes of a packet that no rule of this chain decides: `accept`, `drop`, in whichever case. */
    hasPolicy: (chain: string, policy: string, { table }: Pick<FirewallPlace, "table"> = {}) =>
      ask(`has policy ${policy} in chain ${chain}${sayPlace(table === undefined ? {} : { table })}`, (seen) => {
        const there = seen.filter((line) => isIn({ chain, ...(table === undefined ? {} : { table }) }, line));
        const policies = there.flatMap(({ text }) => policyIn(text));
        const met = policies.length > 0 && policies.every((each) => each.toLowerCase() === policy.toLowerCase());
        return verdict(met, policy, policies.join(", ") || "no such chain, or one without a policy");
      }),
    /** Nothing is decided: no rule, and no chain whose policy is another than to accept. Empty tables, chains and sets may be there. */
    hasNoRules: () =>
      ask("has no rules", (seen) => {
        const deciding = seen.filter(decides);
        return verdict(deciding.length === 0, "no rules", sayLines(deciding));
      }),
  };
}

function decides({ chain, text }: FirewallLine): boolean {
  if (chain === "" || /^[*}]|^COMMIT$|\{$/.test(text)) return false;
  const policy = policyIn(text);
  if (policy.length > 0) return !/^(accept|-)$/i.test(policy[0] ?? "");
  return !/^type \w+ hook /.test(text);
}

/** Of a line that begins a chain: its policy. */
function policyIn(text: string): readonly string[] {
  return /^:\S+ (\S+)|\bpolicy (\w+);/.exec(text)?.slice(1).filter(Boolean) ?? [];
}

function isIn({ table, chain }: FirewallPlace, line: FirewallLine): boolean {
  return (
    (table === undefined || line.table === table || line.table.replace(/^\S+ /, "") === table) &&
    (chain === undefined || line.chain === chain)
  );
}

function sayPlace({ table, chain }: FirewallPlace): string {
  return `${table === undefined ? "" : ` in table ${table}`}${chain === undefined ? "" : ` in chain ${chain}`}`;
}

function sayLines(lines: readonly FirewallLine[]): string {
  const told = lines.slice(0, 20).map(({ text }) => text);
  return told.join("; ") || "no rules";
}

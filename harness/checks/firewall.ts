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

/** Subject: the tool. Answer: its listing, a rule a line, without counters and comments. */
export const firewallRules: Probe<FirewallTool, readonly string[]> = {
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
      return listing
        .split("\n")
        .map((line) =>
          line
            .replace(/ counter packets \d+ bytes \d+/, " counter")
            .replace(/ ?\[\d+:\d+\] ?/, "")
            .trim(),
        )
        .filter((line) => line !== "" && !line.startsWith("#"));
    });
  },
};

/**
 * The packet filter's rules, as the tool lists them.
 * @example await expect(gateway).toMeet(firewall("nft").hasRule("tcp dport 22 accept"));
 * @example await expect(gateway).toMeet(firewall("iptables").hasRule("-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT"));
 */
export function firewall(tool: FirewallTool = "nft") {
  const ask = about<Node, readonly string[]>({
    subject: `packet filter (${tool})`,
    command: listings[tool],
    observe: (node) => node.observe(firewallRules, tool),
  });
  return {
    /** A line of the listing is this text, or has this pattern: rules, and chains with their policies. */
    hasRule: (wanted: Wanted) =>
      ask(`has the rule ${sayWanted(wanted)}`, (seen) =>
        verdict(
          seen.some((line) => (typeof wanted === "string" ? line === wanted : occurs(wanted, line))),
          sayWanted(wanted),
          seen.slice(0, 20).join("; ") || "no rules",
        ),
      ),
    hasNoRules: () =>
      ask("has no rules", (seen) => verdict(seen.length === 0, "no rules", seen.slice(0, 20).join("; ") || "no rules")),
  };
}

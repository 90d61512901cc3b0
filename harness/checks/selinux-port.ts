// Decides which label a network port has: by the policy that is installed, of which `semodule` unpacks the module that says so. The
// kernel has no question for it, and the tools that ask the policy's other files are megabytes of Python.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { labelMatches } from "./file-label.ts";
import { about, requireSubject, verdict } from "./question.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { ruledOut, whereSelinux } from "./selinux-state.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** Subject: `tcp/22`. Answer: its label, `port_t` where no rule names it. */
export const portLabel: Probe<string, string | NoSelinux> = {
  name: "SELinux ports",
  // semodule changes to a domain of its own, which may write next to nowhere; asked to stay in the shell's, it may.
  script: () => `${whereSelinux}
command -v semodule >/dev/null || exit 127
policy=
while read -r line || [ -n "$line" ]; do
  case $line in SELINUXTYPE=*) policy=\${line#SELINUXTYPE=} ;; esac
done </etc/selinux/config
place=$(mktemp -d /run/assay-ports-XXXXXX) && cd "$place" || exit 76
{ runcon -r unconfined_r -t unconfined_t -- semodule -c -E base || semodule -c -E base; } >&2
grep -h portcon base.cil
status=$?
cd / && rm -r "$place"
[ $status = 0 ] || exit 76
echo local
local=/var/lib/selinux/$policy/active/ports.local
[ ! -e "$local" ] || grep -h '^portcon' "$local" || [ $? = 1 ]`,
  parse(output, ports) {
    const without = ruledOut(output);
    if (without !== undefined) return ports.map(() => ({ without }));
    if (output.status === 127) throw missingTool("semodule", "the label of a port");
    if (output.status !== 0) throw failedProbe("cannot unpack the policy's ports", output.stderr.trim());
    const rules = readPortRules(output.stdout.toString("utf8"));
    if (rules === undefined) throw unreadable("semodule -c -E base", output);
    return ports.map((port) => labelOf(port, rules));
  },
};

interface PortRule {
  readonly protocol: string;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

/** `(portcon tcp 22 (system_u object_r ssh_port_t ((s0) (s0))))`, then `local`, then `portcon tcp 81 system_u:object_r:http_port_t:s0`. */
function readPortRules(text: string): readonly PortRule[] | undefined {
  const [shipped, own] = text.split("\nlocal\n");
  if (own === undefined) return undefined;
  const rules: PortRule[] = [];
  // What an administrator set comes first: of two rules as narrow, the first one holds.
  for (const [, protocol = "", low, high, label = ""] of own.matchAll(/^portcon (\w+) (\d+)(?:-(\d+))? (\S+)$/gm))
    rules.push({ protocol, low: Number(low), high: Number(high ?? low), label });
  const count = rules.length;
  for (const [, protocol = "", alone, low, high, user = "", role = "", type = "", level = ""] of (
    shipped ?? ""
  ).matchAll(/^ *\(portcon (\w+) (?:(\d+)|\((\d+) (\d+)\)) \((\w+) (\w+) (\w+) \(\((\w+)[^\n]*$/gm))
    rules.push({
      protocol,
      low: Number(alone ?? low),
      high: Number(alone ?? high),
      label: [user, role, type, level].join(":"),
    });
  return rules.length === count ? undefined : rules;
}

/** The narrowest rule that holds for the port. */
function labelOf(port: string, rules: readonly PortRule[]): string {
  const [protocol, number] = port.split("/");
  const holding = rules.filter(
    (rule) => rule.protocol === protocol && rule.low <= Number(number) && rule.high >= Number(number),
  );
  const width = ({ low, high }: PortRule) => high - low;
  const narrowest = holding.reduce<PortRule | undefined>(
    (best, each) => (best === undefined || width(each) < width(best) ? each : best),
    undefined,
  );
  return narrowest?.label ?? "system_u:object_r:port_t:s0";
}

/**
 * What SELinux calls a port of a machine, which decides who may listen there. As it is installed: the next load has it.
 * @example await expect(machine).toMeet(selinuxPort("tcp", 22).isLabelled("ssh_port_t"));
 */
export function selinuxPort(protocol: "tcp" | "udp" | "sctp" | "dccp", port: number) {
  requireSubject(
    Number.isInteger(port) && port >= 1 && port <= 65535,
    `${port} is not a port`,
    "write a number from 1 to 65535",
  );
  return {
    /** A type alone, or user, role and type. */
    isLabelled: (label: string) =>
      about<Node, string | NoSelinux>({
        subject: `SELinux port ${protocol}/${port}`,
        command: "semanage port -l",
        observe: (node) => node.observe(portLabel, `${protocol}/${port}`),
      })(`is labelled ${label}`, (seen) =>
        typeof seen === "string" ? verdict(labelMatches(label, seen), label, seen) : { skipped: seen.without },
      ),
  };
}

// Decides whether a host answers an ICMP echo, tried from inside a node by its own `ping`. Silence, a refusal and a network that cannot
// be reached are "no"; a name that no name server answers for, or a node that may not send, is no answer.
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface Echo {
  readonly answered: boolean;
  readonly said: string;
}

/** Longest wait for an answer. */
const seconds = 2;

/** Subject: a name or an address. All are tried at the same time. */
export const echoes: Probe<string, Echo> = {
  name: "ping",
  script: (hosts) => `export LC_ALL=C
command -v ping >/dev/null || exit 127
${hosts
  .map(
    (host, index) =>
      `{ said=$(ping -c 1 -W ${seconds} ${quoteWord(host)} 2>&1 </dev/null); printf '${index} %s %s\\0' "$?" "$said"; } &`,
  )
  .join("\n")}
wait`,
  parse(output, hosts) {
    if (output.status === 127) throw missingTool("ping", "who answers");
    const records = output.stdout.toString("utf8").split("\0");
    return hosts.map((host, index) => {
      const record = records.find((each) => each.startsWith(`${index} `)) ?? "";
      const [, words, text = ""] = /^\d+ (\d+) (.*)$/s.exec(record) ?? [];
      const said = text.trim();
      if (words === "126" || words === "127") return missingTool("ping", "who answers");
      // iputils' and busybox's words for one that is not in any name server, and for one that could not be asked for.
      if (/Name or service not known|No address associated/.test(said))
        return { answered: false, said: "no such name" };
      if (/Temporary failure in name resolution|bad address|unknown host|Name does not resolve|Try again/.test(said))
        return failedProbe(`cannot resolve ${host}`, said);
      if (/Operation not permitted|permission denied|are you root/i.test(said) && !/transmitted/.test(said))
        return denied(`cannot send to ${host}`, said);
      const [, received] = /\b1 packets transmitted, ([01])(?: packets)? received\b/.exec(said) ?? [];
      if (words === "0" && received === "1") return { answered: true, said: "answered" };
      const reason = /\b((?:Network|No route|Destination|Host)[^\n]*(?:unreachable|to host)[^\n]*)/i.exec(said)?.[1];
      if (words !== "0" && (received === "0" || reason !== undefined))
        return { answered: false, said: reason ?? `silence for ${seconds} s` };
      return unreadable("ping", output);
    });
  },
};

/**
 * Whether a host answers `ping`, once, within two seconds. For a port, use `address("host:22").isReachable()`.
 * @example await expect(box).toMeet(ping("db").isAnswered(), { within: "10s" });
 */
export function ping(host: string) {
  requireSubject(
    /^[^\s\0:-][^\s\0:]*$/.test(host) || isIP(host) !== 0,
    `"${host}" is not a name or an address`,
    "write it without a port; for a port there is address()",
  );
  const ask = about<Node, Echo>({
    subject: `ping of ${host}`,
    command: `ping -c 1 -W ${seconds} ${host}`,
    observe: (node) => node.observe(echoes, host),
  });
  return {
    isAnswered: () => ask("is answered", ({ answered, said }) => verdict(answered, "an answer", said)),
  };
}

// Decides which sentences can be said about what an NFS server tells those who ask it, as a machine that might mount it hears it. The
// server's own view is `nfsExport`.
import { isAbsolute } from "node:path";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { canonicalNetwork } from "./ip-address.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** One exported directory, and to whom. */
export interface ShownExport {
  readonly path: string;
  /** As the server writes them: `172.16.0.0/24`, `*.studio.example`, `(everyone)`. */
  readonly clients: readonly string[];
}

/** Longest wait for each of the answers that it takes. */
const seconds = 20;

/**
 * Subject: a server's name or address. Answer: its export list, by the mount daemon's protocol, which a server of version 4 alone may not
 * speak: then nothing can be said, not that nothing is exported.
 * @see showmount(8)
 */
export const shownExports: Probe<string, readonly ShownExport[]> = {
  name: "showmount",
  script: (hosts) => `export LC_ALL=C
command -v showmount timeout >/dev/null || exit 127
${hosts
  .map(
    (host, index) =>
      `{ said=$(timeout ${seconds} showmount --exports ${quoteWord(host)} 2>&1 </dev/null); printf '${index} %s %s\\0' "$?" "$said"; } &`,
  )
  .join("\n")}
wait`,
  parse(output, hosts) {
    if (output.status === 127) throw missingTool("showmount and timeout", "what a server exports");
    const records = output.stdout.toString("utf8").split("\0");
    return hosts.map((host, index) => {
      const record = records.find((each) => each.startsWith(`${index} `)) ?? "";
      const [, status, text = ""] = /^\d+ (\d+) (.*)$/s.exec(record) ?? [];
      if (status === "126" || status === "127") return missingTool("showmount", "what a server exports");
      if (status === undefined || (status === "0" && !text.startsWith("Export list for ")))
        return unreadable("showmount", output);
      if (status !== "0")
        return failedProbe(
          `${host} does not tell what it exports`,
          text.trim() || `showmount ended with ${status}`,
          text.includes("Unknown host")
            ? `does this machine know the name, and the port mapper's in /etc/services (Debian: netbase)? showmount says the same of either`
            : "is its mount daemon reached from here? a server of version 4 alone needs none: see nfsExport",
        );
      const lines = text.split("\n").slice(1).filter(Boolean);
      return lines.map((line) => {
        const [, path = "", clients = ""] = /^(.*\S)\s+(\S+)$/.exec(line) ?? [];
        return { path, clients: clients.split(",").filter(Boolean) };
      });
    });
  },
};

/**
 * What a server says that it exports, heard on the node that is asked.
 * @example await expect(dev).toMeet(showmount("vfx-nfs-001").lists("/srv/nfs/vfx", "172.16.0.0/24"));
 */
export function showmount(server: string) {
  requireSubject(/^[^\s\0-][^\s\0]*$/.test(server), `"${server}" is not a host`, "write a server's name or address");
  const ask = about<Node, readonly ShownExport[]>({
    subject: `server ${server}`,
    command: `showmount --exports ${server}`,
    observe: (node) => node.observe(shownExports, server),
  });
  const said = (seen: readonly ShownExport[]) =>
    seen.map(({ path, clients }) => `${path} ${clients.join(",")}`).join("; ") || "it lists nothing";
  return {
    /** The directory, and where clients are given these among others. */
    lists(path: string, ...clients: readonly string[]) {
      requireSubject(isAbsolute(path), `"${path}" is not an absolute path`, "write the exported directory from /");
      const to = clients.length === 0 ? "" : ` to ${clients.join(", ")}`;
      return ask(`lists ${sayWord(path)}${to}`, (seen) => {
        const offered = seen.find((each) => each.path === path)?.clients.map(canonicalNetwork);
        return verdict(
          offered !== undefined && clients.every((client) => offered.includes(canonicalNetwork(client))),
          `${path}${to}`,
          said(seen),
        );
      });
    },
    /** It speaks the protocol and exports nothing. */
    listsNothing: () => ask("lists nothing", (seen) => verdict(seen.length === 0, "an empty list", said(seen))),
  };
}

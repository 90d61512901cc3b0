// Decides which sentences can be said about what an NFS server exports, as the server itself sees it.
import { isAbsolute } from "node:path";
import type { Probe } from "../model/check.ts";
import { unescapeOctal } from "../model/escaped-name.ts";
import type { Node } from "../model/node.ts";
import { lookThrough } from "./file-stat.ts";
import { canonicalNetwork } from "./ip-address.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** One client, or several by one name, and what they are let do. */
export interface ExportFacts {
  /** As the server has it, which for a host is its full name: `172.16.0.0/24`, `*.studio.example`, `*`. */
  readonly client: string;
  /** All, those that nobody wrote too: `rw`, `sync`, `root_squash`. */
  readonly options: readonly string[];
}

const end = "# end";

/**
 * Subject: an absolute path. Answer: to whom it is exported now; none where it is not. From `/var/lib/nfs/etab`, which exportfs writes and
 * the server's mount daemon reads: what stands in `/etc/exports` and was not taken over is not in it.
 * @see exportfs(8)
 */
export const exportFacts: Probe<string, readonly ExportFacts[]> = {
  name: "exportfs",
  // No export at all is an answer, a cat that says nothing is none: it has our line to say too.
  script: () => `echo '${end}' | LC_ALL=C cat /var/lib/nfs/etab -`,
  parse(output, paths) {
    requireTool(output, "cat", "what is exported");
    if (output.status !== 0)
      throw failedProbe(
        "cannot read /var/lib/nfs/etab",
        output.stderr.trim(),
        "is this an NFS server of Linux's kernel?",
      );
    const lines = output.stdout.toString("utf8").split("\n").filter(Boolean);
    if (lines.pop() !== end) throw unreadable("cat /var/lib/nfs/etab", output);
    const read = lines.map((line) => {
      const [, path, client, options] = /^(\S+)\t(\S+)\((\S*)\)$/.exec(line) ?? [];
      if (path === undefined || client === undefined || options === undefined)
        throw unreadable("cat /var/lib/nfs/etab", output);
      return { path: unescapeOctal(path), client: unescapeOctal(client), options: options.split(",").filter(Boolean) };
    });
    return paths.map((path) =>
      read.filter((each) => each.path === path).map(({ client, options }) => ({ client, options })),
    );
  },
};

/** What the server has in its table about a path, and whether there is anything at it. */
export interface Exported {
  readonly path: string;
  readonly offers: readonly ExportFacts[];
  readonly there: boolean;
}

/**
 * A directory that an NFS server exports. One that is not there is offered to nobody, whatever the server's table says of it.
 * @example await expect(server).toMeet(all(nfsExport("/srv/nfs/vfx").isOfferedOnlyTo("172.16.0.0/24"), nfsExport("/srv/nfs/vfx").hasOption("root_squash")));
 */
export function nfsExport(path: string) {
  requireSubject(isAbsolute(path), `"${path}" is not an absolute path`, "write the exported directory from /");
  const ask = about<Node, Exported>({
    subject: `export ${sayWord(path)}`,
    command: `grep -F ${sayWord(path)} /var/lib/nfs/etab; ls -d ${sayWord(path)}`,
    async observe(node) {
      const [offers, { stat }] = await Promise.all([node.observe(exportFacts, path), lookThrough(node, path)]);
      return { path, offers, there: stat !== undefined };
    },
  });
  const clients = ({ offers }: Exported) => offers.map(({ client }) => canonicalNetwork(client)).sort();
  return {
    /** It is exported, to whomever. */
    exists: () => ask("exists", (seen) => verdict(seen.there && seen.offers.length > 0, "an export", say(seen))),
    /** Clients as the server has them; there may be others. */
    isOfferedTo: (...wanted: readonly [string, ...string[]]) =>
      ask(`is offered to ${wanted.join(", ")}`, (seen) =>
        verdict(
          seen.there && wanted.every((client) => clients(seen).includes(canonicalNetwork(client))),
          wanted.join(", "),
          say(seen),
        ),
      ),
    /** To these and to nobody else; without any it is not exported. */
    isOfferedOnlyTo: (...wanted: readonly string[]) =>
      ask(`is offered only to ${wanted.join(", ") || "nobody"}`, (seen) =>
        verdict(
          (seen.there || wanted.length === 0) &&
            clients(seen).join(" ") === wanted.map(canonicalNetwork).sort().join(" "),
          wanted.join(", ") || "nobody",
          say(seen),
        ),
      ),
    /** `rw`, `sync`, `root_squash`, `sec=krb5p`: for each of its clients. One that nobody wrote is there as the server's default. */
    hasOption: (option: string) =>
      ask(`has option ${option}`, (seen) =>
        verdict(
          seen.there && seen.offers.length > 0 && seen.offers.every(({ options }) => options.includes(option)),
          option,
          say(seen),
        ),
      ),
  };
}

function say({ path, offers, there }: Exported): string {
  const said = offers.map(({ client, options }) => `${client}(${options.join(",")})`).join(" ");
  if (there) return said || "it is not exported";
  return `there is no ${path} on the server${said === "" ? ", and it is not exported" : `: clients are refused, though it is exported to ${said}`}`;
}

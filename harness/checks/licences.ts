// Decides which sentences can be said about the licences of Debian packages: that each is told, and which words are in what is told.
// Refuses to judge whether licences fit together: it reads copyright files, which Debian's policy (12.5) demands of each package.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { about, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface LicenceFacts {
  readonly package: string;
  /** What its copyright file says; `undefined` where it has none. */
  readonly text: string | undefined;
}

/** Subject: always `packages`. Answer: names of the packages that dpkg has installed. */
export const installedPackages: Probe<"packages", readonly string[]> = {
  name: "dpkg-query",
  script: () => `LC_ALL=C dpkg-query -W -f '\${db:Status-Status} \${Package}\\n'`,
  parse(output, subjects) {
    requireTool(output, "dpkg-query", "which packages there are");
    const lines = output.stdout.toString("utf8").split("\n").filter(Boolean);
    const words = lines.map((line) => /^([a-z-]+) ([a-z0-9][a-z0-9+.-]+)$/.exec(line));
    if (output.status !== 0 || words.includes(null)) throw unreadable("dpkg-query -W", output);
    const names = words.flatMap((match) => (match?.[1] === "installed" ? [match[2] as string] : []));
    if (names.length === 0) throw failedProbe("cannot list packages", "dpkg knows none");
    return subjects.map(() => [...new Set(names)]);
  },
};

/**
 * Licences of all installed packages.
 * @example await expect(soe).toMeet(all(licences().areTold(), licences({ except: ["studio-agent"] }).lack(/Affero/)));
 */
export function licences({ except = [] }: { readonly except?: readonly string[] } = {}) {
  const ask = about<Node, readonly LicenceFacts[]>({
    subject: `licences of packages${except.length === 0 ? "" : ` except ${except.join(", ")}`}`,
    command: "ls /usr/share/doc/*/copyright",
    async observe(node) {
      const names = await node.observe(installedPackages, "packages");
      return Promise.all(
        names
          .filter((name) => !except.includes(name))
          .map(async (name) => {
            const seen = await node.observe(fileContents, `/usr/share/doc/${name}/copyright`);
            return { package: name, text: "nothing" in seen ? undefined : seen.bytes.toString("utf8") };
          }),
      );
    },
  });
  const say = (found: readonly LicenceFacts[]) =>
    found.length === 0
      ? "none"
      : `${found.length}: ${found
          .slice(0, 10)
          .map((each) => each.package)
          .join(", ")}${found.length > 10 ? ", …" : ""}`;
  return {
    /** Each package has its copyright file, and something in it. */
    areTold: () =>
      ask("are told", (seen) => {
        const untold = seen.filter(({ text }) => text === undefined || text.trim() === "");
        return verdict(untold.length === 0, "none without", `without: ${say(untold)}`);
      }),
    /** None of these occurs in a copyright file, by name or pattern. A package without the file is not met: it may be any. */
    lack: (...unwanted: readonly [Wanted, ...Wanted[]]) =>
      ask(`lack ${unwanted.map(sayWanted).join(" and ")}`, (seen) => {
        const found = seen.filter(({ text }) => text === undefined || unwanted.some((each) => occurs(each, text)));
        return verdict(found.length === 0, "none", say(found));
      }),
  };
}

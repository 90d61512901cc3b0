// Decides which sentences can be said about packages, as dpkg's database has them. Refuses other package managers.
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";
import type { Wanted } from "./wanted.ts";
import { occurs } from "./wanted.ts";

export interface PackageFacts {
  /** dpkg's word for it: `installed`, `config-files`, `half-configured`. */
  readonly state: string;
  /** Empty where only configuration files are left and dpkg forgot the version. */
  readonly version: string;
  readonly architecture: string;
}

/** Subject: a package name, with `:architecture` where it matters. Answer: `undefined` where dpkg does not know it. */
export const packageFacts: Probe<string, PackageFacts | undefined> = {
  name: "dpkg-query",
  // Without its database dpkg-query would call every package unknown: that is not an answer.
  script: (names) => `export LC_ALL=C
command -v dpkg-query >/dev/null || exit 127
database="\${DPKG_ADMINDIR:-/var/lib/dpkg}/status"
[ -s "$database" ] && [ -r "$database" ] || { echo "dpkg's database $database is missing, empty or not readable" >&2; exit 77; }
dpkg-query -W -f '\${Package}\\t\${db:Status-Status}\\t\${Version}\\t\${Architecture}\\n' -- ${names.map(quoteWord).join(" ")}`,
  parse(output, names) {
    requireTool(output, "dpkg-query", "a package");
    if (output.status === 77) throw failedProbe("cannot look at packages", output.stderr.trim());
    const complaints = output.stderr.split("\n").filter(Boolean);
    const unknown = complaints.map((line) => /^dpkg-query: no packages found matching (\S+)$/.exec(line)?.[1]);
    if (output.status > 1 || unknown.includes(undefined)) throw unreadable("dpkg-query -W", output);
    const found = new Map<string, PackageFacts>();
    for (const line of output.stdout.toString("utf8").split("\n").filter(Boolean)) {
      const [name, state, version, architecture] = line.split("\t");
      if (name === undefined || state === undefined || version === undefined || architecture === undefined)
        throw unreadable("dpkg-query -W", output);
      const facts = { state, version, architecture };
      found.set(`${name}:${architecture}`, facts);
      // Of several architectures, one that is installed speaks for the name.
      if (found.get(name)?.state !== "installed") found.set(name, facts);
    }
    return names.map((name) => {
      const facts = found.get(name);
      if (facts === undefined && !unknown.includes(name)) return unreadable("dpkg-query -W", output);
      return facts !== undefined && facts.state !== "not-installed" ? facts : undefined;
    });
  },
};

/**
 * A Debian package. On a node without dpkg the checks reject.
 * @example await expect(soe).toMeet(pkg("bash").hasVersion("5.2"));
 */
export function pkg(name: string) {
  requireSubject(
    /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?$/.test(name),
    `"${name}" is not a Debian package name`,
    "use lower-case letters, digits, + - . and no wildcards",
  );
  const ask = about<Node, PackageFacts | undefined>({
    subject: `package ${name}`,
    command: `dpkg-query -W -f '\${db:Status-Status} \${Version}\\n' ${name}`,
    observe: (node) => node.observe(packageFacts, name),
  });
  return {
    /** Fully installed: unpacked, configured, no mere rest of configuration files. */
    isInstalled: () =>
      ask("is installed", (seen) => verdict(seen?.state === "installed", "installed", sayPackage(seen))),
    /**
     * Installed with this version, whole or as its beginning at the end of a number: `5.2` is met by `5.2.15-2` and not by
     * `5.20-1`. An epoch counts only where the wanted version has one. A pattern is searched in the whole version.
     */
    hasVersion: (wanted: Wanted) =>
      ask(`has version ${wanted}`, (seen) =>
        verdict(
          seen?.state === "installed" && versionMatches(wanted, seen.version),
          `version ${wanted}`,
          sayPackage(seen),
        ),
      ),
  };
}

/** @example versionMatches("9.2", "1:9.2p1-2+deb12u3") // true */
export function versionMatches(wanted: Wanted, version: string): boolean {
  if (typeof wanted !== "string") return occurs(wanted, version);
  const compared = wanted.includes(":") ? version : version.replace(/^\d+:/, "");
  if (!compared.startsWith(wanted)) return false;
  const next = compared.slice(wanted.length, wanted.length + 1);
  return !(/\d$/.test(wanted) && /^\d/.test(next));
}

function sayPackage(seen: PackageFacts | undefined): string {
  return seen === undefined
    ? "dpkg does not know it"
    : `${seen.state}${seen.version === "" ? "" : `, ${seen.version}`}`;
}

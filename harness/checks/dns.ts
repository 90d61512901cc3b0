// Decides which sentences can be said about host names, as programs of the node resolve them: hosts file, DNS, whatever it uses.
// "No such name" and "no name server answered" are told apart; only the first is an answer.
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, missingTool, requireTool, unreadable } from "./unanswered.ts";

/** getaddrinfo(3): the name is not known, or known without an address. */
const noSuchName = new Set([-2, -5]);

/**
 * Subject: a host name. Answer: its addresses, none for a name that does not exist. `getent` gives one status for every failure, so
 * that after a failure perl (in every Debian) or python3 is asked for the resolver's own error number.
 */
export const addresses: Probe<string, readonly string[]> = {
  name: "getent ahosts",
  script: (names) => `export LC_ALL=C
command -v getent >/dev/null || exit 127
why_not() {
  perl -MSocket=getaddrinfo -e 'my ($error) = getaddrinfo($ARGV[0]); printf "%d %s", $error, $error' -- "$1" 2>/dev/null && return
  python3 -c 'import socket, sys
try: socket.getaddrinfo(sys.argv[1], None); print(0)
except socket.gaierror as error: print(error.errno, error.strerror)' "$1" 2>/dev/null && return
  echo unknown
}
for name in ${names.map(quoteWord).join(" ")}; do
  found=$(getent ahosts "$name"); status=$?
  printf '%s\\0%s\\0' "$status" "$found"
  [ "$status" = 2 ] && why_not "$name"
  printf '\\0'
done`,
  parse(output, names) {
    requireTool(output, "getent", "a host name's addresses");
    const fields = output.stdout.toString("utf8").split("\0");
    if (fields.length !== names.length * 3 + 1) throw unreadable("getent ahosts", output);
    return names.map((name, index) => {
      const [status, found = "", why = ""] = fields.slice(index * 3);
      if (status === "0") return readAddresses(found) ?? unreadable("getent ahosts", output);
      if (status !== "2") return failedProbe(`cannot resolve ${name}`, `getent ended with status ${status}`);
      const [number, ...words] = why.trim().split(" ");
      if (number === "unknown")
        return missingTool("perl or python3", `whether ${name} does not exist or no name server answered`);
      if (noSuchName.has(Number(number))) return [];
      return failedProbe(
        `cannot resolve ${name}`,
        words.join(" ") || "it did at a second look",
        "look at the node's /etc/resolv.conf and at its networks",
      );
    });
  },
};

/** @example await expect(soe).toMeet(dns("db").resolvesTo("10.0.0.7")); */
export function dns(name: string) {
  requireSubject(
    /^[^\s\0-][^\s\0]*$/.test(name) && isIP(name) === 0,
    `"${name}" is not a host name`,
    "give a name; an address needs no resolving",
  );
  const ask = about<Node, readonly string[]>({
    subject: `name ${name}`,
    command: `getent ahosts ${name}`,
    observe: (node) => node.observe(addresses, name),
  });
  return {
    /** It has an address, whichever. */
    resolves: () => ask("resolves", (seen) => verdict(seen.length > 0, "an address", sayAddresses(seen))),
    /** All of these addresses are among its own. */
    resolvesTo: (...wanted: readonly [string, ...string[]]) =>
      ask(`resolves to ${wanted.join(", ")}`, (seen) =>
        verdict(
          wanted.every((address) => seen.includes(address)),
          wanted.join(", "),
          sayAddresses(seen),
        ),
      ),
  };
}

/** Lines `10.0.0.7 STREAM db`, each address up to three times. `undefined` for anything else. */
function readAddresses(text: string): readonly string[] | undefined {
  const found = text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.split(/\s+/)[0] ?? "");
  return found.length > 0 && found.every((address) => isIP(address.replace(/%.*$/, "")) !== 0)
    ? [...new Set(found)]
    : undefined;
}

function sayAddresses(seen: readonly string[]): string {
  return seen.length === 0 ? "no such name" : seen.join(", ");
}

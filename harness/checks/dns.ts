// Decides which sentences can be said about host names, as programs of the node resolve them: hosts file, DNS, whatever it uses.
// "No such name" and "no name server answered" are told apart; only the first is an answer.
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, missingTool, requireTool, unreadable } from "./unanswered.ts";

/** getaddrinfo(3): the name is not known, or known without an address. */
const noSuchName = new Set([-2, -5]);

// Each prints two fields a name, ended by NUL: the resolver's error number and its words, or 0 and the addresses.
const perl = `for my $name (@ARGV) {
  my ($error, @found) = getaddrinfo($name, undef, { socktype => SOCK_STREAM, flags => AI_ADDRCONFIG });
  my @addresses = map { (getnameinfo($_->{addr}, NI_NUMERICHOST, NIx_NOSERV))[1] } @found;
  printf "%d\\0%s\\0", $error, $error ? $error : join("\\n", @addresses);
}`;
const python = `import socket, sys
for name in sys.argv[1:]:
    try: number, text = 0, "\\n".join(found[4][0] for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))
    except socket.gaierror as error: number, text = error.errno, error.strerror
    sys.stdout.write("%d\\0%s\\0" % (number, text))`;

/**
 * Subject: a host name. Answer: its addresses, none for a name that does not exist. perl (in every Debian) or python3 tell the
 * resolver's error; `getent` has one status for every failure, so that with it alone a failure is not an answer.
 */
export const addresses: Probe<string, readonly string[]> = {
  name: "getaddrinfo",
  script(names) {
    const words = names.map(quoteWord).join(" ");
    return `export LC_ALL=C
if command -v perl >/dev/null; then perl -MSocket=:addrinfo,SOCK_STREAM -e ${quoteWord(perl)} -- ${words}
elif command -v python3 >/dev/null; then python3 -c ${quoteWord(python)} ${words}
elif command -v getent >/dev/null; then
  for name in ${words}; do
    found=$(getent ahosts "$name") && printf '0\\0%s\\0' "$found" || printf '%s\\0\\0' "unknown"
  done
else exit 127; fi`;
  },
  parse(output, names) {
    requireTool(output, "perl, python3 or getent", "a host name's addresses");
    const fields = output.stdout.toString("utf8").split("\0");
    if (output.status !== 0 || fields.length !== names.length * 2 + 1) throw unreadable("getaddrinfo", output);
    return names.map((name, index) => {
      const [number = "", text = ""] = fields.slice(index * 2);
      if (number === "0") return readAddresses(text) ?? unreadable("getaddrinfo", output);
      if (number === "unknown")
        return missingTool("perl or python3", `whether ${name} does not exist or no name server answered`);
      if (noSuchName.has(Number(number))) return [];
      return failedProbe(`cannot resolve ${name}`, text, "look at the node's /etc/resolv.conf and at its networks");
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

/** One address a line; getent writes more after it, and each address up to three times. `undefined` for anything else. */
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

// Decides which sentences can be said about host names, as programs of the node resolve them: hosts file, DNS, whatever it uses.
// "No such name" and "no name server answered" are told apart; only the first is an answer.
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import type { RecordType } from "./dns-packet.ts";
import { type DnsRecord, dnsRecords, readServer } from "./dns-server.ts";
import { fileContents } from "./file-bytes.ts";
import { canonicalAddress } from "./ip-address.ts";
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
 * resolver's error; `getent` has one status for every failure, so that with it alone a failure is not an answer, unless nslookup (of
 * busybox, in Alpine) is told by a name server that there is no such name.
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
    if found=$(getent ahosts "$name"); then printf '0\\0%s\\0' "$found"
    else printf 'unknown\\0%s\\0' "$(nslookup "$name" 2>&1 </dev/null)"; fi
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
      if (number === "unknown" && isNoName(name, text)) return [];
      if (number === "unknown")
        return missingTool("perl, python3 or nslookup", `whether ${name} does not exist or no name server answered`);
      if (noSuchName.has(Number(number))) return [];
      return failedProbe(`cannot resolve ${name}`, text, "look at the node's /etc/resolv.conf and at its networks");
    });
  },
};

export interface DnsOptions {
  /**
   * Asks this name server alone, and neither the hosts file nor what the node would ask: an IP address, with its port where that is
   * not 53. A server that is silent, refuses or fails is no answer.
   */
  readonly server?: string;
}

/** Whole seconds, both included. */
export interface TtlBounds {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/**
 * A host name, as programs of the node resolve it; or as one name server says.
 * @example await expect(soe).toMeet(dns("db").resolvesTo("10.0.0.7"));
 * @example await expect(soe).toMeet(dns("studio.example", { server: "10.0.0.2" }).hasRecord("MX", "10 mail.studio.example"));
 */
export function dns(name: string, { server }: DnsOptions = {}) {
  requireSubject(
    /^[^\s\0-][^\s\0]*$/.test(name) && isIP(name) === 0,
    `"${name}" is not a host name`,
    "give a name; an address needs no resolving",
  );
  if (server !== undefined) requireServer(server);
  const subject = server === undefined ? `name ${name}` : `name ${name} at ${server}`;
  const records = (node: Node, type: RecordType, at: string) => {
    requireLabels(name);
    return node.observe(dnsRecords, { server: at, name, type });
  };
  const ask = about<Node, readonly string[]>({
    subject,
    command: server === undefined ? `getent ahosts ${name}` : `dig +short @${server} ${name} A ${name} AAAA`,
    async observe(node) {
      if (server === undefined) return node.observe(addresses, name);
      const found = await Promise.all([records(node, "A", server), records(node, "AAAA", server)]);
      return found.flat().map(({ value }) => value);
    },
  });
  const askRecords = <Seen>(type: RecordType, read: (found: readonly DnsRecord[]) => Seen) =>
    about<Node, Seen>({
      subject,
      command: `dig ${server === undefined ? "" : `@${server} `}${name} ${type}`,
      observe: async (node) => read(await records(node, type, server ?? (await firstServer(node)))),
    });
  return {
    /** It has an address, whichever. */
    resolves: () => ask("resolves", (seen) => verdict(seen.length > 0, "an address", sayAddresses(seen))),
    /** All of these addresses are among its own. */
    resolvesTo: (...wanted: readonly [string, ...string[]]) =>
      ask(`resolves to ${wanted.join(", ")}`, (seen) => {
        const found = seen.map(canonicalAddress);
        return verdict(
          wanted.every((address) => found.includes(canonicalAddress(address))),
          wanted.join(", "),
          sayAddresses(seen),
        );
      }),
    /**
     * Has records of a type, and all of these among them, written as by `dig +short`; in whichever case, the last dot does not matter.
     * Asks the server, or without one the first of the node's resolv.conf. An address is asked about by its name below `arpa`.
     * @example dns("_amqp._tcp.studio.example").hasRecord("SRV", "0 5 5672 broker.studio.example")
     * @example dns("7.0.0.10.in-addr.arpa").hasRecord("PTR", "db.studio.example")
     */
    hasRecord: (type: RecordType, ...wanted: readonly string[]) =>
      askRecords(type, (found) => found.map(({ value }) => value))(
        `has ${wanted.length === 0 ? `a record ${type}` : `${type} ${wanted.join(" and ")}`}`,
        (seen) => {
          const found = seen.map(plain);
          return verdict(
            found.length > 0 && wanted.every((each) => found.includes(plain(each))),
            wanted.join(", ") || `a record ${type}`,
            seen.join(", ") || `no record ${type}`,
          );
        },
      ),
    /**
     * All records of a type may be kept for so many seconds: exactly, or between bounds; what a server has from another one's answer grows
     * younger. Asks whom `hasRecord` asks. With busybox's nslookup alone it is errored: that does not tell.
     * @example dns("db.studio.example", { server }).hasTtl("A", 60)
     * @example dns("www.studio.example").hasTtl("A", { atLeast: 1, atMost: 300 })
     */
    hasTtl: (type: RecordType, wanted: number | TtlBounds) => {
      const { atLeast = 0, atMost = longestTtl } =
        typeof wanted === "number" ? { atLeast: wanted, atMost: wanted } : wanted;
      requireSubject(
        [atLeast, atMost].every((each) => Number.isInteger(each) && each >= 0 && each <= longestTtl) &&
          atLeast <= atMost,
        `${JSON.stringify(wanted)} is no time to live`,
        `give whole seconds, 0 to ${longestTtl}: 60, or { atLeast: 1, atMost: 300 }`,
      );
      const said = sayTtl(atLeast, atMost);
      const read = (found: readonly DnsRecord[]) => [...new Set(found.map(ttlOf))];
      return askRecords(type, read)(`has TTL ${said} on ${type}`, (seen) =>
        verdict(
          seen.length > 0 && seen.every((ttl) => ttl >= atLeast && ttl <= atMost),
          said,
          seen.map((ttl) => `${ttl}s`).join(", ") || `no record ${type}`,
        ),
      );
    },
  };
}

/** RFC 2181, section 8. */
const longestTtl = 2 ** 31 - 1;

function sayTtl(atLeast: number, atMost: number): string {
  if (atLeast === atMost) return `${atLeast}s`;
  if (atMost === longestTtl) return `at least ${atLeast}s`;
  return atLeast === 0 ? `at most ${atMost}s` : `${atLeast}s to ${atMost}s`;
}

function ttlOf({ value, ttl }: DnsRecord): number {
  if (ttl === undefined) throw missingTool("python3, perl or bash", `how long ${value} may be kept`);
  return ttl;
}

/** As it is compared: names of any case, with or without the dot at their end. */
function plain(record: string): string {
  return canonicalAddress(record.toLowerCase().replace(/\.$/, ""));
}

function requireServer(server: string): void {
  requireSubject(
    readServer(server) !== undefined,
    `"${server}" is not a name server's address`,
    'write an IP address, as in "10.0.0.2", "10.0.0.2:5353" or "[fd00::2]:5353"',
  );
}

/** Longer names fit into no question. */
function requireLabels(name: string): void {
  const labels = name.replace(/\.$/, "").split(".");
  if (name.length > 253 || labels.some((label) => label === "" || Buffer.byteLength(label) > 63))
    throw failedProbe(`cannot ask about ${name.slice(0, 80)}`, "parts of a name are 1 to 63 bytes long, all of it 253");
}

async function firstServer(node: Node): Promise<string> {
  const seen = await node.observe(fileContents, "/etc/resolv.conf");
  const text = "nothing" in seen ? "" : seen.bytes.toString("utf8");
  const server = /^\s*nameserver\s+(\S+)/m.exec(text)?.[1];
  if (server === undefined || readServer(server) === undefined)
    throw failedProbe("cannot see which name server to ask", "/etc/resolv.conf names none", "give dns() a server");
  return server;
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

/** nslookup's word for the name itself, and for no other that a search list made of it. */
function isNoName(name: string, said: string): boolean {
  const failures = [...said.matchAll(/^\*\* server can't find (\S+?)\.?: (\S+)$/gm)];
  return failures.length > 0 && failures.every(([, asked, why]) => asked === name && why === "NXDOMAIN");
}

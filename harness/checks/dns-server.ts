// Decides how one name server is asked from inside a node: the question is made and the answer read here, and only carried there, by
// python3, perl or bash; where there is busybox alone, its nslookup asks. Silence, a refusal and a server's own failure are no answers: only "no such name" is a no.
import { randomInt } from "node:crypto";
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import { dnsQuery, type RecordType, readDnsAnswer, recordTypes } from "./dns-packet.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface DnsQuestion {
  /** An IP address, and its port where it is not 53: `10.0.0.2`, `127.0.0.1:5353`, `[fd00::2]:5353`. */
  readonly server: string;
  readonly name: string;
  readonly type: RecordType;
}

/** A record of a name. */
export interface DnsRecord {
  /** As dig(1) `+short` writes it, names without their last dot. */
  readonly value: string;
  /** Seconds that it may be kept; absent where busybox's nslookup asked, which does not tell. */
  readonly ttl?: number;
}

/** Longest wait for an answer; the question is asked once more after it. */
const seconds = 2;

/** Nobody answers with it by chance. */
const id = randomInt(0x10000);

// Each prints a word, and the answer in hexadecimal or why there is none.
const python = `import socket, sys
server = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
server.settimeout(${seconds})
try:
    server.connect((sys.argv[1], int(sys.argv[2])))
    for tries in (1, 0):
        try:
            server.send(bytes.fromhex(sys.argv[3])); print("answer", server.recv(65535).hex()); break
        except socket.timeout:
            if not tries: print("silence")
except OSError as error: print("refusal", error.strerror or error)`;
const perl = `use Socket; use IO::Socket::IP; use IO::Select;
my $server = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Proto => "udp") or do { print "refusal $@\\n"; exit };
for (1, 2) {
  $server->send(pack "H*", $ARGV[2]) // do { print "refusal $!\\n"; exit };
  next unless IO::Select->new($server)->can_read(${seconds});
  defined $server->recv(my $answer, 65535) or do { print "refusal $!\\n"; exit };
  print "answer ", unpack("H*", $answer), "\\n"; exit;
}
print "silence\\n";`;

/** Subject: a server and a question. Answer: the records of that type, none where there is no such name. */
export const dnsRecords: Probe<DnsQuestion, readonly DnsRecord[]> = {
  name: "dns",
  // A question has to leave in one piece, whatever the shell makes of line breaks in it: dd gathers it.
  script: (questions) => `export LC_ALL=C
has() { for tool do command -v "$tool" >/dev/null || return 1; done; }
ask() {
  if has python3; then python3 -c ${quoteWord(python)} "$1" "$2" "$3"
  elif has perl; then perl -e ${quoteWord(perl)} "$1" "$2" "$3"
  elif has bash timeout dd od tr; then
    printf 'answer '
    timeout ${seconds} bash -c 'exec 3<>"/dev/udp/$1/$2"; printf "$3" | dd ibs=1 obs=4096 >&3; dd bs=65535 count=1 <&3' bash "$1" "$2" "$4" | od -An -v -tx1 | tr -d ' \\n'
  elif [ "$5" != - ] && has nslookup tr && nslookup --help 2>&1 | grep -q '^BusyBox'; then
    printf 'nslookup '
    nslookup "-type=$5" "$6" "$7" 2>&1 </dev/null | tr '\\n' '\\036'
  else echo missing; fi
} 2>/dev/null
${questions
  .map(({ server, name, type }, index) => {
    const { host, port } = serverAddress(server);
    const query = dnsQuery(id, name, type);
    const octal = [...query].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    const lookup = type in nslookupLines ? type.toLowerCase() : "-";
    const words = [host, String(port), query.toString("hex"), octal, lookup, name, server].map(quoteWord).join(" ");
    return `{ said=$(ask ${words}); printf '${index} %s\\n' "$said"; } &`;
  })
  .join("\n")}
wait`,
  parse(output, questions) {
    const lines = output.stdout.toString("utf8").split("\n");
    return questions.map(({ server, name, type }, index) => {
      const line = lines.find((each) => each.startsWith(`${index} `))?.slice(`${index} `.length) ?? "";
      const [, word, said = ""] = /^(answer|refusal|silence|nslookup|missing) ?(.*)$/.exec(line) ?? [];
      const hint = "see whether a name server is there, and whether the node reaches it";
      if (word === "missing")
        return missingTool(
          "python3, perl, (with timeout, dd and od) bash, or busybox's nslookup",
          `what ${server} says`,
        );
      if (word === "refusal") return failedProbe(`cannot ask the name server ${server}`, said || "refused", hint);
      if (word === "silence" || (word === "answer" && said === ""))
        return failedProbe(`cannot ask the name server ${server}`, "it does not answer", hint);
      const looked = word === "nslookup" ? readNslookup(said.split("\x1e"), type) : undefined;
      if (looked === "silence") return failedProbe(`cannot ask the name server ${server}`, "it does not answer", hint);
      if (typeof looked === "string")
        return failedProbe(`the name server ${server} has no answer about ${name}`, looked);
      if (looked !== undefined) return looked.map((value) => ({ value }));
      const answer = word === "answer" ? readDnsAnswer(id, Buffer.from(said, "hex")) : undefined;
      if (answer === undefined) return unreadable("dns", output);
      if (answer.code !== 0 && answer.code !== 3)
        return failedProbe(`the name server ${server} has no answer about ${name}`, sayCode(answer.code));
      if (answer.cut) return failedProbe(`cannot read all that ${server} says of ${name}`, "it is cut off");
      return answer.records.filter((each) => each.type === recordTypes[type]).map(({ value, ttl }) => ({ value, ttl }));
    });
  },
};

/** How busybox's nslookup writes a record; of TXT it writes the first part alone, of SOA several lines, of CAA nothing. */
const nslookupLines: Readonly<Partial<Record<RecordType, RegExp>>> = {
  A: /^Address: (\d+(?:\.\d+){3})$/,
  AAAA: /^Address: ([\da-f:]+)$/,
  CNAME: /\tcanonical name = (.+)$/,
  MX: /\tmail exchanger = (\d+ .+)$/,
  NS: /\tnameserver = (.+)$/,
  PTR: /\tname = (.+)$/,
  SRV: /\tservice = (\d+ \d+ \d+ .+)$/,
};

/** Values; or why there are none, in a word of the server's; `undefined` for what nslookup does not say. */
function readNslookup(lines: readonly string[], type: RecordType): readonly string[] | string | undefined {
  if (lines.some((line) => /timed out; no servers|Connection refused$/.test(line))) return "silence";
  const [server, address, empty, ...said] = lines;
  if (!/^Server:\t/.test(server ?? "") || !/^Address:\t/.test(address ?? "") || empty !== "") return undefined;
  const failure = said.map((line) => /^\*\* server can't find \S+: (\w+)$/.exec(line)?.[1]).find(Boolean);
  if (failure !== undefined) return failure === "NXDOMAIN" ? [] : `it says ${failure}`;
  return said.flatMap((line) => nslookupLines[type]?.exec(line)?.[1] ?? []);
}

/** Host and port of a server; `undefined` for what is no address. @example serverAddress("[fd00::2]:5353") // { host: "fd00::2", port: 5353 } */
export function readServer(server: string): { readonly host: string; readonly port: number } | undefined {
  if (isIP(server) !== 0) return { host: server, port: 53 };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(server) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = Number(digits);
  return isIP(host) === (bracketed === undefined ? 4 : 6) && port >= 1 && port <= 65535 ? { host, port } : undefined;
}

function serverAddress(server: string): { readonly host: string; readonly port: number } {
  const read = readServer(server);
  if (read === undefined) throw failedProbe(`cannot ask the name server ${server}`, "it is no address");
  return read;
}

/** RFC 1035 section 4.1.1. */
function sayCode(code: number): string {
  const words = ["no error", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
  return `it says ${words[code] ?? `code ${code}`}`;
}

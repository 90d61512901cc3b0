// Decides how a TCP connection is tried from inside a node: by python3, perl, bash, or busybox's nc, whichever is there. Each tells refusal from a
// name that cannot be resolved; a program that does not is left alone.
import { type Probe, quoteWord } from "../model/check.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface Reach {
  readonly reached: boolean;
  /** `connected`, or why not in the system's words. */
  readonly said: string;
}

/** Longest wait for a connection. */
const seconds = 2;

// Each prints a word and why: open, shut, or name.
const python = `import socket, sys
near = (sys.argv[3], 0) if sys.argv[3] else None
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), ${seconds}, near).close(); print("open connected")
except socket.gaierror as error: print("name %d %s" % (error.errno, error.strerror))
except OSError as error: print("shut", error.strerror or error)`;
const perl = `use Socket qw(:addrinfo SOCK_STREAM); use IO::Socket::IP;
my ($error) = getaddrinfo($ARGV[0], $ARGV[1], { socktype => SOCK_STREAM });
if ($error) { printf "name %d %s\\n", $error, $error; exit }
my $socket = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Timeout => ${seconds}, $ARGV[2] ? (LocalHost => $ARGV[2]) : ());
print $socket ? "open connected\\n" : "shut $@\\n";`;

/** Subject: host, port and, where it matters, the node's own address to try from, parted by spaces. All are tried at the same time. */
export const reachable: Probe<string, Reach> = {
  name: "connect",
  script: (subjects) => `export LC_ALL=C
try() {
  if command -v python3 >/dev/null; then python3 -c ${quoteWord(python)} "$1" "$2" "$3"
  elif command -v perl >/dev/null; then perl -e ${quoteWord(perl)} "$1" "$2" "$3"
  elif [ -n "$3" ]; then echo missing
  elif command -v bash >/dev/null && command -v timeout >/dev/null && command -v getent >/dev/null; then
    getent ahosts "$1" >/dev/null || { echo "name 0 the name $1 cannot be resolved"; return; }
    said=$(timeout ${seconds} bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>&1)
    # A bash that was built without the network takes the address for a file.
    case "$? $said" in 0*) echo "open connected" ;; 124*) echo "shut timed out" ;; *"No such file or directory") echo missing ;; *) echo "shut \${said##*: }" ;; esac
  elif nc --help 2>&1 | grep -q '^BusyBox'; then
    # What it runs once it is connected ends at once.
    said=$(nc -w ${seconds} "$1" "$2" -e true 2>&1 </dev/null) && { echo "open connected"; return; }
    case $said in *"bad address"*) echo "name 0 the name $1 cannot be resolved" ;; 
    "nc: timed out") case $1 in *[!0-9.:]*) echo "name 0 the name $1 was not resolved, or nobody answered, in time" ;; *) echo "shut timed out" ;; esac ;;
    "nc: can't connect"*) echo "shut \${said##*: }" ;; *) echo missing ;; esac
  else echo missing; fi
}
${subjects
  .map((subject, index) => {
    const [host = "", port = "", from = ""] = subject.split(" ");
    return `{ said=$(try ${quoteWord(host)} ${quoteWord(port)} ${quoteWord(from)} 2>/dev/null); printf '${index} %s\\n' "$said"; } &`;
  })
  .join("\n")}
wait`,
  parse(output, subjects) {
    const lines = output.stdout.toString("utf8").split("\n").filter(Boolean);
    return subjects.map((subject, index) => {
      const line = lines.find((each) => each.startsWith(`${index} `))?.slice(`${index} `.length) ?? "";
      const [, word, said = ""] = /^(open|shut|name|missing) ?(.*)$/.exec(line) ?? [];
      const [host, , from] = subject.split(" ");
      if (word === "missing" && from !== undefined)
        return missingTool("python3 or perl", `what can be reached from ${from}`);
      if (word === "missing")
        return missingTool("python3, perl, (with timeout and getent) bash, or busybox's nc", "what can be reached");
      if (from !== undefined && /cannot assign requested address/i.test(said))
        return failedProbe(
          `cannot try from ${from}`,
          said,
          "see which addresses the node has: networkInterface(…).hasAddress(…)",
        );
      if (word === "open" && said === "connected") return { reached: true, said };
      if (word === "shut" && said !== "") return { reached: false, said };
      // getaddrinfo(3): -2 and -5 are a name that does not exist, or has no address.
      if (word === "name" && /^-[25] /.test(said)) return { reached: false, said: said.slice("-2 ".length) };
      if (word === "name") return failedProbe(`cannot resolve ${host}`, said.replace(/^-?\d+ /, ""));
      return unreadable("connect", output);
    });
  },
};

// Decides how a byte stream to a TCP port leads through a node: a small program there connects, says whether it could, and passes bytes
// on. It is what the node has: python3, perl, bash or busybox's nc. Speaks no protocol; nothing listens anywhere.
import { once } from "node:events";
import { connect } from "node:net";
import { Duplex, type Readable, Writable } from "node:stream";
import { TransportError } from "../model/errors.ts";
import type { Channel } from "./transport.ts";

/** Where a stream leads, as seen from the node. */
export interface TunnelEnd {
  /** A name that the node can resolve, or an address. */
  readonly host: string;
  readonly port: number;
}

/** Longest wait for a connection. */
const seconds = 5;

const python = `import os, socket, sys, threading
def end(*words):
    print(*words, flush=True); os._exit(0)
try: there = socket.create_connection((sys.argv[1], int(sys.argv[2])), ${seconds})
except socket.gaierror as error: end("unknown", error.strerror)
except ConnectionRefusedError as error: end("refused", error.strerror)
except OSError as error: end("failed", error.strerror or error)
there.settimeout(None); there.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("connected", flush=True)
def up():
    try:
        while data := os.read(0, 65536): there.sendall(data)
        there.shutdown(socket.SHUT_WR)
    except OSError: pass
threading.Thread(target=up, daemon=True).start()
try:
    while data := there.recv(65536):
        while data: data = data[os.write(1, data):]
except OSError: pass
os._exit(0)`;

const perl = `use IO::Socket::IP;
my $there = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Type => SOCK_STREAM, Timeout => ${seconds});
if (!$there) { my $why = $@; print(($why =~ /refused/i ? "refused" : $why =~ /not known|resolution/i ? "unknown" : "failed"), " $why\\n"); exit }
$there->blocking(1); $there->setsockopt(6, 1, 1);
syswrite STDOUT, "connected\\n";
sub pass { my ($from, $to) = @_; while (sysread $from, my $data, 65536) { my $at = 0;
  while ($at < length $data) { my $done = syswrite $to, $data, length($data) - $at, $at; return unless defined $done; $at += $done } } }
my $up = fork;
if (!$up) { pass(*STDIN, $there); shutdown $there, 1; exit }
pass($there, *STDOUT); kill 9, $up;`;

// Its own words for why are on standard error; a connection that came about while they were looked for is not used.
const bash = `if { exec 3<>"/dev/tcp/$1/$2"; } 2>/dev/null; then
  echo connected; cat <&0 >&3 & cat <&3; kill $! 2>/dev/null
else
  why=$( { exec 3<>"/dev/tcp/$1/$2"; } 2>&1 )
  case $why in *refused*) echo "refused Connection refused" ;; *"not known"* | *resolution*) echo "unknown $2" ;; *) echo "failed \${why##*: }" ;; esac
fi`;

// $1 $2: where; the rest: the shell that runs here, for nc to start. What it starts has the connection on 0 and 1.
const script = `export LC_ALL=C
host=$1 port=$2; shift 2
if command -v python3 >/dev/null; then exec python3 -c "$ASSAY_PYTHON" "$host" "$port"
elif command -v perl >/dev/null && perl -MIO::Socket::IP -e 1 2>/dev/null; then exec perl -e "$ASSAY_PERL" "$host" "$port"
elif command -v bash >/dev/null && command -v cat >/dev/null; then exec bash -c "$ASSAY_BASH" bash "$host" "$port"
elif nc --help 2>&1 | grep -q '^BusyBox'; then
  exec 8<&0 9>&1
  why=$(nc -w ${seconds} "$host" "$port" -e "$@" -c 'echo connected >&9; cat <&8 & cat >&9; kill $!' 2>&1 </dev/null)
  case $why in '') ;; *refused*) echo "refused $why" ;; *"bad address"*) echo "unknown $why" ;; *) echo "failed $why" ;; esac
else echo missing
fi`;

/**
 * What a node is asked to run: `shell` is its own, or one brought along. The programs stand in words of it, so that the command is one
 * array and no text is made of `end`.
 */
export function tunnelCommand(shell: readonly [string, ...string[]], { host, port }: TunnelEnd): [string, ...string[]] {
  const given = `ASSAY_PYTHON=$1 ASSAY_PERL=$2 ASSAY_BASH=$3; shift 3\n${script}`;
  return [...shell, "-c", given, "sh", python, perl, bash, host, String(port), ...shell] as [string, ...string[]];
}

/**
 * The stream that a started program of `tunnelCommand` gives, once it says that it is connected. Rejects with a `TransportError`:
 * `refused` (nobody listens), `unknown-host`, `no-connection` (silence, no way there), `no-relay` (none of the tools is there).
 */
export async function tunnelOver(channel: Channel, node: string, end: TunnelEnd): Promise<Duplex> {
  const said: Buffer[] = [];
  channel.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  channel.stdin.on("error", () => undefined);
  const line = await firstLine(channel.stdout);
  if (line === "connected") return asSocket(streamOf(channel));
  // Its last words come with its end.
  if (line === "") await channel.ended;
  channel.destroy();
  const [word = "", ...why] = line.split(" ");
  throw notConnected(node, end, word, why.join(" ") || Buffer.concat(said).toString("utf8").trim().slice(-300));
}

/** The same from this machine itself, without a program between. */
export async function tunnelFromHere(node: string, end: TunnelEnd): Promise<Duplex> {
  const socket = connect({ ...end, noDelay: true });
  const late = setTimeout(
    () => socket.destroy(Object.assign(new Error("no answer"), { code: "late" })),
    seconds * 1000,
  );
  try {
    await once(socket, "connect");
    return socket;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const word =
      code === "ECONNREFUSED" ? "refused" : code === "ENOTFOUND" || code === "EAI_AGAIN" ? "unknown" : "failed";
    throw notConnected(node, end, word, message);
  } finally {
    clearTimeout(late);
  }
}

function notConnected(node: string, { host, port }: TunnelEnd, word: string, why: string): TransportError {
  const there = `${host}:${port}`;
  const told = why === "" ? "" : ` (${why})`;
  const facts: Record<string, { code: string; seen: string; hint?: string }> = {
    refused: { code: "refused", seen: `nobody listens on ${there}` },
    unknown: { code: "unknown-host", seen: `the name ${host} cannot be resolved there${told}` },
    failed: { code: "no-connection", seen: `no connection to ${there}${told}` },
    missing: {
      code: "no-relay",
      seen: `no connection to ${there}: none of python3, perl, bash or busybox's nc is there`,
      hint: 'add one to the image, or let ours look: container({ probedBy: "busybox" })',
    },
  };
  const lost = { code: "no-connection", seen: `no connection to ${there}: what was to make it ended${told}` };
  return new TransportError({ phase: "exec", node, ...(facts[word] ?? lost) });
}

/** Takes the first line off a stream; what follows stays in it. Empty where it ends before one does. */
async function firstLine(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for (;;) {
    const part = stream.read() as Buffer | null;
    if (part === null) {
      if (stream.readableEnded || stream.destroyed) return "";
      await Promise.race([once(stream, "readable"), once(stream, "end"), once(stream, "close")]);
      continue;
    }
    const at = part.indexOf(10);
    parts.push(at === -1 ? part : part.subarray(0, at));
    if (at === -1) continue;
    if (at + 1 < part.length) stream.unshift(part.subarray(at + 1));
    return Buffer.concat(parts).toString("utf8");
  }
}

/**
 * A program's streams as one; closed when either side ends it. A program that has ended takes its input with it, often before the last of
 * what it said was read: that is an end, and an error for those alone who write on.
 */
export function streamOf(channel: Channel): Duplex {
  channel.stderr.resume();
  const { stdin } = channel;
  const writable = new Writable({
    write: (chunk: Buffer, encoding, done) => void stdin.write(chunk, encoding, done),
    final: (done) => void stdin.end(done),
  });
  const stream = Duplex.from({ readable: channel.stdout, writable });
  void channel.ended.then(() => stream.destroy());
  stream.once("close", () => channel.destroy());
  // Ending what nobody uses any more is no error that somebody must hear of.
  stream.on("error", () => undefined);
  return stream;
}

/** What clients ask of a socket, and another stream has not. */
export function asSocket(stream: Duplex): Duplex {
  const same = () => stream;
  return Object.assign(stream, { setKeepAlive: same, setNoDelay: same, setTimeout: same, ref: same, unref: same });
}

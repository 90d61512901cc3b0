// Decides how one HTTP GET is made: from this process for the host, inside the node by what it has: curl, python3 or bash.
// Follows no redirects and uses no proxy. Nobody listening is an answer; a name that cannot be resolved or a missing tool is not.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** What came back: a response, or why there was none. */
export type Exchange =
  | {
      readonly status: number;
      /** Lower-case name → value; several of one name are joined by ", ". */
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | { readonly refused: string };

/** Longest wait for one response. */
export const httpTimeoutMs = 5000;

const seconds = httpTimeoutMs / 1000;

// http.client follows nothing and reads no proxy variables. Exit statuses are curl's, so that one parser reads both.
const python = `import http.client, socket, ssl, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
def end(status, error):
    print(error, file=sys.stderr); sys.exit(status)
try:
    connection = kind(url.hostname, url.port, timeout=${seconds})
    connection.request("GET", (url.path or "/") + ("?" + url.query if url.query else ""), headers={"Accept": "*/*"})
    answer = connection.getresponse()
    head = "HTTP/1.1 %d %s\\r\\n" % (answer.status, answer.reason)
    head += "".join("%s: %s\\r\\n" % pair for pair in answer.getheaders()) + "\\r\\n"
    sys.stdout.buffer.write(head.encode("latin1") + answer.read())
except socket.gaierror as error: end(6, error)
except socket.timeout as error: end(28, error)
except ssl.SSLError as error: end(60, error)
except ConnectionRefusedError as error: end(7, error)
except (OSError, http.client.HTTPException) as error: end(56, error)`;

// An address needs no look-up. HTTP 1.0 keeps the answer in one piece and ends it with the connection.
const bash = `host=$1 port=$2 target=$3 authority=$4
getent ahosts "$host" >/dev/null || { echo "the name $host cannot be resolved" >&2; exit 6; }
{ exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null || { echo "connection to $host port $port failed" >&2; exit 7; }
printf 'GET %s HTTP/1.0\\r\\nHost: %s\\r\\nAccept: */*\\r\\n\\r\\n' "$target" "$authority" >&3
cat <&3`;

/** Subject: an absolute URL. One after the other: a URL that hangs holds up the others asked for in the same tick. */
export const httpExchange: Probe<string, Exchange> = {
  name: "http",
  script: (urls) => `export LC_ALL=C
get() {
  if command -v curl >/dev/null; then curl -q -sS -i --noproxy '*' --max-time ${seconds} -- "$1"
  elif command -v python3 >/dev/null; then python3 -c ${quoteWord(python)} "$1"
  elif [ "$2" = http ] && command -v bash >/dev/null && command -v timeout >/dev/null; then
    timeout ${seconds} bash -c ${quoteWord(bash)} bash "$3" "$4" "$5" "$6"; status=$?
    [ $status != 124 ] || { echo "timed out" >&2; return 28; }
    return $status
  else return 127; fi
}
exec 3>&1
${urls.map((url) => `error=$(get ${getArguments(url)} 2>&1 >&3); ${endFrame('"$? $error"')}`).join("\n")}`,
  parse(output, urls) {
    const frames = readFrames("http", output, urls.length);
    return urls.map((url, index) => {
      const { bytes, words } = frames[index] as Frame;
      const [, status = "", reason = ""] = /^(\d+) (.*)$/s.exec(words) ?? [];
      if (status === "0") return readResponse(bytes) ?? unreadable("http", { ...output, stdout: bytes });
      if (status === "127") return missingTool("curl, python3 or (for http) bash with timeout", "what a URL answers");
      const said = reason.trim().split("\n").at(-1) ?? "";
      if (noResponse.has(Number(status))) return { refused: said || `curl status ${status}` };
      return failedProbe(`cannot ask ${url}`, said || `status ${status}`);
    });
  },
};

/** curl's exit statuses for "the other side did not answer properly": refused, cut off, too slow, TLS, empty. */
const noResponse = new Set([7, 18, 28, 35, 52, 56, 60]);
const noName = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_FAIL"]);

/** The same from this process. Rejects with an `ObservationError` where the name cannot be resolved. */
export function exchangeFromHere(url: string): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    // Not by an import, which would load all of fetch and WebSocket with it, in each process of specs.
    const { request } = process.getBuiltinModule(url.startsWith("https:") ? "node:https" : "node:http");
    const signal = AbortSignal.timeout(httpTimeoutMs);
    const failed = (error: NodeJS.ErrnoException) => {
      if (signal.aborted) resolve({ refused: `no answer within ${httpTimeoutMs} ms` });
      else if (noName.has(error.code ?? "")) reject(failedProbe(`cannot ask ${url}`, error.message));
      else resolve({ refused: error.message || (error.code ?? "no reason was given") });
    };
    request(url, { agent: false, signal, headers: { accept: "*/*" } }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("error", failed);
      response.once("end", () => {
        const headers: Record<string, string> = {};
        for (const [name, value] of Object.entries(response.headersDistinct)) headers[name] = (value ?? []).join(", ");
        resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(parts).toString("utf8") });
      });
    })
      .once("error", failed)
      .end();
  });
}

/** A response as it is on the wire, its body already in one piece. `undefined` for anything else. */
export function readResponse(bytes: Buffer): Exchange | undefined {
  const separator = /\r?\n\r?\n/.exec(bytes.toString("latin1"));
  const head = bytes.toString("latin1", 0, separator?.index).split(/\r?\n/);
  const status = /^HTTP\/[\d.]+ (\d{3})/.exec(head[0] ?? "")?.[1];
  if (separator === null || status === undefined) return undefined;
  const headers: Record<string, string> = {};
  for (const line of head.slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(status), headers, body: bytes.toString("utf8", separator.index + separator[0].length) };
}

function getArguments(url: string): string {
  const { protocol, hostname, port, pathname, search, host } = new URL(url);
  const bare = hostname.replace(/^\[|\]$/g, "");
  return [url, protocol.slice(0, -1), bare, port || "80", pathname + search, host].map(quoteWord).join(" ");
}

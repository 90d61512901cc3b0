// Decides how one HTTP request is made: from this process for the host, inside the node by what it has: curl, python3, bash or nc.
// Uses no proxy. Nobody listening is an answer; a name that cannot be resolved or a missing tool is not.
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { curlConfig, type HttpRequest, httpRequest, isPlain, wireRequest } from "./http-request.ts";
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

// A request may hold a password: it is given to each on standard input, and is no process's argument.
// http.client follows nothing and reads no proxy variables. Exit statuses are curl's, so that one parser reads all.
const python = `import http.client, json, socket, ssl, sys, urllib.parse
asked = json.load(sys.stdin)
def end(status, error):
    print(error, file=sys.stderr); sys.exit(status)
def ask(url):
    at = urllib.parse.urlsplit(url)
    if at.scheme == "https":
        try:
            trust = ssl.create_default_context(cafile=asked.get("ca"))
            if asked["insecure"]: trust.check_hostname = False; trust.verify_mode = ssl.CERT_NONE
            if "certificate" in asked: trust.load_cert_chain(asked["certificate"], asked.get("key"))
        except OSError as error: end(58, error)
        connection = http.client.HTTPSConnection(at.hostname, at.port, timeout=asked["timeoutMs"] / 1000, context=trust)
    else: connection = http.client.HTTPConnection(at.hostname, at.port, timeout=asked["timeoutMs"] / 1000)
    body = asked["body"].encode() if "body" in asked else None
    connection.request(asked["method"], (at.path or "/") + ("?" + at.query if at.query else ""), body, {"Accept": "*/*", **asked["headers"]})
    return connection.getresponse()
try:
    url = asked["url"]
    for left in range(asked["follow"], -1, -1):
        answer = ask(url)
        place = answer.getheader("Location")
        if asked["follow"] == 0 or place is None or answer.status not in (301, 302, 303, 307, 308): break
        if left == 0: end(47, "too many redirects")
        there = urllib.parse.urljoin(url, place)
        if urllib.parse.urlsplit(there)[:2] != urllib.parse.urlsplit(url)[:2]:
            asked["headers"] = {name: value for name, value in asked["headers"].items() if name.lower() not in ("authorization", "cookie")}
        url = there
    head = "HTTP/1.1 %d %s\\r\\n" % (answer.status, answer.reason)
    head += "".join("%s: %s\\r\\n" % pair for pair in answer.getheaders()) + "\\r\\n"
    sys.stdout.buffer.write(head.encode("latin1") + answer.read())
except socket.gaierror as error: end(6, error)
except socket.timeout as error: end(28, error)
except ssl.SSLError as error: end(60, error)
except ConnectionRefusedError as error: end(7, error)
except (OSError, http.client.HTTPException) as error: end(56, error)`;

const bash = `host=$1 port=$2
{ exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null || { echo "connection to $host port $port failed" >&2; exit 7; }
cat >&3
cat <&3`;

/** Subject: a URL, for a plain GET, or a request. One after the other: one that hangs holds up the others asked for in the same tick. */
export const httpExchange: Probe<string | HttpRequest, Exchange> = {
  name: "http",
  // Of nc, busybox's alone: others tell nothing of why. Time for the answer is no time for its name, where that can be told apart.
  script: (subjects) => `export LC_ALL=C
get() {
  if command -v curl >/dev/null; then printf '%s\\n' "$1" | curl -q -sS -i --noproxy '*' -K -
  elif command -v python3 >/dev/null; then printf %s "$2" | python3 -c ${quoteWord(python)}
  elif [ "$3" = plain ] && command -v bash >/dev/null && command -v timeout >/dev/null; then
    getent ahosts "$5" >/dev/null || { echo "the name $5 cannot be resolved" >&2; return 6; }
    printf %s "$7" 2>/dev/null | timeout "$4" bash -c ${quoteWord(bash)} bash "$5" "$6"; status=$?
    [ $status != 124 ] || { echo "timed out" >&2; return 28; }
    return $status
  elif [ "$3" = plain ] && command -v timeout >/dev/null && nc --help 2>&1 | grep -q '^BusyBox'; then
    { printf %s "$7" | timeout "$4" nc -w "$4" "$5" "$6"; } 2>&1; status=$?
    case $status in 0) ;; 124 | 143) echo "nc: timed out"; return 200 ;; *) return 200 ;; esac
  else return 127; fi
}
exec 3>&1
${subjects.map((subject) => `error=$(get ${getArguments(requestOf(subject))} 2>&1 >&3); ${endFrame('"$? $error"')}`).join("\n")}`,
  parse(output, subjects) {
    const frames = readFrames("http", output, subjects.length);
    return subjects.map((subject, index) => {
      const { url, follow } = requestOf(subject);
      const { bytes, words } = frames[index] as Frame;
      const [, status = "", reason = ""] = /^(\d+) (.*)$/s.exec(words) ?? [];
      if (status === "0") return readResponse(bytes, follow > 0) ?? unreadable("http", { ...output, stdout: bytes });
      if (status === "127")
        return missingTool("curl, python3 or (for plain http) bash with timeout or busybox's nc", "what a URL answers");
      const said = reason.trim().split("\n").at(-1) ?? "";
      if (status === "200") return readNetcat(url, bytes.toString("utf8").trim());
      if (/^curl: \(28\) Resolving timed out/.test(said)) return failedProbe(`cannot ask ${url}`, said);
      if (noResponse.has(Number(status))) return { refused: said || `curl status ${status}` };
      return failedProbe(`cannot ask ${url}`, said || `status ${status}`);
    });
  },
};

function requestOf(subject: string | HttpRequest): HttpRequest {
  return typeof subject === "string" ? httpRequest(subject) : subject;
}

/** What busybox's nc says before it fails. */
function readNetcat(url: string, said: string): Exchange | Error {
  const [, reason] = /^nc: (?:can't connect to .*: (.*)|timed out)$/m.exec(said) ?? [];
  const { hostname } = new URL(url);
  const silent = /^nc: timed out$/m.test(said);
  if (silent && isIP(hostname.replace(/^\[|\]$/g, "")) === 0)
    return failedProbe(`cannot ask ${url}`, "its name was not resolved, or nobody answered, in time");
  if (silent || /^nc: can't connect/m.test(said)) return { refused: reason ?? "timed out" };
  return failedProbe(`cannot ask ${url}`, said || "nc failed without a word");
}

/** curl's exit statuses for "the other side did not answer properly": refused, cut off, too slow, TLS, redirects without end, empty. */
const noResponse = new Set([7, 18, 28, 35, 47, 51, 52, 56, 60]);
const noName = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_FAIL"]);

/** The same from this process. Rejects with an `ObservationError` where the name cannot be resolved or a file is not there. */
export async function exchangeFromHere(subject: string | HttpRequest): Promise<Exchange> {
  const request = requestOf(subject);
  const signal = AbortSignal.timeout(request.timeoutMs);
  const read = async (path: string | undefined) =>
    path === undefined
      ? undefined
      : readFile(path).catch((error: Error) => {
          throw failedProbe(`cannot ask ${request.url}`, error.message);
        });
  const [ca, cert, key] = await Promise.all([read(request.ca), read(request.certificate), read(request.key)]);
  let { url, headers } = request;
  for (let left = request.follow; ; left--) {
    const seen = await exchangeOnce({ ...request, url, headers }, { ca, cert, key }, signal);
    const place = "headers" in seen && redirects.has(seen.status) ? seen.headers["location"] : undefined;
    if (request.follow === 0 || place === undefined) return seen;
    if (left === 0) return { refused: "too many redirects" };
    if (!URL.canParse(place, url)) return { refused: `it redirects to ${JSON.stringify(place)}, which is no URL` };
    const there = new URL(place, url);
    if (there.origin !== new URL(url).origin) headers = withoutLogin(headers);
    url = there.href;
  }
}

/** What a login is for is no other server's business: as curl has it. */
function withoutLogin(headers: HttpRequest["headers"]): HttpRequest["headers"] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)));
}

/** Most bytes of a body that are read by this process. */
const mostBody = 64 * 1024 * 1024;
/** What this process lacks says nothing of who is asked. */
const ownWant = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

const redirects = new Set([301, 302, 303, 307, 308]);

function exchangeOnce(
  { url, method, headers, body, insecure, timeoutMs }: HttpRequest,
  identity: Readonly<Record<"ca" | "cert" | "key", Buffer | undefined>>,
  signal: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    // Not by an import, which would load all of fetch and WebSocket with it, in each process of specs.
    const { request } = process.getBuiltinModule(url.startsWith("https:") ? "node:https" : "node:http");
    const failed = (error: NodeJS.ErrnoException) => {
      if (signal.aborted) resolve({ refused: `no answer within ${timeoutMs} ms` });
      else if (noName.has(error.code ?? "") || ownWant.has(error.code ?? ""))
        reject(failedProbe(`cannot ask ${url}`, error.message));
      else resolve({ refused: error.message || (error.code ?? "no reason was given") });
    };
    const given = Object.fromEntries(Object.entries(identity).filter(([, bytes]) => bytes !== undefined));
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const options = { agent: false, signal, method, headers: { accept: "*/*", ...length, ...headers } } as const;
    const receive = (response: IncomingMessage) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes <= mostBody) return;
        reject(failedProbe(`cannot read what ${url} answers`, `it is longer than ${mostBody} bytes`));
        response.destroy();
      });
      response.once("error", failed);
      response.once("end", () => {
        const held: Record<string, string> = {};
        for (const [name, value] of Object.entries(response.headersDistinct)) held[name] = (value ?? []).join(", ");
        resolve({
          status: response.statusCode ?? 0,
          headers: held,
          body: Buffer.concat(parts).toString("utf8"),
        });
      });
    };
    try {
      request(url, { ...options, ...given, rejectUnauthorized: !insecure }, receive)
        .once("error", failed)
        .end(body);
    } catch (error) {
      // A certificate or key that is none is refused before anything is sent.
      reject(failedProbe(`cannot ask ${url}`, (error as Error).message));
    }
  });
}

/**
 * A response as it is on the wire, its body already in one piece. Responses before the last (100, and redirects where they are
 * followed) are passed over. `undefined` for anything else.
 */
export function readResponse(bytes: Buffer, followed = false): Exchange | undefined {
  const separator = /\r?\n\r?\n/.exec(bytes.toString("latin1"));
  const head = bytes.toString("latin1", 0, separator?.index).split(/\r?\n/);
  const status = Number(/^HTTP\/[\d.]+ (\d{3})/.exec(head[0] ?? "")?.[1]);
  if (separator === null || Number.isNaN(status)) return undefined;
  const rest = bytes.subarray(separator.index + separator[0].length);
  const another = /^HTTP\/[\d.]+ \d{3}/.test(rest.toString("latin1", 0, 20));
  if (another && (status < 200 || (followed && redirects.has(status)))) return readResponse(rest, followed);
  const headers: Record<string, string> = {};
  for (const line of head.slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status, headers, body: rest.toString("utf8") };
}

function getArguments(request: HttpRequest): string {
  const { hostname, port } = new URL(request.url);
  const bare = hostname.replace(/^\[|\]$/g, "");
  const seconds = String(Math.ceil(request.timeoutMs / 1000));
  const { ca, certificate, key, body, ...rest } = request;
  const given = Object.fromEntries(
    Object.entries({ ca, certificate, key, body }).filter(([, value]) => value !== undefined),
  );
  const json = JSON.stringify({ ...rest, ...given });
  const way = isPlain(request) ? "plain" : "other";
  return [curlConfig(request), json, way, seconds, bare, port || "80", wireRequest(request)].map(quoteWord).join(" ");
}

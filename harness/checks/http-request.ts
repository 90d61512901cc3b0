// Decides how one HTTP request is written down for who makes it: options of curl, JSON for python3, the bytes on the wire for bash and nc.
// Refuses what no request can hold, where the spec was written.
import { type Duration, durationMs } from "../model/duration.ts";
import { requireSubject } from "./question.ts";
import { requireTrust, type TrustOptions } from "./tls-options.ts";

export interface HttpOptions extends TrustOptions {
  /** Default: GET, or POST where there is a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, without a content type but the one in `headers`. */
  readonly body?: string;
  /** With `password`: basic authentication. */
  readonly user?: string;
  readonly password?: string;
  /** Redirects that are followed at most, of GET and HEAD. Default: 0, so that a redirect is the answer. */
  readonly follow?: number;
  /** Longest wait for the whole answer. Default: 5 s. */
  readonly timeout?: Duration;
}

/** One request, ready to be made. */
export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly follow: number;
  readonly insecure: boolean;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly timeoutMs: number;
}

/** Longest wait for one response where no other is said. */
const httpTimeoutMs = 5000;

/** A `DeclarationError` (code `bad-subject`) for what no request can hold. */
export function httpRequest(url: string, options: HttpOptions = {}): HttpRequest {
  const { headers = {}, body, user, password, follow = 0, insecure = false, ca, certificate, key, timeout } = options;
  const { method = body === undefined ? "GET" : "POST" } = options;
  requireSubject(
    /^https?:\/\/[^\s\0]+$/.test(url) && URL.canParse(url),
    `"${url}" is not an http or https URL`,
    "write it whole, as in http://127.0.0.1:8080/",
  );
  requireSubject(/^[A-Z]+$/.test(method), `"${method}" is not a method`, 'write it in capitals, as in "PUT"');
  for (const [name, value] of Object.entries(headers))
    requireSubject(
      /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !/[\r\n\0]/.test(value),
      `${JSON.stringify(name)} is no header, or its value no line`,
      "write a name without spaces, and a value of one line",
    );
  requireSubject(body === undefined || !body.includes("\0"), "the body holds NUL", "send it with a command of its own");
  requireSubject(
    Number.isInteger(follow) && follow >= 0 && (follow === 0 || method === "GET" || method === "HEAD"),
    `${follow} redirects of ${method} cannot be followed`,
    "a whole number from 0 on, of GET or HEAD: what becomes of another method is for the server to say",
  );
  requireTrust(options);
  const credentials = `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}`;
  return {
    url,
    method,
    headers: user === undefined ? headers : { ...headers, Authorization: credentials },
    body,
    follow,
    insecure,
    ca,
    certificate,
    key,
    timeoutMs: timeout === undefined ? httpTimeoutMs : durationMs(timeout),
  };
}

/** Lines of a curlrc: nothing of the request is to be seen among the arguments of a process. */
export function curlConfig({ url, method, headers, body, ...rest }: HttpRequest): string {
  const quoted = (text: string) =>
    `"${text.replace(/[\\"\n\r\t\v]/g, (mark) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v" })[mark] ?? `\\${mark}`)}"`;
  const lines: (readonly [string, string] | readonly [string])[] = [
    ["url", url],
    ["globoff"],
    method === "HEAD" ? ["head"] : ["request", method],
    ...Object.entries(headers).map(
      ([name, value]) => ["header", value === "" ? `${name};` : `${name}: ${value}`] as const,
    ),
    ["max-time", String(rest.timeoutMs / 1000)],
  ];
  if (body !== undefined) {
    lines.push(["data-raw", body]);
    if (!hasHeader(headers, "content-type")) lines.push(["header", "Content-Type:"]);
  }
  if (rest.follow > 0) lines.push(["location"], ["max-redirs", String(rest.follow)]);
  if (rest.insecure) lines.push(["insecure"]);
  if (rest.ca !== undefined) lines.push(["cacert", rest.ca]);
  if (rest.certificate !== undefined) lines.push(["cert", rest.certificate]);
  if (rest.key !== undefined) lines.push(["key", rest.key]);
  return lines.map(([name, value]) => (value === undefined ? name : `${name} = ${quoted(value)}`)).join("\n");
}

/** As it goes over the wire. HTTP 1.0 keeps the answer in one piece and ends it with the connection. */
export function wireRequest({ url, method, headers, body }: HttpRequest): string {
  const { pathname, search, host } = new URL(url);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  if (!hasHeader(headers, "host")) lines.push(`Host: ${host}`);
  if (!hasHeader(headers, "accept")) lines.push("Accept: */*");
  if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  return `${method} ${pathname}${search} HTTP/1.0\r\n${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

/** Whether bytes on a plain connection are all that it takes: no TLS, and nothing to follow. */
export function isPlain({ url, follow }: HttpRequest): boolean {
  return url.startsWith("http:") && follow === 0;
}

function hasHeader(headers: HttpRequest["headers"], name: string): boolean {
  return Object.keys(headers).some((each) => each.toLowerCase() === name);
}

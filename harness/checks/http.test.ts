// Decides that every way to ask gives the same answer.
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { http } from "./http.ts";
import { type Exchange, exchangeFromHere, httpExchange, readResponse } from "./http-exchange.ts";

test("a response on the wire is read: status, headers of one name joined, body as it is", () => {
  const wire = "HTTP/1.1 404 Not Found\r\nX-A: b\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\nfirst\r\n\r\nsecond é";
  expect(readResponse(Buffer.from(wire))).toEqual({
    status: 404,
    headers: { "x-a": "b", "set-cookie": "a=1, b=2" },
    body: "first\r\n\r\nsecond é",
  });
  expect(readResponse(Buffer.from("220 smtp ready\r\n\r\n"))).toBeUndefined();
  expect(readResponse(Buffer.from("HTTP/1.1 200 OK\r\n"))).toBeUndefined();
});

const ok: Exchange = { status: 200, headers: { "content-type": "text/plain" }, body: "hello world" };
const refused: Exchange = { refused: "Connection refused" };

test("judges", () => {
  const page = http("http://a/");
  expect(page.answers(200)).toMatchObject({ title: "http://a/ answers 200", command: "curl -i http://a/" });
  expect(page.answers(200).judge(ok)).toMatchObject({ met: true });
  expect(page.answers().judge({ ...ok, status: 503 })).toMatchObject({ met: true });
  expect(page.answers(200).judge({ ...ok, status: 503 })).toEqual({
    met: false,
    expected: "200",
    seen: '503: "hello world"',
  });
  expect(page.hasHeader("Content-Type").judge(ok)).toMatchObject({ met: true });
  expect(page.hasHeader("Content-Type", "text/plain").judge(ok)).toMatchObject({ met: true });
  expect(page.hasHeader("Content-Type", "text").judge(ok)).toMatchObject({ met: false });
  expect(page.hasHeader("Content-Type", /^text/).judge(ok)).toMatchObject({ met: true });
  expect(page.hasHeader("X-None").judge(ok)).toMatchObject({
    met: false,
    seen: "no such header; there are content-type",
  });
  expect(page.bodyContains("world").judge(ok)).toMatchObject({ met: true });
  expect(page.bodyContains(/^world/).judge(ok)).toMatchObject({ met: false, seen: '"hello world"' });
  for (const check of [page.answers(), page.hasHeader("x"), page.bodyContains("x")])
    expect(check.judge(refused)).toMatchObject({ met: false, seen: "no answer: Connection refused" });
});

test.each(["127.0.0.1:80", "ftp://a/", "http://", "http://a b/"])("%j is refused as a URL", (url) => {
  expect(() => http(url)).toThrow(DeclarationError);
});

describe("each way to ask gives the same answers", () => {
  const node = hostNode();
  let web: Server;
  let broken: Server;
  const at = (server: Server, path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  beforeAll(async () => {
    web = createServer((request, response) => {
      response.writeHead(request.url === "/moved" ? 302 : 200, { location: "/elsewhere", "x-a": ["1", "2"] });
      response.write("asked for ");
      response.end(`${request.url}\n`);
    }).listen(0, "127.0.0.1");
    broken = createTcpServer((socket) => socket.end("nonsense\r\n\r\n")).listen(0, "127.0.0.1");
    await Promise.all([once(web, "listening"), once(broken, "listening")]);
  });
  afterAll(async () => {
    web.close();
    broken.close();
    await node.close();
  });

  /** The probe on a node that lacks some tools: `command -v` is how it looks for them. */
  const without = (...tools: readonly string[]) => ({
    ...httpExchange,
    script: (urls: readonly string[]) =>
      `command() { case " ${tools.join(" ")} " in *" $2 "*) return 1 ;; esac; return 0; }\n${httpExchange.script(urls)}`,
  });
  const ways: [string, (url: string) => Promise<Exchange>][] = [
    ["this process", exchangeFromHere],
    ["curl in the node", (url) => node.observe(httpExchange, url)],
    ["python3 in the node", (url) => node.observe(without("curl"), url)],
    ["bash in the node", (url) => node.observe(without("curl", "python3"), url)],
  ];

  test.each(ways)("%s: a response, with its query and its headers", async (_, ask) => {
    expect(await ask(at(web, "/a%20b?c=$d&e='"))).toMatchObject({
      status: 200,
      headers: { "x-a": "1, 2" },
      body: expect.stringContaining("asked for /a%20b?c=$d&e="),
    });
  });

  test.each(ways)("%s: a redirect is an answer, not followed", async (_, ask) => {
    expect(await ask(at(web, "/moved"))).toMatchObject({ status: 302, headers: { location: "/elsewhere" } });
  });

  test.each(ways)("%s: nobody listening is an answer", async (_, ask) => {
    const closed = createTcpServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const url = at(closed, "/");
    closed.close();
    await once(closed, "close");
    expect(await ask(url)).toMatchObject({ refused: expect.stringMatching(/refused|connect|failed/i) });
  });

  test.each(ways)("%s: a name that is none could not be asked", async (_, ask) => {
    await expect(ask("http://nosuch.invalid/")).rejects.toThrow(ObservationError);
  });

  test.each(ways)("%s: what is no HTTP is never a response", async (_, ask) => {
    const seen = await ask(at(broken, "/")).catch((error: unknown) => error);
    expect(seen instanceof ObservationError || (seen as Exchange)).not.toMatchObject({ status: expect.any(Number) });
  });

  test("without any tool nothing is said, and without TLS nothing of https", async () => {
    await expect(node.observe(without("curl", "python3", "bash"), at(web, "/"))).rejects.toMatchObject({
      code: "probe-missing",
    });
    await expect(node.observe(without("curl", "python3"), "https://127.0.0.1/")).rejects.toMatchObject({
      code: "probe-missing",
    });
  });

  test("several URLs of one tick keep their own answers", async () => {
    const seen = await Promise.all(["/1", "/2", "/3"].map((path) => node.observe(httpExchange, at(web, path))));
    expect(seen.map((each) => "body" in each && each.body)).toEqual([
      "asked for /1\n",
      "asked for /2\n",
      "asked for /3\n",
    ]);
  });

  test("the host is asked from here, other nodes inside", async () => {
    const check = http(at(web, "/x")).bodyContains("asked for /x");
    expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  });
});

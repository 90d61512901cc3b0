// Decides that every way to ask gives the same answer.
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { http } from "./http.ts";
import { type Exchange, exchangeFromHere, httpExchange, readResponse } from "./http-exchange.ts";
import { type HttpRequest, httpRequest } from "./http-request.ts";

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

test("what a request is, its title and command tell, and no secrets of it", () => {
  const check = http("http://a/", { body: "x", user: "ops", password: "guess" }).answers(201);
  expect(check).toMatchObject({ title: "POST http://a/ answers 201", command: "curl -i -X POST http://a/" });
  const json = http("http://a/").json("state[0]").is("up");
  expect(json.title).toBe('state[0] in the JSON that http://a/ answers is "up"');
  expect(json.judge({ value: { state: ["up"] } })).toMatchObject({ met: true });
  expect(json.judge({ flaw: "no answer: Connection refused" })).toMatchObject({ met: false });
  for (const options of [
    { method: "get" },
    { headers: { "a b": "c" } },
    { headers: { a: "b\nc" } },
    { body: "\0" },
    { follow: -1 },
    { follow: 1, body: "x" },
    { ca: "x.pem" },
  ])
    expect.soft(() => http("http://a/", options), JSON.stringify(options)).toThrow(DeclarationError);
});

test("responses before the last are passed over where that is wanted", () => {
  const wire = Buffer.from("HTTP/1.1 302 Found\r\nlocation: /b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nend");
  expect(readResponse(wire, true)).toMatchObject({ status: 200, body: "end" });
  expect(readResponse(wire)).toMatchObject({ status: 302 });
  expect(readResponse(Buffer.from("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"))).toMatchObject({
    status: 200,
  });
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
      if (request.url?.startsWith("/echo")) {
        void text(request).then((body) => {
          const { "x-mine": mine, authorization: login, "content-type": type = null } = request.headers;
          response.end(JSON.stringify({ method: request.method, mine, login, type, body }));
        });
        return;
      }
      if (request.url === "/away") {
        const { port } = web.address() as AddressInfo;
        response.writeHead(302, { location: `http://localhost:${port}/echo` }).end();
        return;
      }
      if (request.url === "/endless") {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(1 << 20)));
        };
        response.on("drain", more);
        more();
        return;
      }
      if (request.url === "/round") {
        response.writeHead(302, { location: "/round" }).end();
        return;
      }
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
    script: (urls: readonly (string | HttpRequest)[]) =>
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

  const echoed: [string, (request: HttpRequest) => Promise<Exchange>][] = [
    ["this process", exchangeFromHere],
    ["curl in the node", (request) => node.observe(httpExchange, request)],
    ["python3 in the node", (request) => node.observe(without("curl"), request)],
    ["bash in the node", (request) => node.observe(without("curl", "python3"), request)],
  ];

  test.each(echoed)("%s: method, headers, body and login arrive as they are", async (_, ask) => {
    const body = `{"a": "b \\"c\\" \\\\ $d 'e' %s é"}\n@x`;
    const request = httpRequest(at(web, "/echo[1]"), {
      method: "PUT",
      headers: { "X-Mine": `a "b" \\ 'c' $d %s` },
      body,
      user: "ops",
      password: 'p"$:',
    });
    const seen = await ask(request);
    expect(JSON.parse("body" in seen ? seen.body : "null")).toEqual({
      method: "PUT",
      mine: `a "b" \\ 'c' $d %s`,
      login: `Basic ${Buffer.from('ops:p"$:').toString("base64")}`,
      type: null,
      body,
    });
    expect(await ask(httpRequest(at(web, "/x"), { method: "HEAD" }))).toMatchObject({ status: 200, body: "" });
  });

  test.each(echoed)("%s: silence is no answer, for as long as was said", async (_, ask) => {
    const mute = createTcpServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    expect(await ask(httpRequest(at(mute, "/"), { timeout: "1s" }))).toHaveProperty("refused");
    mute.close();
  });

  test.each(echoed)("%s: a password is among no process's arguments", async (_, ask) => {
    const mute = createTcpServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const password = "seen-by-nobody-4711";
    const answer = ask(httpRequest(at(mute, "/"), { user: "ops", password, timeout: "2s" }));
    const [socket] = (await once(mute, "connection")) as [Socket];
    const told = [password, Buffer.from(`ops:${password}`).toString("base64")];
    await once(socket, "data");
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      expect(told.filter((secret) => line.includes(secret))).toEqual([]);
    }
    socket.end("HTTP/1.0 204 No Content\r\n\r\n");
    expect(await answer).toMatchObject({ status: 204 });
    mute.close();
  });

  test.each(echoed.slice(0, 3))("%s: redirects are followed as far as was said", async (_, ask) => {
    expect(await ask(httpRequest(at(web, "/moved"), { follow: 1 }))).toMatchObject({
      status: 200,
      body: "asked for /elsewhere\n",
    });
    expect(await ask(httpRequest(at(web, "/round"), { follow: 2 }))).toHaveProperty("refused");
  });

  test.each(echoed.slice(0, 3))("%s: who a redirect leads to is not told the login for another", async (_, ask) => {
    const options = { user: "ops", password: "secret", headers: { "X-Mine": "kept" }, follow: 1 };
    const seen = await ask(httpRequest(at(web, "/away"), options));
    expect(JSON.parse("body" in seen ? seen.body : "null")).toEqual({
      method: "GET",
      mine: "kept",
      type: null,
      body: "",
    });
  });

  test("an answer without end is given up", async () => {
    await expect(exchangeFromHere(httpRequest(at(web, "/endless"), { timeout: "1m" }))).rejects.toThrow(/longer than/);
  });

  test("bash follows none: that takes another tool", async () => {
    await expect(
      node.observe(without("curl", "python3"), httpRequest(at(web, "/moved"), { follow: 1 })),
    ).rejects.toMatchObject({ code: "probe-missing" });
  });

  test.each(echoed.slice(0, 3))(
    "%s: a certificate counts, unless any will do, or its authority is named",
    async (_, ask) => {
      const directory = await node.succeed(["mktemp", "-d"]);
      const [key, certificate] = [`${directory}/key.pem`, `${directory}/certificate.pem`];
      const words =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
      const own = [...words.split(" "), "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate];
      await node.succeed(own as [string, ...string[]]);
      const files = { key: readFileSync(key), cert: readFileSync(certificate), ca: readFileSync(certificate) };
      const secure = createSecureServer(
        { ...files, requestCert: true, rejectUnauthorized: false },
        (request, response) => {
          response.end((request.socket as TLSSocket).authorized ? "known" : "unknown");
        },
      ).listen(0, "127.0.0.1");
      await once(secure, "listening");
      const url = at(secure, "/").replace("http:", "https:");
      expect(await ask(httpRequest(url))).toHaveProperty("refused");
      expect(await ask(httpRequest(url, { insecure: true }))).toMatchObject({ status: 200, body: "unknown" });
      expect(await ask(httpRequest(url, { ca: certificate }))).toMatchObject({ status: 200 });
      expect(await ask(httpRequest(url, { ca: certificate, certificate, key }))).toMatchObject({ body: "known" });
      await expect(ask(httpRequest(url, { ca: "/nosuch.pem" }))).rejects.toThrow(ObservationError);
      secure.close();
      await node.succeed(["rm", "-r", directory]);
    },
  );

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

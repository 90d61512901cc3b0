// Decides that services are asked over TLS by who may be trusted alone: each way in which it does not come about has a code of its own,
// nothing is said to a server before its certificate was looked at, and one that wants TLS is told from one that is not there.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions as ServerOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { makeAuthority, signedBy } from "../drivers/testing/tls-proxy.ts";
import type { Check } from "../model/check.ts";
import { messageOf } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { redact, secret } from "../model/secret.ts";
import { Recording } from "../vitest/prove-record.ts";
import { amqp } from "./amqp.ts";
import { celery } from "./celery.ts";
import { certificate } from "./certificate.ts";
import { mongodb } from "./mongodb.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { restAnswer } from "./service-http.ts";
import {
  closeServers,
  listen,
  opensslServer,
  postgresThat,
  redisOver,
  servers,
  sockets,
} from "./testing/tls-servers.ts";
import type { TlsOptions } from "./tls-options.ts";

const password = secret("a password over TLS", "correct-horse-tls");
const host = hostNode();
let root: string;
const at = (path: string) => join(root, path);
const read = (path: string) => readFileSync(at(path));
const issued = (name: string) => ({ cert: read(`studio/${name}-cert.pem`), key: read(`studio/${name}-key.pem`) });

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "assay-service-tls-"));
  for (const name of ["studio", "other"]) {
    mkdirSync(at(name));
    makeAuthority(at(name));
    signedBy(at(name), "", "extendedKeyUsage=clientAuth");
  }
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  signedBy(at("studio"), "server", names);
  signedBy(at("studio"), "old", names, -1);
  signedBy(at("studio"), "named", "subjectAltName=DNS:db.studio.example,DNS:*.render.example,IP:192.0.2.7");
  signedBy(at("studio"), "nameless", "extendedKeyUsage=serverAuth");
  signedBy(at("studio"), "middle", "basicConstraints=critical,CA:TRUE", -1);
  // An authority of its own, from what is between.
  mkdirSync(at("middle"));
  for (const kind of ["cert", "key"])
    writeFileSync(at(kind === "cert" ? "middle/ca.pem" : "middle/ca-key.pem"), read(`studio/middle-${kind}.pem`));
  signedBy(at("middle"), "below", names);
  writeFileSync(at("studio/below-key.pem"), read("middle/below-key.pem"));
  writeFileSync(at("studio/below-cert.pem"), Buffer.concat([read("middle/below-cert.pem"), read("middle/ca.pem")]));
});
afterAll(async () => {
  closeServers();
  rmSync(root, { recursive: true });
  await host.close();
});

const trusting = (more: TlsOptions = {}): TlsOptions => ({ ca: at("studio/ca.pem"), ...more });
const showing = (whose: string): TlsOptions =>
  trusting({ certificate: at(`${whose}/cert.pem`), key: at(`${whose}/key.pem`) });

async function rejection(check: Check<Node>): Promise<Error> {
  const answered = await check.observe(host).then(
    (seen) => ({ seen }),
    (error: Error) => error,
  );
  if (!(answered instanceof Error)) throw new Error(`"${check.title}" answered ${JSON.stringify(answered.seen)}`);
  return answered;
}
async function expectOf(check: Check<Node>, code: string, ...words: readonly (string | RegExp)[]): Promise<void> {
  const error = await rejection(check);
  expect(error, messageOf(error)).toMatchObject({ code, node: "host", hint: expect.any(String), outcome: "errored" });
  for (const each of words) expect(error).toMatchObject({ seen: expect.stringMatching(each) });
}
const isMet = async (check: Check<Node>) => (check.judge(await check.observe(host)) as { met: boolean }).met;

describe("a server's certificate", () => {
  test("one that is trusted and for the name is taken, and then the service is asked", async () => {
    const { port, heard } = await redisOver(issued("server"));
    expect(await isMet(redis({ port, password, tls: trusting() }).accepts())).toBe(true);
    expect(await isMet(redis({ port, tls: trusting({ servername: "127.0.0.1" }) }).accepts())).toBe(true);
    expect(heard.join()).toContain("correct-horse-tls");
  });

  test("another is refused, each for its reason, and nothing is said to such a server", async () => {
    const untold: string[][] = [];
    const refused = async (server: ServerOptions, tls: TlsOptions, code: string, ...words: (string | RegExp)[]) => {
      const { port, heard } = await redisOver(server);
      const said = redis({ port, password, tls });
      for (const check of [said.answers(), said.accepts(), said.key("a").exists()])
        await expectOf(check, code, `port ${port}`, ...words);
      untold.push(heard);
      expect(await isMet(redis({ port, password, tls: { ...tls, insecure: true } }).accepts())).toBe(true);
      expect(heard.join()).toContain("correct-horse-tls");
      heard.length = 0;
      await rejection(said.accepts());
      expect(heard).toEqual([]);
    };
    const own = { cert: read("other/ca.pem"), key: read("other/ca-key.pem") };
    await refused(
      own,
      trusting(),
      "certificate-untrusted",
      /self-signed \(CN=an authority of a test\)/,
      at("studio/ca.pem"),
    );
    const foreign = trusting({ ca: at("other/ca.pem") });
    await refused(
      issued("server"),
      foreign,
      "certificate-untrusted",
      /nothing in .*ca\.pem issued CN=server; its issuer is "CN=an auth/,
    );
    const { cert, key } = issued("server");
    const whole = { cert: Buffer.concat([cert, read("studio/ca.pem")]), key };
    await refused(whole, foreign, "certificate-untrusted", /leads to CN=an authority of a test, which is not in/);
    await refused(issued("old"), trusting(), "certificate-expired", /CN=old\) has expired on 20\d\d-/);
    await refused(
      issued("named"),
      trusting(),
      "certificate-name",
      /not for localhost; it is for DNS:db.studio.example, DNS:\*/,
    );
    const elsewhere = trusting({ servername: "10.0.0.1" });
    await refused(issued("named"), elsewhere, "certificate-name", /not for 10.0.0.1; .*IP Address:192.0.2.7/);
    await refused(issued("nameless"), trusting(), "certificate-name", /no subject alternative names \(CN=nameless\)/);
    const common = trusting({ servername: "nameless" });
    await refused(issued("nameless"), common, "certificate-name", /not for nameless; it is for no name/);
    await refused(
      issued("below"),
      trusting(),
      "certificate-expired",
      /CN=below\) is from CN=middle, which has expired on/,
    );
    expect(untold).toHaveLength(9);
  });

  test("it may be for a name that is said, by a wildcard or an address too", async () => {
    const { port } = await redisOver(issued("named"));
    for (const servername of ["db.studio.example", "a.render.example", "192.0.2.7"])
      expect(await isMet(redis({ port, tls: trusting({ servername }) }).accepts()), servername).toBe(true);
  });

  test("without a file the node's own authorities count, and these know none of a test", async () => {
    const { port } = await redisOver(issued("server"));
    await expectOf(redis({ port, tls: {} }).accepts(), "certificate-untrusted", /the node's bundle of authorities/);
  });
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a server that asks by %s who it is", (version) => {
  const wanting = (): ServerOptions => ({
    ...issued("server"),
    ca: read("studio/ca.pem"),
    requestCert: true,
    minVersion: version,
    maxVersion: version,
  });

  test("wants a certificate, takes one of its authority, and refuses another's", async () => {
    const { port } = await redisOver(wanting());
    expect(await isMet(redis({ port, password, tls: showing("studio") }).accepts())).toBe(true);
    await expectOf(redis({ port, password, tls: trusting() }).accepts(), "certificate-wanted", `port ${port}`);
    // Node's own servers end such a connection without an alert.
    await expectOf(redis({ port, password, tls: showing("other") }).accepts(), "tls-failed", /does not say why/);
  });

  test("refuses another's, by an alert of OpenSSL's, which most servers are", async () => {
    const port = await opensslServer(at("studio"), version);
    const foreign = redis({ port, password, tls: showing("other") });
    for (let tried = 0; tried < 3; tried++)
      await expectOf(foreign.accepts(), "certificate-refused", /other\/cert\.pem: .*unknown ca/);
    await expectOf(redis({ port, password, tls: trusting() }).accepts(), "certificate-wanted", `port ${port}`);
  });

  test("is told so by each client", async () => {
    const { port } = await redisOver(wanting());
    const tls = trusting();
    for (const check of [
      mongodb({ port, tls }).answers(),
      amqp({ port, tls }).answers(),
      celery({ port, user: "ops", password, tls }).worker("*").answersPing(),
    ])
      await expectOf(check, "certificate-wanted");
    const begins = await postgresThat("S", wanting());
    await expectOf(postgres({ port: begins, user: "ops", tls }).answers(), "certificate-wanted");
  });
});

describe("files of the node", () => {
  test("one that is not there, or not what it should be, is told, and no key", async () => {
    const { port } = await redisOver(issued("server"));
    const key = at("studio/key.pem");
    writeFileSync(at("text.pem"), "no certificate");
    for (const [tls, words] of [
      [{ ca: "/nosuch.pem" }, /\/nosuch.pem does not exist/],
      [{ ca: at("text.pem") }, /text.pem has no certificate/],
      [trusting({ certificate: "/nosuch.pem" }), /\/nosuch.pem: it does not exist/],
      [trusting({ certificate: at("other/cert.pem"), key }), /other\/cert.pem: .*key values mismatch/],
      [trusting({ certificate: at("text.pem"), key }), /text.pem: /],
    ] as const)
      await expectOf(redis({ port, tls }).accepts(), "probe-failed", words);
    const [line = ""] = String(read("studio/key.pem")).split("\n").slice(1);
    expect(redact(`a log with ${line}`)).toBe(`a log with ‹the key ${key}›`);
  });

  test("are means: what `assay prove` is told of such a check is the service alone", async () => {
    const { port } = await redisOver(issued("server"));
    const recorded = new Recording();
    const node = recorded.watch(hostNode(), "host");
    await recorded.first({ id: "a" } as never, async () => {
      expect(
        await redis({ port, tls: showing("studio") })
          .accepts()
          .observe(node),
      ).toEqual({ pong: true });
      expect(await certificate(at("studio/ca.pem")).isSelfSigned().observe(node)).toBeDefined();
    });
    expect(recorded.observations.map(({ probe }) => probe)).toEqual(["connect", "contents"]);
    await node.close();
  });

  test("what no file could be is refused where it is written", () => {
    for (const bad of [
      () => redis({ tls: { ca: "ca.pem" } }),
      () => mongodb({ tls: { key: "/key.pem" } }),
      () => postgres({ user: "ops", tls: true as never }),
      () => celery({ user: "ops", tls: { servername: "" } }),
      () => amqp({ management: { tls: { certificate: "cert.pem" } } }),
      () => amqp({ tls: { servername: "https://broker/" } }),
    ])
      expect(bad).toThrow(
        expect.objectContaining({ code: "bad-subject", at: expect.stringContaining("service-tls.test.ts") }),
      );
  });
});

/** Each service, and one of its sentences. */
const services: Readonly<Record<string, (port: number, tls?: TlsOptions) => Check<Node>>> = {
  mongodb: (port, tls) => mongodb({ port, ...(tls && { tls }) }).answers(),
  redis: (port, tls) => redis({ port, ...(tls && { tls }) }).answers(),
  postgres: (port, tls) => postgres({ port, user: "ops", ...(tls && { tls }) }).answers(),
  amqp: (port, tls) => amqp({ port, ...(tls && { tls }) }).answers(),
  celery: (port, tls) =>
    celery({ port, user: "ops", ...(tls && { tls }) })
      .worker("*")
      .answersPing(),
};

describe.each(Object.entries(services))("%s", (name, sentence) => {
  const isPostgres = name === "postgres";

  test("in the clear, of a server of TLS it says what that speaks", async () => {
    const { port } = await redisOver(issued("server"));
    await expectOf(sentence(port), "tls-wanted", `what listens on port ${port} speaks TLS`);
    // By TLS 1.2 a handshake without a certificate fails.
    const asking: ServerOptions = { ca: read("studio/ca.pem"), requestCert: true, maxVersion: "TLSv1.2" };
    const asks = await redisOver({ ...issued("server"), ...asking });
    await expectOf(sentence(asks.port), "tls-wanted");
  });

  test("over TLS, of a server without it says that, and what it answers", async () => {
    const http = await listen(createHttpServer());
    await expectOf(sentence(http, trusting()), isPostgres ? "other-protocol" : "no-tls", /it answered "HTTP\/1.1 400/);
    const hangsUp = await listen(createServer((socket) => socket.once("data", () => socket.end())));
    await expectOf(sentence(hangsUp, trusting()), "no-tls", /without a word/);
  });

  test("a certificate that is not trusted is told, and another protocol behind one that is", async () => {
    const old = isPostgres ? await postgresThat("S", issued("old")) : (await redisOver(issued("old"))).port;
    await expectOf(sentence(old, trusting()), "certificate-expired");
    if (isPostgres || name === "redis") return;
    const https = await listen(createHttpsServer(issued("server"), (_, response) => response.end()));
    await expectOf(sentence(https, trusting()), "other-protocol", `port ${https} is no`);
  });

  test("where nobody listens is no question of TLS", async () => {
    const port = await listen(createServer());
    await new Promise((closed) => [...servers].at(-1)?.close(closed));
    if (name === "celery") await expectOf(sentence(port, trusting()), "service-unreachable");
    else expect(await isMet(sentence(port, trusting()))).toBe(false);
  });
});

test("a PostgreSQL server says first whether it speaks TLS, and no word more", async () => {
  const tls = trusting();
  const said = async (port: number) => postgres({ port, user: "ops", tls }).answers();
  await expectOf(await said(await postgresThat("N")), "no-tls", /answers N/);
  await expectOf(await said(await postgresThat("Sand more", issued("server"))), "other-protocol", /"Sand more"/);
  await expectOf(await said(await postgresThat("S", issued("named"))), "certificate-name", /db.studio.example/);
});

test("a server that says nothing at all is told before clients lose patience", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const asked = Promise.withResolvers<void>();
    const port = await listen(createServer((socket) => socket.once("data", () => asked.resolve())));
    const told = expectOf(redis({ port, tls: trusting() }).answers(), "no-tls", /it said nothing for 8 s/);
    await asked.promise;
    vi.advanceTimersByTime(8001);
    await told;
  } finally {
    vi.useRealTimers();
  }
});

test("versions and ciphers that nobody takes any more are told by OpenSSL's words", async () => {
  const { port } = await redisOver({
    ...issued("server"),
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "ALL:@SECLEVEL=0",
  });
  await expectOf(redis({ port, tls: trusting() }).accepts(), "tls-failed", /version/);
});

test("a cipher that is not shared is no question of who asks", async () => {
  // The server's key is of another kind.
  const ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  const { port } = await redisOver({ ...issued("server"), maxVersion: "TLSv1.2", ciphers });
  await expectOf(redis({ port, tls: trusting() }).accepts(), "tls-failed", /handshake failure/);
});

test("who trusts somebody else does not ask by a client that is there already", async () => {
  const { port } = await redisOver(issued("server"));
  const exists = (tls: TlsOptions) => redis({ port, tls }).key("a").exists();
  expect(await isMet(exists(trusting()))).toBe(true);
  await expectOf(exists(trusting({ ca: at("other/ca.pem") })), "certificate-untrusted");
});

test("a REST interface is asked over TLS by the same words", async () => {
  const server = createHttpsServer(issued("server"), (request, response) => {
    response.end(`${request.headers.authorization?.split(" ")[0]} ${request.url}`);
  });
  const port = await listen(server.on("tlsClientError", () => undefined));
  const login = { user: "ops", password };
  for (let kept = 0; kept < 3; kept++)
    expect(await restAnswer(host, { port, tls: trusting() }, "/api", login)).toEqual({
      status: 200,
      body: "Basic /api",
    });
  expect([...sockets].filter(({ localPort }) => localPort === port)).toHaveLength(1);
  const refused = (tls?: TlsOptions) => expect(restAnswer(host, { port, tls }, "/", login)).rejects;
  await refused().toMatchObject({ code: "tls-wanted" });
  await refused({ ca: at("other/ca.pem") }).toMatchObject({ code: "certificate-untrusted" });
  await refused(trusting({ servername: "broker" })).toMatchObject({ code: "certificate-name" });
});

test("commands say how a person would be trusted the same", () => {
  const tls: TlsOptions = { ca: "/ca.pem", certificate: "/me.pem", key: "/my key.pem", servername: "db" };
  expect(redis({ tls }).answers().command).toBe(
    'redis-cli --tls --cacert /ca.pem --cert /me.pem --key "/my key.pem" --sni db PING',
  );
  expect(mongodb({ tls }).answers().command).toContain(
    "mongosh --tls --tlsCAFile /ca.pem --tlsCertificateKeyFile /me.pem --host db ",
  );
  expect(postgres({ user: "ops", tls }).answers().command).toContain(
    'PGSSLMODE=verify-full PGSSLROOTCERT=/ca.pem PGSSLCERT=/me.pem PGSSLKEY="/my key.pem" psql -h db -p 5432 ',
  );
  expect(postgres({ user: "ops", tls: { ca: "/ca.pem" } }).answers().command).toMatch(
    /^PGSSLMODE=verify-ca PGSSLROOTCERT=\/ca.pem psql -h 127/,
  );
  expect(amqp({ tls }).answers()).toMatchObject({
    title: "amqp answers",
    command: expect.stringContaining("s_client -connect 127.0.0.1:5671 -verify_return_error -CAfile /ca.pem"),
  });
  expect(redis({ tls: { insecure: true } }).answers().command).toBe("redis-cli --tls --insecure PING");
  expect(celery({ port: 5671, user: "ops", tls }).worker("*").answersPing().title).toMatch(/^celery: /);
});

// Decides that real servers are asked over TLS, by each client and through their containers: Redis, PostgreSQL, RabbitMQ and Broker-J with
// their management, a server of MongoDB's protocol behind a relay that speaks TLS; and that each says its own when it is asked the wrong way.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, pipeline } from "node:stream";
import { createServer } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mongodb as mongodbImage } from "../../fixtures/mongodb/recipe.ts";
import { postgres as postgresImage } from "../../fixtures/postgres/recipe.ts";
import { qpid } from "../../fixtures/qpid/recipe.ts";
import { rabbitmq as rabbitmqImage } from "../../fixtures/rabbitmq/recipe.ts";
import { redis as redisImage } from "../../fixtures/redis/recipe.ts";
import { hostNode } from "../drivers/shell-node.ts";
import { makeAuthority, signedBy } from "../drivers/testing/tls-proxy.ts";
import type { Check } from "../model/check.ts";
import { container, scratch } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { messageOf } from "../model/errors.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { ofBroker } from "../prove/amqp.ts";
import { ofMongodb } from "../prove/mongodb.ts";
import type { Made, Observation } from "../prove/mutation.ts";
import { ofPostgres } from "../prove/postgres.ts";
import { ofRedis } from "../prove/redis.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { amqp } from "./amqp.ts";
import { celery } from "./celery.ts";
import { mongodb } from "./mongodb.ts";
import { postgres } from "./postgres.ts";
import { redis } from "./redis.ts";
import { password, user } from "./testing/zoo.ts";
import type { TlsOptions } from "./tls-options.ts";

// Before the environment is declared, whose files they are.
const root = mkdtempSync(join(tmpdir(), "assay-service-tls-"));
const read = (name: string) => readFileSync(join(root, name), "utf8");
makeAuthority(root);
signedBy(root, "", "extendedKeyUsage=clientAuth");
// PostgreSQL's is nobody else's, and nobody else is PostgreSQL.
signedBy(root, "database", "subjectAltName=DNS:database,DNS:localhost");
signedBy(root, "services", "subjectAltName=DNS:cache,DNS:broker,DNS:brokerj,DNS:localhost");
signedBy(root, "old", "subjectAltName=DNS:cache", -1);

const certificates = () =>
  scratch({
    readOnly: true,
    files: Object.fromEntries(
      ["ca", "cert", "key", "database-cert", "services-cert", "services-key", "old-cert", "old-key"].map((name) => [
        `${name}.pem`,
        { content: read(`${name}.pem`) },
      ]),
    ),
  });
const listeners = `
listeners.ssl.default = 5671
ssl_options.cacertfile = /tls/ca.pem
ssl_options.certfile = /tls/services-cert.pem
ssl_options.keyfile = /tls/services-key.pem
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
management.ssl.port = 15671
management.ssl.cacertfile = /tls/ca.pem
management.ssl.certfile = /tls/services-cert.pem
management.ssl.keyfile = /tls/services-key.pem
`;
const settings = readFileSync(join(import.meta.dirname, "../../fixtures/rabbitmq/rabbitmq.conf"), "utf8")
  // One port of the management, or the other.
  .replace(/^management\.tcp\..*\n/m, "");

/** Broker-J reads a key and its certificate from a key store, which may be a URL of the data themselves. */
function brokerJSettings(): string {
  const secretOfStore = randomUUID();
  const store = execFileSync(
    "openssl",
    ["pkcs12", "-export", "-inkey", "services-key.pem", "-in", "services-cert.pem", "-passout", "env:STORE"],
    { cwd: root, env: { ...process.env, STORE: secretOfStore }, stdio: ["ignore", "pipe", "pipe"] },
  );
  const { ports, ...rest } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../fixtures/qpid/initial.json"), "utf8"),
  ) as { readonly ports: readonly { readonly name: string }[] };
  const others = { amqp: { name: "amqps", port: "5671" }, http: { name: "https", port: "8443" } } as const;
  const overTls = ports.map((port) => ({
    ...port,
    ...others[port.name as keyof typeof others],
    transports: ["SSL"],
    keyStore: "services",
  }));
  return JSON.stringify({
    ...rest,
    keystores: [
      {
        name: "services",
        type: "FileKeyStore",
        keyStoreType: "PKCS12",
        storeUrl: `data:application/x-pkcs12;base64,${store.toString("base64")}`,
        password: secretOfStore,
      },
    ],
    ports: [...ports.filter(({ name }) => name === "amqp"), ...overTls],
  });
}

const environment = defineEnvironment("service-tls", {
  nodes: {
    cache: container({
      image: redisImage,
      env: { REDIS_PASSWORD: password },
      memory: "128m",
      mounts: { "/tls": certificates() },
      ready: { log: /Ready to accept connections/ },
    }),
    database: container({
      image: postgresImage,
      env: { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "animals" },
      memory: "256m",
      mounts: { "/tls": certificates() },
      ready: { log: /database system is ready to accept connections/ },
    }),
    broker: container({
      image: rabbitmqImage,
      env: { RABBITMQ_USER: user, RABBITMQ_PASSWORD: password },
      memory: "384m",
      mounts: {
        "/tls": certificates(),
        "/etc/rabbitmq/rabbitmq.conf": scratch({
          readOnly: true,
          files: { "rabbitmq.conf": { content: settings + listeners } },
          file: "rabbitmq.conf",
        }),
      },
      ready: { log: /Server startup complete/, within: "120s" },
    }),
    brokerj: container({
      image: qpid,
      env: { QPID_USER: user, QPID_PASSWORD: password },
      memory: "512m",
      mounts: {
        "/tls": certificates(),
        "/opt/qpid/initial.json": scratch({
          readOnly: true,
          files: { "initial.json": { content: brokerJSettings() } },
          file: "initial.json",
        }),
      },
      ready: { log: /BRK-1004/, within: "120s" },
    }),
    documents: container({ image: mongodbImage, ready: { log: /Waiting for connections/ } }),
  },
});
const host = hostNode();
let stage: Stage;
let cache: ContainerNode;
let database: ContainerNode;
let broker: ContainerNode;
let brokerj: ContainerNode;
let documents: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ cache, database, broker, brokerj, documents } = (await stage.standUp(environment)).nodes);
}, 600_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  rmSync(root, { recursive: true });
  await host.close();
  expect(leaked).toEqual([]);
});

const tls: TlsOptions = { ca: "/tls/ca.pem" };
const known: TlsOptions = { ...tls, certificate: "/tls/cert.pem", key: "/tls/key.pem" };

async function judged(node: Node, check: Check<Node>) {
  return check.judge(await check.observe(node)) as { met: boolean; seen: string };
}
async function expectOf(node: Node, check: Check<Node>, code: string, words?: RegExp): Promise<void> {
  const error = await check.observe(node).then(
    (seen) => new Error(`"${check.title}" answered ${JSON.stringify(seen)}`),
    (reason: Error) => reason,
  );
  expect(error, messageOf(error)).toMatchObject({ code, node: node.title, seen: expect.stringMatching(words ?? /./) });
}

/** What `assay prove` changes goes the same way: the check that is met is not met with it. */
async function expectNoticed(node: Node, check: Check<Node>, from: (seen: Observation) => readonly Made[], id: RegExp) {
  const answer = await check.observe(node);
  expect(check.judge(answer)).toMatchObject({ met: true });
  const { probe, subject } = check.looksAt ?? { probe: "", subject: {} };
  const seen = { key: "", node: node.name, of: node.kind, probe, subject, answer, facets: new Set<string>() };
  const made = from({ ...seen, titles: [check.title] }).find((each) => id.test(each.id));
  if (made === undefined || !("change" in made) || made.change.way !== "service")
    throw new Error(`${id} does not follow from ${check.title}`);
  const undo = await made.change.service.make(node);
  expect(await judged(node, check)).toMatchObject({ met: false });
  if (made.change.service.final !== true) {
    await undo();
    expect(await judged(node, check)).toMatchObject({ met: true });
  }
}

test("Redis", async () => {
  const set = (...words: string[]) =>
    cache.succeed(["redis-cli", "CONFIG", "SET", ...words], { env: { REDISCLI_AUTH: password.reveal() } });
  const shows = (whose: string) => ["tls-cert-file", `/tls/${whose}-cert.pem`, "tls-key-file", `/tls/${whose}-key.pem`];
  expect(await set("tls-ca-cert-file", "/tls/ca.pem", ...shows("services"), "tls-port", "6380")).toBe("OK");
  // Its default: whoever comes shows a certificate.
  const said = redis({ port: 6380, password, tls: known });
  expect(await judged(cache, said.accepts())).toMatchObject({ met: true });
  expect(await judged(cache, said.dbSize(0))).toMatchObject({ met: true });
  expect(await judged(cache, redis({ port: 6380, tls: known }).accepts())).toMatchObject({ met: false });
  await expectOf(cache, redis({ port: 6380, password, tls }).accepts(), "certificate-wanted");
  await expectOf(cache, redis({ port: 6380, password }).answers(), "tls-wanted", /port 6380 speaks TLS/);
  expect(await set("tls-auth-clients", "no")).toBe("OK");
  const named = redis({ port: 6380, password, tls: { ...tls, servername: "elsewhere" } });
  await expectOf(cache, named.accepts(), "certificate-name", /it is for DNS:cache, DNS:broker/);
  // Without a file those count whom the image trusts.
  const unknown = redis({ port: 6380, password, tls: {} });
  await expectOf(cache, unknown.accepts(), "certificate-untrusted", /not in the node's bundle of authorities/);
  await cache.as("root").succeed(["sh", "-c", "cat /tls/ca.pem >>/etc/ssl/certs/ca-certificates.crt"]);
  expect(await judged(cache, unknown.accepts())).toMatchObject({ met: true });
  await expectNoticed(cache, redis({ port: 6380, password, tls }).dbSize(0), ofRedis, /one key more/);
  expect(await set(...shows("old"))).toBe("OK");
  await expectOf(cache, redis({ port: 6380, tls }).accepts(), "certificate-expired", /CN=old\) has expired/);
});

test("PostgreSQL", async () => {
  const options = { user, password, database: "animals" };
  const said = postgres({ ...options, tls });
  await expectOf(database, said.accepts(), "no-tls", /answers N/);
  const settings = `cd /var/lib/postgresql/data
sed -i 's/^host /hostssl /' pg_hba.conf
(umask 077; cat >server.key)
psql -q -d animals <<SQL
ALTER SYSTEM SET ssl_cert_file = '/tls/database-cert.pem';
ALTER SYSTEM SET ssl = on;
CREATE TABLE cats AS SELECT 'Tom' AS name;
ALTER TABLE cats OWNER TO ${user};
SELECT pg_reload_conf();
SQL`;
  await database.succeed(["sh", "-euc", settings], { stdin: read("database-key.pem") });
  const soon = async () =>
    (await said
      .accepts()
      .observe(database)
      .catch(() => ({}))) as { version?: string };
  await expect.poll(soon, { timeout: 5000 }).toHaveProperty("version");
  expect(await judged(database, said.role("zoo").exists())).toMatchObject({ met: true });
  const encrypted = said.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
  expect(await judged(database, encrypted.gives([{ ssl: true }]))).toMatchObject({ met: true });
  await expectNoticed(database, said.table("cats").hasRows(1), ofPostgres, /empty the table cats/);
  // hostssl: who comes in the clear is told that it may be TLS.
  await expect(postgres(options).role("zoo").exists().observe(database)).rejects.toMatchObject({
    code: "login-refused",
    hint: expect.stringContaining("tls"),
  });
  await expectOf(
    database,
    postgres({ ...options, tls: { ...tls, servername: "cache" } })
      .role("zoo")
      .exists(),
    "certificate-name",
  );
});

test("RabbitMQ by AMQP 1.0 and 0-9-1, its management, and Celery", async () => {
  const said = amqp({ user, password, tls: known, management: { tls } });
  expect(await judged(broker, said.accepts())).toMatchObject({ met: true, seen: "RabbitMQ" });
  expect(await judged(broker, said.queues().areOnly([]))).toMatchObject({ met: true });
  // Workers there are none: that their broker was asked is what this tells.
  const worker = celery({ user, password, tls: known }).worker("*");
  expect(await judged(broker, worker.answersPing())).toMatchObject({
    met: false,
    seen: expect.stringMatching(/no worker/),
  });
  await expectOf(broker, amqp({ user, password, tls }).answers(), "certificate-wanted", /port 5671/);
  await expectOf(broker, amqp({ user, password, tls }).queue("a").exists(), "certificate-wanted");
  await expectOf(broker, celery({ user, password, tls }).worker("*").answersPing(), "certificate-wanted");
  await expectOf(broker, amqp({ port: 5671, user, password }).answers(), "tls-wanted");
  await expectOf(broker, celery({ port: 5671, user, password }).worker("*").answersPing(), "tls-wanted");
  await expectOf(broker, amqp({ port: 5672, user, password, tls }).answers(), "no-tls", /it answered "AMQP/);
  const management = (more: object) => amqp({ user, password, tls: known, management: more }).queue("a").exists();
  await expectOf(broker, management({ port: 15671 }), "tls-wanted", /15671/);
  await expectOf(broker, management({ tls: { ...tls, servername: "elsewhere" } }), "certificate-name");
  await expectNoticed(broker, said.queues().areOnly([]), ofBroker, /one queue more/);
});

test("Broker-J by AMQP 1.0 and 0-9-1, and its management", async () => {
  const login = { user, password };
  const said = amqp({ ...login, tls, management: { tls } });
  expect(await judged(brokerj, said.accepts())).toMatchObject({
    met: true,
    seen: expect.stringContaining("Broker-J"),
  });
  await expectNoticed(brokerj, said.queues().areOnly([]), ofBroker, /one queue more/);
  expect(await judged(brokerj, said.queue("assay.prove").hasDepth(0))).toMatchObject({ met: true });
  expect(await judged(brokerj, said.carries("assay.prove"))).toMatchObject({ met: true });
  await expectOf(brokerj, amqp({ ...login, port: 5671 }).answers(), "tls-wanted", /port 5671 speaks TLS/);
  await expectOf(
    brokerj,
    celery({ ...login, port: 5671 })
      .worker("*")
      .answersPing(),
    "tls-wanted",
  );
  await expectOf(brokerj, amqp({ ...login, port: 5672, tls }).answers(), "no-tls", /it answered "AMQP/);
  const elsewhere = { ...tls, servername: "elsewhere" };
  await expectOf(brokerj, amqp({ ...login, tls: elsewhere }).answers(), "certificate-name", /DNS:brokerj/);
  const management = (more: object) =>
    amqp({ ...login, tls, management: more })
      .queue("a")
      .exists();
  await expectOf(brokerj, management({ port: 8443 }), "tls-wanted", /8443/);
  await expectOf(brokerj, management({ tls: elsewhere }), "certificate-name");
});

test("a server of MongoDB's protocol", async () => {
  const identity = { cert: read("services-cert.pem"), key: read("services-key.pem") };
  const relay = async (socket: Duplex) => {
    const stream = await documents.connect(27017);
    if (socket.destroyed) stream.destroy();
    else pipeline(socket, stream, socket, () => stream.destroy());
  };
  const relayed: Promise<unknown>[] = [];
  const server = createServer(identity, (socket) => {
    relayed.push(relay(socket).catch((error: unknown) => error));
  }).on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ca = join(root, "ca.pem");
  const said = mongodb({ port, tls: { ca } });
  expect(await judged(host, said.answers())).toMatchObject({ met: true });
  expect(await judged(host, said.databases().areOnly())).toMatchObject({ met: true });
  await expectNoticed(host, said.collection("studio", "films").hasCount(0), ofMongodb, /add a document/);
  await expectOf(host, mongodb({ port }).answers(), "tls-wanted");
  await expectOf(host, mongodb({ port, tls: { ca, servername: "documents" } }).answers(), "certificate-name");
  await expectOf(documents, mongodb({ tls: { insecure: true } }).answers(), "no-tls", /27017/);
  server.close();
  // Who refused its certificate is gone before the way to the server stands: that one ends before the container does.
  expect(await Promise.all(relayed)).toEqual(relayed.map(() => undefined));
});

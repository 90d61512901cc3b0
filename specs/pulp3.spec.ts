// Pulp 3 as a service: its parts find each other, files go in and come out, and it is known what happens when a part is gone.
import { randomBytes } from "node:crypto";
import { admin, pulp3 } from "../environments/pulp3.ts";
import { pulpUser } from "../fixtures/pulp3/recipe.ts";
import { all, expect, file, http, logs, not, process, provokes, state, testIn } from "../harness/index.ts";
import {
  artifact,
  asAdmin,
  atApi,
  atContent,
  done,
  newRepository,
  type Posted,
  post,
  publish,
  serves,
  statusOf,
  upload,
} from "./pulp3/client.ts";

const test = testIn(pulp3);
/** Other bytes in each run: nothing that is cached anywhere is taken for them. */
const some = (size: number) => new Uint8Array(randomBytes(size));

test("each part is online, and reaches database and cache", async ({ host, api, content, worker }) => {
  const status = statusOf(api);
  await expect(host).toMeet(
    all(
      status.json("online_workers").hasLength(1),
      status.json("online_content_apps").hasLength(1),
      status.json("online_api_apps").hasLength(1),
    ),
    { within: "20s" },
  );
  await expect(host).toMeet(
    all(
      status.json("database_connection.connected").is(true),
      status.json("redis_connection.connected").is(true),
      status.json("versions[*].component").hasExactly("core", "file", "certguard"),
      status.json("online_workers[0].versions.file").is("3.123.1"),
    ),
  );
  for (const part of [api, content, worker]) await expect(part).toMeet(process(`pulpcore-${part.name}`).runsAs("pulp"));
});

test("the administrator's password works, and no other", async ({ host, api }) => {
  const users = "/pulp/api/v3/users/";
  await expect(host).toMeet(
    all(
      asAdmin(api, users).json("results[*].username").hasExactly(admin.user),
      http(atApi(api, users), { user: admin.user, password: "password" }).answers(401),
      http(atApi(api, users)).answers(401),
    ),
  );
});

test("migrating again changes nothing", async ({ database, migrate, api }) => {
  const sql = (...command: [string, ...string[]]) => database.succeed(command, { user: "postgres" });
  const seen = async () => ({
    schema: await sql("pg_dump", "--schema-only", "--restrict-key=none", "pulp"),
    applied: await sql("psql", "--no-psqlrc", "--tuples-only", "--command=TABLE django_migrations ORDER BY id", "pulp"),
  });
  const before = await seen();
  await migrate.start();
  await expect(migrate).toMeet(all(state().exitedWith(0), logs().contain("No migrations to apply.")));
  expect(await seen()).toEqual(before);
  expect(before.applied).toMatch(/\| file +\| 0001_initial/);
  await api.succeed(["pulpcore-manager", "migrate", "--check"]);
});

test("a file goes in by the API and comes out of the content app, whole, the second time from the cache", async ({
  host,
  api,
  content,
}) => {
  const pulp = { host, api, content };
  const bytes = some(300_000);
  await publish(pulp, "plates", "shots/010.exr", bytes);
  const path = "plates/shots/010.exr";
  await serves(pulp, path, bytes);
  const served = http(atContent(content, path), { timeout: "15s" });
  await expect(host).toMeet(
    all(
      served.hasHeader("X-PULP-CACHE", "HIT"),
      served.hasHeader("Content-Length", "300000"),
      http(atContent(content, "plates/PULP_MANIFEST")).bodyContains(/^shots\/010\.exr,[0-9a-f]{64},300000$/m),
      http(atContent(content, "plates/shots/020.exr")).answers(404),
    ),
  );
});

test("the files are Pulp's own, inside and on the host, and all parts have the same", async ({
  host,
  api,
  content,
  worker,
}) => {
  const bytes = some(2000);
  await post({ api }, "/pulp/api/v3/content/file/files/upload/", {
    file: new Blob([bytes]),
    relative_path: "notes",
  });
  const { uid, gid } = pulpUser;
  const kept = (root: string) => {
    const path = `${root}/${artifact(bytes)}`;
    return all(file(path).ownedBy(uid, gid), file(path).hasMode(0o644), file(path).hasContents(bytes));
  };
  await expect(host).toMeet(kept(api.mountSource("/var/lib/pulp")));
  for (const part of [api, content, worker])
    await expect(part).toMeet(all(kept("/var/lib/pulp"), file("/var/lib/pulp").hasMode(0o750)));
});

test("who starts it wrongly is told so", async ({ tools }) => {
  const said = async (env: Readonly<Record<string, string>>) => {
    const { status, stderr } = await tools.fail(["start-pulp", "pulpcore-manager", "migrate", "--check"], { env });
    return `${status}: ${stderr.trimEnd().split("\n").slice(-2).join(" ")}`;
  };
  const wrongly = await Promise.all([
    said({ PULP_DATABASES__default__PASSWORD: "not-this-one" }),
    said({ PULP_DATABASES__default__HOST: "nowhere" }),
    said({ PULP_DATABASES__default__PORT: "5433" }),
  ]);
  expect(wrongly).toEqual([
    expect.stringMatching(/^1: .*password authentication failed for user "pulp"/),
    expect.stringMatching(/^1: .*failed to resolve host 'nowhere'/),
    expect.stringMatching(/^1: .*port 5433 failed: Connection refused/),
  ]);
  // Not beside the others: it writes its key where they read theirs.
  expect(await said({ PULP_DATABASE_KEY: "not-32-bytes" })).toMatch(/^1: .*Could not load DB_ENCRYPTION_KEY file/);
  expect(await said({ PULP_SECRET_KEY: "" })).toBe("2: start-pulp: PULP_SECRET_KEY is not set");
  const stranger = await tools.as("nobody").fail(["start-pulp", "pulpcore-worker"]);
  expect(stranger.stderr).toMatch(/^start-pulp: \/var\/lib\/pulp cannot be written to as nobody, uid 65534/);
});

test("no image has a secret, and no process shows one", async ({ tools, api, database, cache }) => {
  await expect(tools).toMeet(not(file("/etc/pulp/settings.py").contains("PASSWORD =")));
  for (const node of [api, database, cache]) {
    const shown = await node.succeed(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], { user: "root" });
    for (const word of ["keeper-of-files", "only-pulp-knows", "quick-and-quiet"]) expect(shown).not.toContain(word);
  }
});

// From here on parts are stopped.
test("without a worker what is asked for waits; the next request wakes the one that is back, which does both", async ({
  host,
  api,
  worker,
}) => {
  const online = statusOf(api).json("online_workers");
  expect((await worker.stop()).status).toBe(0);
  await expect(host).toMeet(online.hasLength(0), { within: "20s" });
  const repository = await newRepository({ api }, "waiting");
  const early = await upload({ api }, repository, "early", some(1000));
  await expect(host).toMeet(asAdmin(api, early.task).json("state").is("waiting"));
  await worker.start();
  await expect(host).toMeet(online.hasLength(1), { within: "30s" });
  // Pulp tells workers of tasks as they come, and looks for forgotten ones every few minutes alone.
  const late = await upload({ api }, repository, "late", some(1000));
  expect(await done({ host, api }, early)).toMatch(/\/versions\/1\/$/);
  expect(await done({ host, api }, late)).toMatch(/\/versions\/2\/$/);
});

test("without its cache it serves all the same, and says that it has none", async ({ host, api, content, cache }) => {
  const pulp = { host, api, content };
  const bytes = some(5000);
  await publish(pulp, "uncached", "one", bytes);
  await cache.stop();
  const connected = statusOf(api).json("redis_connection.connected");
  await expect(host).toMeet(connected.is(false), { within: "20s" });
  await serves(pulp, "uncached/one", bytes);
  const served = http(atContent(content, "uncached/one"), { timeout: "15s" });
  await expect(host).toMeet(served.hasHeader("X-PULP-CACHE", "MISS"));
  await cache.start();
  await expect(host).toMeet(connected.is(true), { within: "20s" });
  await expect(host).toMeet(served.hasHeader("X-PULP-CACHE", "HIT"), { within: "20s" });
});

test("the database goes in the middle: the API comes back by itself, worker and content app end and say why; nothing is lost", async ({
  host,
  api,
  content,
  worker,
  database,
}) => {
  for (const node of [worker, content]) provokes(node, "exited");
  const pulp = { host, api, content };
  const bytes = some(5000);
  await publish(pulp, "kept", "one", bytes);
  const asked: Posted[] = [];
  for (const name of ["cut-a", "cut-b", "cut-c", "cut-d"])
    asked.push(await upload({ api }, await newRepository({ api }, name), "one", some(1000)));
  await database.kill();
  const status = statusOf(api);
  await expect(host).toMeet(status.answers(500));
  expect((await worker.died).status).toBe(1);
  await expect(worker).toMeet(
    logs().contain(/server closed the connection|terminating connection|the connection is (lost|closed)/),
  );
  expect((await content.died).status).toBe(3);
  await expect(content).toMeet(logs().contain("failed to register or write a heartbeat to the database"));
  await expect(api).toMeet(state().isRunning());

  await database.start();
  await expect(host).toMeet(status.json("database_connection.connected").is(true), { within: "30s" });
  await Promise.all([worker.start(), content.start()]);
  await expect(host).toMeet(
    all(status.json("online_workers").hasLength(1), status.json("online_content_apps").hasLength(1)),
    { within: "45s" },
  );
  await serves(pulp, "kept/one", bytes);
  const after = some(5000);
  await publish(pulp, "after", "one", after);
  await serves(pulp, "after/one", after);
  // Acknowledged: none is forgotten. The one that the worker had when it ended is nobody's before its record is cleared, minutes later.
  const undone = asAdmin(api, "/pulp/api/v3/tasks/?state__in=waiting,running,failed").json("count");
  await expect(host).toMeet(undone.isAtMost(1), { within: "60s" });
  for (const { task } of asked)
    await expect(host).toMeet(
      asAdmin(api, task)
        .json("state")
        .matches(/^(completed|waiting|running|failed)$/),
    );
});

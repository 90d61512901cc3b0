// A database in a container on storage of its host: what its directory must be, what it makes there, whose that is from either side, and
// that it outlives the container.
import { mongodbStorage, serves, tries } from "../environments/mongodb.ts";
import { all, expect, file, image, logs, mongodb, port, process, state, testIn } from "../harness/index.ts";

const test = testIn(mongodbStorage);
const path = "/var/lib/mongodb";
const mongod = { uid: 184, gid: 998 } as const;
/** mongod's own status for a directory that it cannot use. */
const refused = state().exitedWith(100);
const soon = { within: "20s" } as const;

test("the image says what it stands in for, whose process it starts, where its data are, and which port it has", async ({
  inside,
}) => {
  await expect(inside).toMeet(
    all(
      image().hasLabel("org.opencontainers.image.description", /stand-in for MongoDB: FerretDB/),
      image().hasUser("mongodb"),
      image().hasVolume(path),
      image().exposes("27017/tcp"),
    ),
  );
});

test("on a volume of the engine's it runs as mongodb and listens: the image's directory is its own", async ({
  inside,
}) => {
  await expect(inside).toMeet(
    all(
      file(path).ownedBy(mongod.uid, mongod.gid),
      file(path).ownedBy("mongodb", "mongodb"),
      file(path).hasMode(0o755),
      process("mongodb-server").hasCount(1),
      process("mongodb-server").runsAs(mongod.uid),
      process("mongodb-server").runsInGroup(mongod.gid),
      port(27017).isListening(),
      mongodb().answers(),
    ),
  );
});

test("on root's directory it ends, and says of what kind the directory is and who it is itself", async ({ mongo }) => {
  await expect(mongo).toMeet(refused, soon);
  await expect(mongo).toMeet(
    all(
      logs().contain(`data directory ${path}`),
      logs().contain("cannot be written: Permission denied"),
      logs().contain("owned by 0:0, mode 755"),
      logs().contain("this process is 184:998"),
    ),
  );
  await expect(mongo).not.toMeet(logs().contain("starting the server"));
});

test("so it does for another user, and where there is no directory", async ({ stranger, nowhere, host }) => {
  await expect(stranger).toMeet(refused, soon);
  await expect(stranger).toMeet(
    all(logs().contain("owned by 184:998, mode 755"), logs().contain("this process is 1000:1000")),
  );
  await expect(host).not.toMeet(file(`${stranger.mountSource(path)}/mongod.lock`).exists());
  await expect(nowhere).toMeet(refused, soon);
  await expect(nowhere).toMeet(logs().contain("/srv/mongodb cannot be used: No such file or directory"));
});

test("once the directory is its own it starts, telling each step, and makes data and journal there", async ({
  mongo,
  host,
}) => {
  const source = mongo.mountSource(path);
  await host.succeed(["chown", `${mongod.uid}:${mongod.gid}`, source]);
  await mongo.start({ ready: serves });
  await expect(mongo).toMeet(
    all(
      logs().contain(/running as 184:998.*locked .*mongod\.lock.*starting the server.*Waiting for connections/s),
      mongodb().answers(),
      mongodb().databases().areOnly(),
    ),
  );

  await mongo.succeed([
    "mongodb-command",
    "studio",
    JSON.stringify({ insert: "shots", documents: [{ name: "sh010" }] }),
  ]);
  await expect(mongo).toMeet(
    all(
      mongodb().databases().areOnly("studio"),
      mongodb().collection("studio", "shots").hasCount(1, { name: "sh010" }),
    ),
  );
  for (const [node, at] of [
    [mongo, path],
    [host, source],
  ] as const)
    for (const name of ["mongod.lock", "studio.sqlite", "studio.sqlite-wal"])
      await expect(node).toMeet(
        all(file(`${at}/${name}`).ownedBy(mongod.uid, mongod.gid), file(`${at}/${name}`).hasMode(0o644)),
      );
  // The journal has what was written and is not in the data yet.
  await expect(host).toMeet(file(`${source}/studio.sqlite-wal`).hasSizeAtLeast(1));
});

test("a file made outside has inside the ids and mode it was given, and the other way round", async ({
  mongo,
  host,
}) => {
  const source = mongo.mountSource(path);
  await host.succeed(["install", "--owner=1234", "--group=998", "--mode=0640", "/dev/null", `${source}/from-outside`]);
  await mongo.succeed(["install", "--mode=0600", "/dev/null", `${path}/from-inside`]);
  for (const [node, at] of [
    [mongo, path],
    [host, source],
  ] as const)
    await expect(node).toMeet(
      all(
        file(`${at}/from-outside`).ownedBy(1234, 998),
        file(`${at}/from-outside`).hasMode(0o640),
        file(`${at}/from-inside`).ownedBy(mongod.uid, mongod.gid),
        file(`${at}/from-inside`).hasMode(0o600),
      ),
    );
});

test("the directory is one server's at a time", async ({ successor }) => {
  await successor.start({ ready: tries });
  await expect(successor).toMeet(refused, soon);
  await expect(successor).toMeet(logs().contain(`${path} is used by another server`));
});

test("stopped, it ends well; a new container on the directory has all data", async ({ mongo, successor }) => {
  expect((await mongo.stop()).status).toBe(0);
  await expect(mongo).toMeet(logs().contain("Shut down"));
  await successor.start({ ready: serves });
  await expect(successor).toMeet(mongodb().collection("studio", "shots").hasCount(1, { name: "sh010" }));
});

test("killed, it has lost nothing that it said it had written", async ({ mongo, successor }) => {
  const insert = (shot: number) =>
    successor.succeed([
      "mongodb-command",
      "studio",
      JSON.stringify({ insert: "shots", documents: [{ _id: shot, written: true }] }),
    ]);
  for (let shot = 1; shot <= 5; shot++) await insert(shot);
  await successor.kill();
  await mongo.start({ ready: serves });
  await expect(mongo).toMeet(
    all(
      mongodb().collection("studio", "shots").hasCount(5, { written: true }),
      mongodb().collection("studio", "shots").hasCount(6),
    ),
  );
});

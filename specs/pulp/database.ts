// The database under the stack: migrated once, by the beat, as apache; what it has acknowledged, it keeps.
import { brokerUser } from "../../environments/pulp.ts";
import { all, type ContainerNode, command, expect, logs, mongodb, type TestsOn } from "../../harness/index.ts";

/** Asked by the client that the roles themselves have; prints JSON. */
const asked = (statements: string, expression: string) =>
  command([
    "python3",
    "-B",
    "-c",
    `import json, pymongo
client = pymongo.MongoClient("database", serverSelectionTimeoutMS=5000)
db = client["pulp_database"]
${statements}
print(json.dumps(${expression}))`,
  ]);

/** All there is but what the beat notes from second to second. */
const everything = asked(
  "",
  `{name: [sorted(map(str, db[name].find())), sorted(db[name].index_information())] for name in sorted(db.list_collection_names()) if name not in ("workers", "beats", "writes")}`,
);
const pulp = mongodb().database("pulp_database");
const collection = (name: string) => mongodb().collection("pulp_database", name);

/**
 * Writes until it was refused and has then been heard again for a hundred documents; says which of the acknowledged ones are not there.
 * In the journal: what MongoDB acknowledges before, a killed process may lose.
 */
const write = `import json, time, pymongo
client = pymongo.MongoClient("database", serverSelectionTimeoutMS=300, connectTimeoutMS=300, socketTimeoutMS=1000, retryWrites=False, journal=True)
writes = client["pulp_database"]["writes"]
acknowledged, refused, number, since = [], 0, 0, 0
end = time.monotonic() + 40
while time.monotonic() < end and since < 100:
    number += 1
    try:
        writes.insert_one({"_id": number, "number": number})
        acknowledged.append(number)
        since += 1 if refused else 0
    except pymongo.errors.PyMongoError:
        refused += 1
there = {each["_id"] for each in writes.find()}
print(json.dumps({"acknowledged": len(acknowledged), "refused": refused, "lost": [n for n in acknowledged if n not in there]}))`;

export interface DatabaseNodes {
  readonly database: ContainerNode;
  readonly beat: ContainerNode;
  readonly place: ContainerNode;
}

export function database(test: TestsOn<DatabaseNodes>): void {
  test("a database that nobody has migrated is made by the beat, as apache, and not before", async ({
    database: server,
    beat,
    place,
  }) => {
    await beat.stop();
    await expect(place).toMeet(asked('client.drop_database("pulp_database")', "True").json().is(true));
    await expect(server).not.toMeet(pulp.exists());
    const { status, stderr } = await place.exec(["/run.sh"], {
      env: {
        DB_SERVICE_HOST: "database",
        DB_TEST_TRIES: "1",
        MSG_SERVICE_HOST: "broker",
        MSG_SERVICE_USER: brokerUser.user,
      },
    });
    expect(stderr).toContain("no database to use at database:27017 after 1 tries");
    expect(stderr).toContain("it is at version 0, and 3 is needed: the beat migrates it");
    expect(status).toBe(25);
    await expect(server).not.toMeet(pulp.exists());
    await beat.start();
    await expect(server).toMeet(
      all(
        pulp.collections().include("migration_trackers", "repositories", "units", "task_status", "users"),
        collection("migration_trackers").contains({ version: 3 }),
        collection("units").hasIndex({ repo_id: 1, name: 1 }, { unique: true }),
        collection("users").contains({ name: "Administrator", roles: ["super-users"] }),
      ),
    );
    await expect(beat).toMeet(logs().contain("pulp-manage-db: running as apache"));
    await expect(beat).toMeet(logs().contain("migration 3 (create_admin) is done"));
  });

  test("a second migration changes nothing", async ({ beat, place }) => {
    const seen = async () => JSON.stringify(await everything.json().exists().observe(place));
    const first = await seen();
    expect(first).toContain("'_id': 'admin'");
    await beat.restart();
    await expect(beat).toMeet(logs().contain("pulp-manage-db: the database is at version 3: nothing to migrate"));
    expect(await seen()).toBe(first);
  });

  test("killed while it is written to, and started again, it has all that it acknowledged", async ({
    database: server,
    place,
  }) => {
    const writing = place.exec(["python3", "-B", "-c", write]);
    await expect(server).toMeet(collection("writes").contains({ number: 50 }), { within: "20s" });
    await server.kill();
    await server.start();
    const { stdout, stderr } = await writing;
    expect(stderr).toBe("");
    const { acknowledged, refused, lost } = JSON.parse(stdout);
    expect(lost).toEqual([]);
    expect(acknowledged).toBeGreaterThan(150);
    expect(refused).toBeGreaterThan(0);
  });

  test("a beat whose database comes late waits for it: the third try succeeds", async ({ database: server, beat }) => {
    await beat.stop();
    await server.stop();
    const started = beat.start();
    await expect(beat).toMeet(logs().contain(/database at database:27017, try 2 of 12: no such host/), {
      within: "30s",
    });
    await server.start();
    await started;
    await expect(beat).toMeet(logs().contain("database at database:27017, try 3 of 12: it answers"));
  });
}

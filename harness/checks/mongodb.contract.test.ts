// Decides that a real server of MongoDB's protocol is asked through its container: no port published, one connection for all checks,
// each failure told as what it is.
import type { Db } from "mongodb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mongodb as image } from "../../fixtures/mongodb/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { redact, secret } from "../model/secret.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { mongodb } from "./mongodb.ts";
import { askDatabase } from "./mongodb-client.ts";

const environment = defineEnvironment("mongodb-asked", {
  nodes: { database: container({ image, ready: { log: /Waiting for connections/ } }) },
});
let stage: Stage;
let database: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  ({ database } = (await stage.standUp(environment)).nodes);
  await inStudio(async (studio) => {
    await studio.collection("films").insertMany([
      { title: "one", frames: 24 },
      { title: "two", frames: 48 },
      { title: "three", frames: 48 },
    ]);
    await studio.collection("films").createIndex({ title: 1 }, { unique: true });
  });
});
afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

const inStudio = <Answer>(work: (studio: Db) => Promise<Answer>) => askDatabase(database, {}, "studio", work);

async function judged(check: Check<Node>, node: Node = database): Promise<{ met: boolean; seen: string }> {
  return check.judge(await check.observe(node)) as { met: boolean; seen: string };
}

const films = () => mongodb().collection("studio", "films");

test.each<[string, () => Check<Node>, boolean, string]>([
  ["answers", () => mongodb().answers(), true, "version 7.0"],
  ["accepts anybody", () => mongodb().accepts(), true, "version 7.0"],
  ["version", () => mongodb().hasVersion(">=7 <8"), true, "7.0"],
  ["another version", () => mongodb().hasVersion(">=8"), false, "7.0"],
  ["its databases", () => mongodb().databases().include("studio"), true, "studio"],
  ["a database that is not there", () => mongodb().databases().include("studio", "pulp_database"), false, "studio"],
  ["only these", () => mongodb().databases().areOnly("studio"), true, "studio"],
  ["not only these", () => mongodb().databases().areOnly(), false, "studio"],
  ["a database", () => mongodb().database("studio").exists(), true, "studio"],
  ["no such database", () => mongodb().database("pulp_database").exists(), false, "studio"],
  ["collections", () => mongodb().database("studio").collections().areOnly("films"), true, "films"],
  ["none of what is not there", () => mongodb().database("nothing").collections().areOnly(), true, "there are none"],
  ["a collection", () => films().exists(), true, "films"],
  ["no such collection", () => mongodb().collection("studio", "roles").exists(), false, "films"],
  ["all documents", () => films().hasCount(3), true, "3"],
  ["not so many", () => films().hasCount(4), false, "3"],
  ["documents that match", () => films().hasCount(2, { frames: 48 }), true, "2"],
  ["one that matches", () => films().contains({ title: "two", frames: { $gt: 24 } }), true, "1"],
  ["none that matches", () => films().contains({ title: "four" }), false, 'none; there are "{\\"title\\":\\"one\\"'],
  ["an index", () => films().hasIndex({ title: 1 }), true, '{"title":1} unique'],
  ["a unique index", () => films().hasIndex({ title: 1 }, { unique: true }), true, '{"title":1} unique'],
  ["no such index", () => films().hasIndex({ frames: 1 }), false, '{"title":1}'],
  ["one that is not unique", () => films().hasIndex({ title: 1 }, { unique: false }), false, '{"title":1} unique'],
  [
    "no index of no collection",
    () => mongodb().collection("studio", "roles").hasIndex({ a: 1 }),
    false,
    "there is none",
  ],
])("%s", async (_, check, met, seen) => {
  const judgement = await judged(check());
  expect(judgement.seen).toContain(seen);
  expect(judgement.met).toBe(met);
});

test("many questions at once share one connection, and leave no program behind for each", async () => {
  const carriers = () => database.succeed({ shell: "cat /proc/[0-9]*/comm | grep -cx perl" }).then(Number);
  const before = await carriers();
  await Promise.all(Array.from({ length: 40 }, (_, at) => judged(films().hasCount(at))));
  expect(await carriers()).toBe(before);
  expect(before).toBeGreaterThan(0);
});

describe("who cannot be asked", () => {
  const nobody = mongodb({ port: 27018 });

  test("nobody listens: no answer, and everything else is an error", async () => {
    expect(await judged(nobody.answers())).toMatchObject({
      met: false,
      seen: expect.stringContaining("nobody listens on 127.0.0.1:27018"),
    });
    await expect(judged(nobody.databases().include("studio"))).rejects.toMatchObject({
      code: "service-unreachable",
      node: "mongodb-asked/database",
      seen: expect.stringContaining("nobody listens on 127.0.0.1:27018"),
    });
    await expect(judged(nobody.hasVersion(">=7"))).rejects.toMatchObject({ code: "service-unreachable" });
  });

  test("another protocol is told as that, under any sentence", async () => {
    const web = `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:8080", ReuseAddr => 1) or die; $| = 1; print "up\\n";
      while ($c = $s->accept) { sysread $c, $b, 999; print $c "HTTP/1.1 400 Bad Request\\r\\n\\r\\n"; close $c }'`;
    const [running] = [
      database.exec({
        shell: `${web} >/tmp/web 2>&1 & echo $! >/tmp/web.pid; while ! grep -q up /tmp/web; do sleep 0.05; done`,
      }),
    ];
    await running;
    for (const check of [mongodb({ port: 8080 }).answers(), mongodb({ port: 8080 }).databases().include("a")])
      await expect(judged(check)).rejects.toMatchObject({
        code: "other-protocol",
        seen: expect.stringContaining("what listens on port 8080 is no MongoDB server"),
      });
    await database.succeed({ shell: "kill $(cat /tmp/web.pid)" });
  });

  test("a password is in no message", async () => {
    const password = secret("database password", "film-noir-1944");
    const login = mongodb({ user: "ops", password });
    const [answer] = await Promise.allSettled([judged(login.database("studio").exists())]);
    const told = JSON.stringify([
      login.accepts().title,
      login.accepts().command,
      answer,
      answer.status === "rejected" ? String(answer.reason) : "",
    ]);
    expect(told).not.toContain("film-noir-1944");
    expect(redact("film-noir-1944")).toBe("‹database password›");
  });

  test("a server that was killed is an error, and is asked anew when it is back", async () => {
    await inStudio((studio) => studio.collection("kept").insertOne({ kept: true }));
    await database.kill();
    await expect(judged(films().hasCount(3))).rejects.toThrow();
    await database.start();
    expect(await judged(mongodb().answers())).toMatchObject({ met: true });
    expect(await judged(mongodb().collection("studio", "kept").contains({ kept: true }))).toMatchObject({ met: true });
  });
});

test("what no server could have is refused where it is written", () => {
  expect(() => mongodb({ port: 0 })).toThrow("0 is not a port");
  expect(() => mongodb({ user: "a", password: "shown" as never })).toThrow("a password is given as text");
  expect(() => mongodb().database("a/b")).toThrow("is not a database's name");
  expect(() => mongodb().databases().include()).toThrow("no name was given");
});

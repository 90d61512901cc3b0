// Decides that a real PostgreSQL is seen as it is: who is let in, what is in it, how it is set; and that nothing can be written.
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgres as image } from "../../fixtures/postgres/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { postgres } from "./postgres.ts";
import { password, user, wrongPassword } from "./testing/zoo.ts";

const environment = defineEnvironment("postgres-contract", {
  nodes: {
    database: container({
      image,
      env: { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: "animals" },
      memory: "256m",
      ready: { log: /database system is ready to accept connections/ },
    }),
  },
});
let stage: Stage;
let database: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ database } = (await stage.standUp(environment)).nodes);
  await database.succeed([
    "psql",
    "-d",
    "animals",
    "-c",
    `
    CREATE TABLE cats (id serial PRIMARY KEY, name varchar(20) NOT NULL, born timestamptz, weight bigint);
    INSERT INTO cats (name, born, weight) VALUES ('Tom', '2020-01-02T03:04:05Z', 5), ('Mia', NULL, 4);
    CREATE SCHEMA "Zoo"; CREATE TABLE "Zoo"."Empty Cage" (); GRANT ALL ON ALL TABLES IN SCHEMA public TO zoo; GRANT USAGE ON SCHEMA "Zoo" TO zoo;
    GRANT ALL ON "Zoo"."Empty Cage" TO zoo; CREATE ROLE keepers NOLOGIN; CREATE TABLE secrets (a int);`,
  ]);
}, 600_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

const said = postgres({ user, password, database: "animals" });
async function judged(check: Check<Node>) {
  return check.judge(await check.observe(database)) as { met: boolean; seen: string };
}

test("lets in who may, and nobody else", async () => {
  expect(await judged(said.answers())).toMatchObject({ met: true });
  expect(await judged(said.accepts())).toMatchObject({ met: true });
  const stranger = postgres({ user, password: wrongPassword, database: "animals" });
  expect(await judged(stranger.accepts())).toMatchObject({
    met: false,
    seen: expect.stringContaining("password authentication failed"),
  });
  expect(await judged(stranger.answers())).toMatchObject({ met: true });
  expect(await judged(postgres({ user }).accepts())).toMatchObject({ met: false });
  await expect(stranger.table("cats").exists().observe(database)).rejects.toMatchObject({
    code: "login-refused",
    node: "postgres-contract/database",
  });
  await expect(
    postgres({ user, password, database: "plants" }).table("cats").exists().observe(database),
  ).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining('"plants" does not exist'),
  });
});

test("what is in it is seen, and what is not", async () => {
  const expected: readonly (readonly [Check<Node>, boolean, string | RegExp])[] = [
    [said.hasVersion(">=15 <16"), true, /^15/],
    [said.hasVersion(">=16"), false, /^15/],
    [said.database("animals").exists(), true, "animals"],
    [said.database("animals").isOwnedBy(user), true, user],
    [said.database("animals").isOwnedBy("postgres"), false, user],
    [said.database("animals").hasEncoding("UTF8"), true, "UTF8"],
    [said.database("plants").exists(), false, /no such database; there are animals, postgres/],
    [said.role("zoo").exists(), true, "zoo"],
    [said.role("zoo").isSuperuser(), false, "no superuser"],
    [said.role("postgres").isSuperuser(), true, "superuser"],
    [said.role("zoo").canLogin(), true, "may log in"],
    [said.role("keepers").canLogin(), false, "may not log in"],
    [said.role("nobody").exists(), false, /no such role; there are keepers, postgres, zoo/],
    [said.table("cats").exists(), true, /id integer/],
    [said.table("public.cats").exists(), true, /id integer/],
    [said.table("dogs").exists(), false, "no such table"],
    [said.table("cats").hasColumn("name", "character varying(20)"), true, /name/],
    [said.table("cats").hasColumn("name", "text"), false, /name character varying\(20\)/],
    [said.table("cats").hasColumn("colour"), false, /weight bigint/],
    [said.table("cats").hasRows(2), true, "2"],
    [said.table("cats").hasRows(3), false, "2"],
    [said.table("cats").hasRowsAtLeast(1), true, "2"],
    [said.table("dogs").hasRows(0), false, "no such table"],
    [said.table("Zoo.Empty Cage").hasRows(0), true, "0"],
    [said.table("Zoo.Empty Cage").exists(), true, "without a column"],
    [said.extension("plpgsql").isInstalled(), true, /plpgsql/],
    [said.extension("hstore").isInstalled(), false, /plpgsql/],
    [said.setting("listen_addresses").is("*"), true, "*"],
    [said.setting("max_connections").is("7"), false, "100"],
    [said.setting("no_such").is(""), false, "no such setting"],
    [
      said
        .query("SELECT name, born, weight FROM cats WHERE weight > $1 ORDER BY name", [4])
        .gives([{ name: "Tom", born: "2020-01-02T03:04:05.000Z", weight: "5" }]),
      true,
      /Tom/,
    ],
    [said.query("SELECT name FROM cats ORDER BY name").gives([{ name: "Tom" }, { name: "Mia" }]), false, /Mia/],
  ];
  for (const [check, met, seen] of expected)
    expect(await judged(check), check.title).toMatchObject({
      met,
      seen: typeof seen === "string" ? seen : expect.stringMatching(seen),
    });
});

test("nothing can be written, and a question that fails leaves the next alone", async () => {
  for (const sql of [
    "INSERT INTO cats (name) VALUES ('Kit')",
    "DELETE FROM cats",
    "COMMIT; DELETE FROM cats",
    "SELECT nextval('cats_id_seq')",
    "nonsense",
  ])
    await expect(said.query(sql).gives([]).observe(database), sql).rejects.toMatchObject({ code: "probe-failed" });
  await expect(said.table("secrets").hasRows(0).observe(database)).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining("permission denied"),
  });
  expect(await judged(said.table("cats").hasRows(2))).toMatchObject({ met: true });
});

test("forty checks use one connection; a server that is back is asked anew", async () => {
  expect(
    await Promise.all(Array.from({ length: 40 }, async () => (await judged(said.table("cats").hasRows(2))).met)),
  ).toEqual(Array(40).fill(true));
  expect(
    await judged(
      said.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'assay'").gives([{ n: 1 }]),
    ),
  ).toMatchObject({ met: true });
  await database.stop();
  await expect(said.table("cats").exists().observe(database)).rejects.toMatchObject({ outcome: "errored" });
  await database.start();
  expect(await judged(said.table("cats").hasRows(2))).toMatchObject({ met: true });
});

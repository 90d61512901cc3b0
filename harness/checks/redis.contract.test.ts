// Decides that a real Redis is seen as it is: who is let in, its keys, its role and configuration.
import { afterAll, beforeAll, expect, test } from "vitest";
import { redis as image } from "../../fixtures/redis/recipe.ts";
import type { Check } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { redis } from "./redis.ts";
import { password, wrongPassword } from "./testing/zoo.ts";

const environment = defineEnvironment("redis-contract", {
  nodes: {
    cache: container({
      image,
      env: { REDIS_PASSWORD: password },
      memory: "128m",
      ready: { log: /Ready to accept connections/ },
    }),
  },
});
let stage: Stage;
let cache: ContainerNode;
beforeAll(async () => {
  stage = await openStage();
  ({ cache } = (await stage.standUp(environment)).nodes);
  const cli = (...words: string[]) =>
    cache.succeed(["redis-cli", ...words], { env: { REDISCLI_AUTH: password.reveal() } });
  await cli("SET", "cat", "Tom");
  await cli("SET", "guest", "Mia", "EX", "1000");
  await cli("RPUSH", "queue", "a", "b");
  await cli("-n", "3", "SET", "other", "1");
}, 600_000);
afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

const said = redis({ password });
async function judged(check: Check<Node>) {
  return check.judge(await check.observe(cache)) as { met: boolean; seen: string };
}

test("lets in who may, and nobody else", async () => {
  expect(await judged(said.answers())).toMatchObject({ met: true, seen: "PONG" });
  expect(await judged(said.accepts())).toMatchObject({ met: true });
  for (const stranger of [redis(), redis({ password: wrongPassword }), redis({ user: "nobody", password })]) {
    expect(await judged(stranger.accepts())).toMatchObject({ met: false });
    expect(await judged(stranger.answers())).toMatchObject({ met: true });
    await expect(stranger.key("cat").exists().observe(cache)).rejects.toMatchObject({
      code: "login-refused",
      node: "redis-contract/cache",
    });
  }
});

test("what is in it is seen, and what is not", async () => {
  const expected: readonly (readonly [Check<Node>, boolean, string | RegExp])[] = [
    [said.hasVersion(">=7 <8"), true, /^7/],
    [said.hasVersion(">=8"), false, /^7/],
    [said.hasRole("master"), true, "master"],
    [said.hasRole("slave"), false, "master"],
    [said.key("cat").exists(), true, "a string"],
    [said.key("dog").exists(), false, "no such key"],
    [said.key("cat").is("Tom"), true, '"Tom"'],
    [said.key("cat").is("Mia"), false, '"Tom"'],
    [said.key("dog").is(""), false, "no such key"],
    [said.key("queue").hasType("list"), true, "list"],
    [said.key("queue").hasType("set"), false, "list"],
    [said.key("guest").expires(), true, /s$/],
    [said.key("cat").expires(), false, "it stays"],
    [said.key("dog").expires(), false, "no such key"],
    [said.config("port").is("6379"), true, "6379"],
    [said.config("port").is("1"), false, "6379"],
    [said.config("no-such").is(""), false, "no such parameter"],
    [said.dbSize(3), true, "3"],
    [said.dbSize(0), false, "3"],
    [redis({ password, database: 3 }).dbSize(1), true, "1"],
    [redis({ password, database: 3 }).key("other").exists(), true, "a string"],
  ];
  for (const [check, met, seen] of expected)
    expect(await judged(check), check.title).toMatchObject({
      met,
      seen: typeof seen === "string" ? seen : expect.stringMatching(seen),
    });
  await expect(said.key("queue").is("a").observe(cache)).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining("WRONGTYPE"),
  });
});

test("forty checks use one connection; a server that is back is asked anew", async () => {
  expect(
    await Promise.all(Array.from({ length: 40 }, async () => (await judged(said.key("cat").exists())).met)),
  ).toEqual(Array(40).fill(true));
  const clients = await cache.succeed(["redis-cli", "CLIENT", "LIST"], { env: { REDISCLI_AUTH: password.reveal() } });
  // This one, the one of database 3, and the one that lists them.
  expect(clients.split("\n").length).toBe(3);
  await cache.stop();
  await expect(said.key("cat").exists().observe(cache)).rejects.toMatchObject({ outcome: "errored" });
  await cache.start();
  expect(await judged(said.answers())).toMatchObject({ met: true });
});

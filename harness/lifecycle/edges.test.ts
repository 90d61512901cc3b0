// Decides what is said of a wait that comes to nothing. What is waited for on an engine is in `drivers/docker-ready.contract.test.ts`.
import { expect, test } from "vitest";
import type { Check } from "../model/check.ts";
import { when } from "../model/edge.ts";
import type { Node } from "../model/node.ts";
import { untilAllTrue } from "./edges.ts";

const nodes = new Map([["database", { title: "stack/database" } as Node]]);
const questions = { title: "database pulp exists", command: "show dbs", judge: (seen: unknown) => seen } as Check;
const waiting = (observe: () => Promise<unknown>) =>
  untilAllTrue([when("database", { ...questions, observe }, { within: "300ms" })], {
    nodes,
    waiter: "stack/worker",
    say: () => {},
    signal: undefined,
  });

test("what was seen last is told; who never answered is not told as a no", async () => {
  await expect(waiting(async () => ({ met: false, expected: "pulp", seen: "admin, local" }))).rejects.toMatchObject({
    code: "not-ready",
    seen: expect.stringMatching(/: not so after 300ms \(last: admin, local\)$/),
  });
  await expect(waiting(() => new Promise(() => {}))).rejects.toMatchObject({
    code: "not-ready",
    node: "stack/worker",
    seen: expect.stringMatching(
      /^not started, because it waits for "database pulp exists" of stack\/database: nothing was answered within 300ms$/,
    ),
  });
});

test("true the second time it is asked, it goes on", async () => {
  let asked = 0;
  await waiting(async () => {
    asked += 1;
    return { met: asked > 1, expected: "pulp", seen: "admin" };
  });
  expect(asked).toBe(2);
});

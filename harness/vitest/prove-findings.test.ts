// Decides which tests are told to observe nothing, and that those which look at anything of a node are not.
import assert from "node:assert/strict";
import { expect, type RunnerTestCase, test } from "vitest";
import { file } from "../checks/file.ts";
import { hostNode } from "../drivers/shell-node.ts";
import type { Node } from "../model/node.ts";
import type { Mutation } from "../prove/mutation.ts";
import { Findings } from "./prove-findings.ts";
import { Recording } from "./prove-record.ts";

const mode = file("/etc/passwd").hasMode(0o644);

/** What is said of a test with this body, which called `expect` so often. */
async function said(assertions: number, body: (box: Node, recorded: Recording) => unknown, noticing = false) {
  const recorded = new Recording();
  const task = { id: "1", fullTestName: "it is so", meta: { assertions } } as unknown as RunnerTestCase;
  await recorded.first(task, async () => {
    // As the fixture of a test does.
    await body(recorded.watch(hostNode(), "box"), recorded);
  });
  const tests = recorded.of([task]);
  const findings = new Findings(recorded, tests);
  const [record] = tests;
  const mutation: Mutation = {
    id: "box: take /etc/issue away",
    node: "box",
    kind: "file",
    from: [],
    change: { way: "image", facet: "id", change: (facts) => facts },
  };
  if (noticing && record !== undefined) findings.tell(mutation, { outcome: "found", test: record, said: "no" }, 1);
  return findings.hollow.map(({ test: name, why }) => `${name}: ${why}`);
}

const asserted = "and asserted nothing: no check, no expect";
const commands = [`it is so: it ran commands, ${asserted}`];
const none = "it is so: it asked nothing of any node";
type Row = [string, number, (box: Node, recorded: Recording) => unknown, readonly string[]];

test.each<Row>([
  ["nothing", 0, () => undefined, [`${none}, and asserted nothing`]],
  ["an assertion without a node", 1, () => undefined, [none]],
  ["what a node is called", 1, (box) => `${box.title} ${box.name} ${box.kind}`, [none]],
  ["a command, and nobody looks", 0, (box) => box.exec(["true"]), commands],
  ["one that has to succeed", 0, (box) => box.succeed(["true"]), commands],
  ["one that has to fail", 0, (box) => box.fail(["false"]), commands],
  ["what carries a node, and nobody looks", 0, (box) => box.carrier, [`it is so: it used a node, ${asserted}`]],
])("%s observes nothing", async (_, assertions, body, expected) => {
  expect(await said(assertions, body)).toEqual(expected);
});

test.each<Row>([
  ["what a command prints", 1, (box) => box.succeed(["hostname"]), []],
  ["what carries a node", 1, (box) => box.carrier.kind, []],
  ["a check", 1, (box, recorded) => recorded.look(box, mode, false), []],
  ["a check of a node that is not watched", 1, (_, recorded) => recorded.look(hostNode(), mode, false), []],
])("%s, asserted, observes something", async (_, assertions, body, expected) => {
  expect(await said(assertions, body)).toEqual(expected);
});

test("who noticed a change without a check and without expect observes something all the same", async () => {
  const body = async (box: Node) => assert.equal(await box.succeed(["echo", "hi"]), "hi");
  expect(await said(0, body)).toEqual(commands);
  expect(await said(0, body, true)).toEqual([]);
});

test("what is done in a test's name before it begins and when it has ended says nothing of it", async () => {
  const body = async (box: Node, recorded: Recording) => {
    await recorded.aside(() => box.exec(["true"]));
    setImmediate(() => later.resolve(box.exec(["true"])));
  };
  const later = Promise.withResolvers<unknown>();
  const recorded = new Recording();
  const task = { id: "1", fullTestName: "it is so", meta: { assertions: 1 } } as unknown as RunnerTestCase;
  await recorded.first(task, () => body(recorded.watch(hostNode(), "box"), recorded));
  await later.promise;
  expect(new Findings(recorded, recorded.of([task])).hollow).toEqual([
    { test: "it is so", why: "it asked nothing of any node" },
  ]);
});

test("what a test does when it is run again says nothing of it", async () => {
  const recorded = new Recording();
  const task = { id: "1", fullTestName: "it is so", meta: { assertions: 1 } } as unknown as RunnerTestCase;
  const box = recorded.watch(hostNode(), "box");
  await recorded.first(task, async () => undefined);
  const [record] = recorded.of([task]);
  if (record === undefined) throw new Error("it is not recorded");
  await recorded.again({ record }, () => box.exec(["true"]));
  expect(new Findings(recorded, [record]).hollow).toEqual([{ test: "it is so", why: "it asked nothing of any node" }]);
});

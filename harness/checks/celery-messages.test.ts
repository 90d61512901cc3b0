// Decides that Celery's messages are read as workers wrote them, and that bodies of others are errors.
import { expect, test } from "vitest";
import {
  commandBody,
  readActiveQueues,
  readEvents,
  readRegistered,
  readReply,
  readResult,
  sayTraceback,
  taskMessage,
} from "./celery-messages.ts";
import { events } from "./testing/broker-answers.ts";

const id = "9ae35462-7ee8-4d1d-8b9f-b0fb52c09262";

test("events come alone, or several at once", () => {
  expect(readEvents(Buffer.from(events.heartbeat))).toEqual([{ type: "worker-heartbeat", by: "keeper@zoo" }]);
  expect(readEvents(Buffer.from(events.succeeded))).toEqual([
    { type: "task-received", by: "keeper@zoo", task: id, name: "zoo.add" },
    { type: "task-started", by: "keeper@zoo", task: id },
    { type: "task-succeeded", by: "keeper@zoo", task: id },
  ]);
});

test("a failure is told by its last lines", () => {
  const failed = readEvents(Buffer.from(events.failed)).at(-1);
  expect(failed?.type).toBe("task-failed");
  expect(sayTraceback(failed?.traceback ?? "")).toBe(
    'File "/opt/zoo/zoo.py", line 26, in sink | raise ValueError("the ark has a leak") | ValueError: the ark has a leak',
  );
});

test("what workers answer to commands", () => {
  expect(readReply(Buffer.from('{"keeper@zoo": {"ok": "pong"}}'))).toEqual({ "keeper@zoo": { ok: "pong" } });
  expect(readRegistered(["zoo.add", "zoo.slow [rate_limit=10/m]"])).toEqual(["zoo.add", "zoo.slow"]);
  expect(readActiveQueues([{ name: "animals", exchange: { name: "zoo" }, routing_key: "animals" }])).toEqual([
    "animals",
  ]);
  for (const read of [readRegistered, readActiveQueues]) expect(read({ error: "no such command" })).toBeUndefined();
});

test("results: protocol of the backend rpc://", () => {
  expect(
    readResult(
      Buffer.from(`{"status": "SUCCESS", "result": 3, "traceback": null, "children": [], "task_id": "${id}"}`),
    ),
  ).toEqual({ status: "SUCCESS" });
  expect(readResult(Buffer.from('{"status": "FAILURE", "traceback": "ValueError: a"}'))).toEqual({
    status: "FAILURE",
    traceback: "ValueError: a",
  });
});

test("tasks and commands are written as Celery reads them", () => {
  const { headers, body } = taskMessage({ id, task: "zoo.add", args: [1], kwargs: { b: 2 } });
  expect(headers).toMatchObject({
    lang: "py",
    task: "zoo.add",
    id,
    root_id: id,
    timelimit: [null, null],
    argsrepr: "[1]",
  });
  expect(JSON.parse(body.toString())).toEqual([
    [1],
    { b: 2 },
    { callbacks: null, errbacks: null, chain: null, chord: null },
  ]);
  expect(JSON.parse(commandBody("ping", {}, "reply", "ticket", ["a@b"]).toString())).toMatchObject({
    method: "ping",
    destination: ["a@b"],
    reply_to: { exchange: "", routing_key: "reply" },
    ticket: "ticket",
  });
});

test.each(["", "\u0080\u0002}q\u0001", "[1]", "3", "null"])("%j is nobody's message", (text) => {
  for (const read of [readReply, readEvents, readResult])
    expect(() => read(Buffer.from(text))).toThrow(expect.objectContaining({ code: "probe-unreadable" }));
});

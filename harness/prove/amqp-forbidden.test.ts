// Decides that a user of RabbitMQ may declare what he might, but for one name.
import { expect, test } from "vitest";
import { withoutName } from "./amqp-forbidden.ts";

const allows = (pattern: string, name: string, queue: string) =>
  new RegExp(withoutName(pattern, name) ?? "^$").test(queue);

test.each([
  [
    ".*",
    "celery",
    { celery: false, "celery@a.dq": true, celeries: true, "my celery": true, "celery\n": true, "": true },
  ],
  [".*", "celeryev.*", { "celeryev.4a1": false, "celeryev.": false, celeryev: true, celeryevX1: true }],
  [
    ".*",
    "*.pidbox",
    { "keeper@zoo.pidbox": false, "two\nlines.pidbox": false, "keeper@zoo.pidbox.2": true, pidbox: true },
  ],
  [".*", "a+(b)[c]", { "a+(b)[c]": false, "aa(b)[c]": true }],
  [
    "^films|^reels$",
    "films.new",
    { "films.new": false, "films.old": true, reels: true, "my reels": false, other: false },
  ],
  ["reel", "*", { reels: false, other: false }],
])("%s without %s", (pattern, name, wanted) => {
  for (const [queue, may] of Object.entries(wanted))
    expect([queue, allows(pattern, name, queue)]).toEqual([queue, may]);
});

test("who may declare nothing has nothing to lose", () => {
  expect([withoutName("", "celery"), withoutName("^$", "celery")]).toEqual([undefined, undefined]);
});

// Decides which environments may have a spare beside them, and when a test is the last of its file.
import { expect, test } from "vitest";
import { bind, container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { isFollowed, refuseSpare } from "./spare.ts";

const of = (options: Partial<Parameters<typeof container>[0]>, more: object = {}) =>
  defineEnvironment("spare", { ...more, nodes: { box: container({ image: "any:1", ...options }) } });

test("one whose parts are its own has a spare", () => {
  expect(() => refuseSpare(of({}), true)).not.toThrow();
  expect(() => refuseSpare(of({ ports: [80] }), true)).not.toThrow();
  expect(() =>
    refuseSpare(of({ mounts: { "/time": bind("/etc/localtime", { readOnly: true }) } }), true),
  ).not.toThrow();
});

test.each([
  ["that tests share", of({}), false, /share one environment/],
  ["on a fixed port", of({ ports: [{ container: 80, host: 8399 }] }), true, /both would want port:127\.0\.0\.1:8399/],
  [
    "on a subnet",
    of({ networks: ["lan"] }, { networks: { lan: { subnet: "100.112.0.0/24" } } }),
    true,
    /both would want subnet/,
  ],
  [
    "that writes to this host",
    of({ mounts: { "/data": bind("/srv") } }),
    true,
    /both would have \/srv, which box may write to/,
  ],
  [
    "with a machine",
    defineEnvironment("spare", {
      nodes: { guest: vm({ image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }) }) },
    }),
    true,
    /its machine guest is brought back in place/,
  ],
])("one %s has none, which is told with the line", (_, environment, perTest, why) => {
  const declare = () => refuseSpare(environment, perTest);
  expect(declare).toThrow(DeclarationError);
  expect(declare).toThrow(why);
  expect(declare).toThrow(/spare\.test\.ts:\d+:\d+/);
});

test("a test is followed by those of its file that are to run, in suites or not", () => {
  const one = (mode = "run") => ({ type: "test", mode });
  const [first, second, third, skipped] = [one(), one("queued"), one(), one("skip")];
  const file = {
    type: "suite",
    mode: "run",
    tasks: [first, { type: "suite", mode: "run", tasks: [second, third] }, skipped],
  };
  expect([first, second, third].map((each) => isFollowed(file, each))).toEqual([true, true, false]);
});

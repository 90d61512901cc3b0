// Decides what becomes of findings of a node: one a kind until it is taken, allowed by the declaration or by the test that says so, and no
// kind that is neither watched nor said to be unwatched.
import { describe, expect, test } from "vitest";
import { findingKinds } from "../model/health.ts";
import { NodeRecord } from "./node-record.ts";

const record = (tolerates?: NodeRecord["tolerates"]) => new NodeRecord({ name: "soe", title: "x/soe", tolerates });

describe("findings", () => {
  test("lines of one kind are one finding, each once, and are taken once", () => {
    const soe = record();
    soe.found("segfault", 1, ["a", "b"]);
    soe.found("segfault", 2, ["b", "c"]);
    soe.found("exited", 3, ["gone"]);
    expect(soe.take()).toEqual([
      { kind: "segfault", at: 1, lines: ["a", "b", "c"] },
      { kind: "exited", at: 3, lines: ["gone"] },
    ]);
    expect(soe.take()).toEqual([]);
  });

  test("of a flood the first lines are told, and how many more there were", () => {
    const soe = record();
    const flood = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
    soe.found("avc-denial", 1, flood);
    const [only] = soe.take();
    expect(only?.lines).toHaveLength(21);
    expect(only?.lines.at(-1)).toBe("(and 4980 lines more)");
  });
});

describe("what is allowed", () => {
  test("by the declaration at any time, by a test while that runs", () => {
    const soe = record({ exited: "its licence ends" });
    soe.provoke(["segfault"], "a");
    expect(soe.allowed("exited", [])).toEqual({ by: "environment", reason: "its licence ends" });
    expect(soe.allowed("segfault", ["a"])).toMatchObject({ by: "test" });
    expect(soe.allowed("segfault", ["b"])).toBeUndefined();
    expect(soe.allowed("segfault", [])).toBeUndefined();
    expect(soe.allowed("oom-kill", ["a"])).toBeUndefined();
    expect(soe.facts([]).optOuts).toEqual([
      { kind: "exited", reason: "its licence ends" },
      { kind: "segfault", reason: "the test provokes it", test: "a" },
    ]);
  });
});

test("each kind is watched or has a reason", () => {
  const soe = record();
  soe.notWatched(["avc-denial"], "no SELinux");
  soe.notWatched(["avc-denial"], "no SELinux");
  const { watched, notWatched } = soe.facts(["exited"]);
  expect(notWatched[0]).toEqual({ kinds: ["avc-denial"], reason: "no SELinux" });
  const told = [...watched, ...notWatched.flatMap(({ kinds }) => kinds)];
  expect(told.sort()).toEqual([...findingKinds].sort());
});

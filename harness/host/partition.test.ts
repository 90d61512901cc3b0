// What nft's own words mean for partitions, on recorded ones. That it filters is seen on real nodes.
import { expect, test } from "vitest";
import { judge } from "./partition.ts";

const ended = { status: 1, signal: null, stderr: "" };

test("one that the kernel takes means that nodes can be cut off", () => {
  expect(judge({ ...ended, status: 0 })).toMatchObject({ can: "yes", needed: false });
});

test.each([
  ["no", /setup/, { ...ended, status: null, error: Object.assign(new Error("spawn nft ENOENT"), { code: "ENOENT" }) }],
  ["no", /root/, { ...ended, stderr: "Operation not permitted (you must be root)\nnetlink: Error\n" }],
  [
    "no",
    /NF_TABLES_BRIDGE/,
    { ...ended, stderr: "Error: Could not process rule: Operation not supported\nadd table …" },
  ],
  ["no", /NF_TABLES_BRIDGE/, ended],
  ["unknown", /nft list/, { ...ended, status: null, signal: "SIGKILL", error: new Error("spawnSync nft ETIMEDOUT") }],
] as const)("%s, with its cause and what to do: %s", (can, remedy, trial) => {
  const finding = judge(trial);
  expect(finding).toMatchObject({ can, cause: expect.stringMatching(/\S/), remedy: expect.stringMatching(remedy) });
  expect(finding.cause).not.toContain("\n");
});

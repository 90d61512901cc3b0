// Rows of machines: each of what was taken, and none of what was not.
import { expect, test } from "vitest";
import { diskRows, machineRows } from "./machine-rows.ts";
import { verdictOf } from "./table.ts";
import type { Told } from "./told.ts";

const told: Told = {
  why: "the machine did not boot",
  words: { accelerator: "qemu" },
  timings: {
    "boot: ours": [6000],
    "boot: ssh": [9000],
    "boot: carrier": [7001],
    "boot: load": [3, 1, 2],
    "reset: ours": [400],
    "reset: raw": [300],
    "reset: revert": [1900],
  },
};
const rowOf = (start: string, from = told) => {
  const row = machineRows(from).find(({ work }) => work.startsWith(start));
  if (row === undefined) throw new Error(`no row "${start}"`);
  return row;
};

test("boot and reset are held to their targets, and say whether they were emulated", () => {
  expect(verdictOf(rowOf("boot to the first command, emulated"))).toBe("met");
  expect(verdictOf(rowOf("boot of a carrier"))).toBe("not met");
  expect(verdictOf(rowOf("reset to the first command, clock right, emulated"))).toBe("met");
  expect(verdictOf(rowOf("reset to the first command against libvirt's"))).toBe("not met");
  expect(rowOf("boot to", { ...told, words: { accelerator: "kvm" } }).work).toContain("hardware");
});

test("how busy the machine was is lowest and highest", () => {
  expect(rowOf("boot to").load).toEqual([1, 3]);
});

test("what nobody took is missing, with the reason", () => {
  expect(rowOf("300 file assertions").ours).toMatchObject({ missing: "the machine did not boot" });
  expect(verdictOf(rowOf("300 file assertions"))).toBe("not measured");
  expect(verdictOf(rowOf("warm start"))).toBe("not measured");
});

test("a warm start is within two fifths of a boot", () => {
  const took = (warm: number) => ({ ...told, timings: { "warm: warm": [warm], "warm: boot": [1000] } });
  expect(verdictOf(rowOf("warm start", took(400)))).toBe("met");
  expect(verdictOf(rowOf("warm start", took(401)))).toBe("not met");
});

test("a disk's rows: unchanged within 50 ms, one role within half of all", () => {
  const none = { why: "", words: {}, timings: { none: [5] } };
  const built = (role: number) => ({ why: "", words: {}, timings: { full: [100], role: [role] } });
  expect(diskRows(none, built(50)).map(verdictOf)).toEqual(["met", "met"]);
  expect(diskRows(none, built(51)).map(verdictOf)).toEqual(["met", "not met"]);
});

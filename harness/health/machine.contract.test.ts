// Decides that what happens to a machine is found though no test asks about it: one machine, one boot, and every kind that it can have.
// Denials of SELinux are read from recorded text beside the checks on them; the machine of these tests has none.
import { beforeAll, expect, test } from "vitest";
import { type AilingRun, foundIn, outcomesIn, runAiling } from "../vitest/ailing-run.ts";

let ailing: AilingRun;
beforeAll(async () => {
  ailing = await runAiling("ailing-machine", process.env);
});

test("each finding belongs to its test, and nothing is found where nothing happens", () => {
  const found = foundIn(ailing.report);
  expect(found, ailing.said).toMatchObject({
    "a unit fails": ["unit-failed"],
    "a program crashes": ["segfault"],
    "a program crashes on purpose": ["segfault (allowed by the test)"],
    "a process is killed for its memory": expect.arrayContaining(["oom-kill"]),
    "a file system has an error": ["filesystem-error"],
    "the kernel panics": expect.arrayContaining(["kernel-panic"]),
  });
  expect(found[""] ?? [], "while it booted, and afterwards").toEqual([]);
  expect(found["nothing happens"]).toBeUndefined();
  expect(found["nothing happens again"]).toBeUndefined();
});

test("a test fails by what nobody allowed, and by nothing else", () => {
  const passed = Object.entries(outcomesIn(ailing.report)).filter(([, outcome]) => outcome === "passed");
  expect(passed.map(([name]) => name)).toEqual([
    "nothing happens",
    "nothing happens again",
    "a program crashes on purpose",
  ]);
  expect(outcomesIn(ailing.report)).not.toMatchObject({ "a unit fails": "errored" });
  expect(ailing.status).toBe(1);
});

test("the lines are the kernel's, and the unit manager's", () => {
  const lines = (during: string) =>
    (ailing.report.health?.findings ?? []).filter((each) => each.test === during).flatMap((each) => each.lines);
  expect(lines("a unit fails").join("\n")).toMatch(/egg\.service failed[\s\S]*exit-code/);
  expect(lines("a program crashes").join("\n")).toMatch(/perl\[\d+\]: segfault at 10/);
  expect(lines("a process is killed for its memory").join("\n")).toMatch(/Killed process \d+ \(perl\)/);
  expect(lines("a file system has an error").join("\n")).toMatch(/EXT4-fs error/);
  expect(lines("the kernel panics").join("\n")).toMatch(/sysrq triggered crash/);
});

test("what cannot be seen on it is said", () => {
  const [machine] = ailing.report.health?.nodes ?? [];
  const reasons = machine?.notWatched.map(({ kinds, reason }) => `${kinds.join(" ")}: ${reason}`).join("\n");
  expect(reasons).toMatch(/avc-denial: .*SELinux/);
  expect(machine?.watched).toEqual(expect.arrayContaining(["kernel-panic", "unit-failed", "oom-kill", "segfault"]));
});

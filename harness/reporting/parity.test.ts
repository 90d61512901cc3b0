// What is alike, what differs, what was meant to: on reports of two environments made of events, as a run's are.
import { describe, expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { defineParity, type IntendedDifference } from "../model/parity.ts";
import { isParity, parityLines, parityTable } from "./parity.ts";
import { reportOf } from "./report.ts";
import { check, ranTest, runEnded, runStarted } from "./sample.ts";

const side = (name: string) => defineEnvironment(name, { nodes: { soe: container({ image: "x" }) } });
const parity = (intended: readonly IntendedDifference[] = []) =>
  defineParity("soe", { environments: [side("left"), side("right")], specs: ["bash"], intended });

/** A run in which one test asked each of these of either side: title, then what was seen there. */
function report(left: readonly [string, string][], right: readonly [string, string][]) {
  const asked = (name: string, checks: readonly [string, string][]) => {
    const file = `specs/${name}-bash.spec.ts`;
    const told = checks.map(([title, seen]) => ({ ...check(file, "is there"), title, seen }));
    return ranTest(file, "is there", "passed", { checks: told });
  };
  return reportOf([runStarted(), ...asked("left", left), ...asked("right", right), runEnded()]);
}

describe("parity", () => {
  test("the same answers are the same", () => {
    const table = parityTable(parity(), report([["mode 0644", "0644"]], [["mode 0644", "0644"]]));
    expect(table.lines.map(({ verdict }) => verdict)).toEqual(["same"]);
    expect(isParity(table)).toBe(true);
  });

  test("another answer to the same question is a difference, and both are shown", () => {
    const table = parityTable(parity(), report([["uid", "1000"]], [["uid", "1001"]]));
    expect(isParity(table)).toBe(false);
    expect(parityLines(table)).toEqual([
      "Different:",
      "  bash > is there > uid",
      "    left   passed: 1000",
      "    right  passed: 1001",
      "0 the same, 0 different as meant, 1 different",
    ]);
  });

  test("a question that names its node is alike when it is met on both", () => {
    const table = parityTable(parity(), report([["prompts @a", "@a"]], [["prompts @b", "@b"]]));
    expect(table.lines.map(({ verdict }) => verdict)).toEqual(["same"]);
  });

  test("what was skipped on both sides was not compared, and what could not be asked of either is not the same", () => {
    const told = (outcome: "skipped" | "errored" | "passed", name: string) => {
      const file = `specs/${name}-bash.spec.ts`;
      const checks = [check(file, "is there", { title: "acl", outcome, reason: "no tool" })];
      return ranTest(file, "is there", outcome, { checks });
    };
    const both = (outcome: "skipped" | "errored" | "passed") =>
      parityTable(parity(), reportOf([runStarted(), ...told(outcome, "left"), ...told(outcome, "right"), runEnded()]));
    expect(both("skipped").lines).toMatchObject([{ verdict: "unasked" }]);
    expect(isParity(both("skipped"))).toBe(false);
    expect(parityLines(both("skipped")).at(-1)).toBe(
      "0 the same, 0 different as meant, 0 different, 1 skipped on both sides",
    );
    expect(
      parityTable(
        parity([{ check: "acl", why: "on purpose" }]),
        reportOf([runStarted(), ...told("skipped", "left"), ...told("skipped", "right"), runEnded()]),
      ).idle,
    ).toEqual([]);
    expect(both("errored").lines).toMatchObject([{ verdict: "different" }]);
    expect(both("passed").lines).toMatchObject([{ verdict: "same" }]);
  });

  test("a check that one side lacks is a difference", () => {
    const table = parityTable(
      parity(),
      report(
        [
          ["uid", "1"],
          ["gid", "1"],
        ],
        [["uid", "1"]],
      ),
    );
    expect(table.lines.map(({ check: title, verdict }) => [title, verdict])).toEqual([
      ["uid", "same"],
      ["gid", "different"],
    ]);
  });

  test("a difference that was meant is told with its reason; one that is not seen any more fails", () => {
    const intended = [
      { check: "uid", why: "on purpose" },
      { check: /^gid/, why: "once it was" },
    ];
    const table = parityTable(parity(intended), report([["uid", "1"]], [["uid", "2"]]));
    expect(table.lines).toMatchObject([{ verdict: "intended", why: "on purpose" }]);
    expect(table.idle).toEqual([intended[1]]);
    expect(isParity(table)).toBe(false);
    expect(isParity({ ...table, idle: [] })).toBe(true);
  });

  test("a pattern for several checks is one for each of them, whatever its flags", () => {
    const asked = (seen: string): [string, string][] => [
      ["gid of a", seen],
      ["gid of b", seen],
    ];
    const table = parityTable(parity([{ check: /gid/g, why: "on purpose" }]), report(asked("1"), asked("2")));
    expect(table.lines.map(({ verdict }) => verdict)).toEqual(["intended", "intended"]);
  });

  test("two tests of one name are two", () => {
    const asked = (name: string, seen: readonly string[]) => {
      const file = `specs/${name}-bash.spec.ts`;
      return seen.flatMap((each) =>
        ranTest(file, "is there", "passed", {
          checks: [{ ...check(file, "is there"), title: "uid", seen: each } as never],
        }),
      );
    };
    const events = [runStarted(), ...asked("left", ["1", "3"]), ...asked("right", ["2", "3"]), runEnded()];
    expect(parityTable(parity(), reportOf(events)).lines.map(({ verdict }) => verdict)).toEqual(["different", "same"]);
  });

  test("nothing that was compared is no parity", () => {
    expect(isParity(parityTable(parity(), reportOf([runStarted(), runEnded()])))).toBe(false);
  });

  test("environments that cannot be compared are refused", () => {
    expect(() => defineParity("soe", { environments: [side("a"), side("a")], specs: ["bash"] })).toThrow("with itself");
    const other = defineEnvironment("b", { nodes: { other: container({ image: "x" }) } });
    expect(() => defineParity("soe", { environments: [side("a"), other], specs: ["bash"] })).toThrow("has the nodes");
  });
});

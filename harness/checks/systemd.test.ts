// Decides how systemd's account of itself is read, and every sentence about it.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import type { JournalLine } from "./journal-lines.ts";
import { type ManagerFacts, managerFacts, requireOwnLines, systemd } from "./systemd.ts";

const output = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), stderr, status });

/** What systemd 252 printed on an emulated Debian 12 machine, whose `systemd-analyze` said 4.593s + 12.117s = 16.711s. */
const shown = `FirmwareTimestampMonotonic=0
UserspaceTimestampMonotonic=4593903
FinishTimestampMonotonic=16711520
NFailedUnits=1
SystemState=degraded
`;
const listed = "broken.service loaded failed failed broken.service\n";
const read = (text: string): ManagerFacts => managerFacts.parse(output(text), ["system"])[0] as ManagerFacts;
const degraded = read(`${shown}\0${listed}`);

describe("what systemctl printed of systemd is read", () => {
  test("state, failed units, and what systemd-analyze says of boot", () => {
    expect(degraded).toEqual({
      state: "degraded",
      failed: ["broken.service"],
      bootMs: 16711.52,
      userspaceMs: 12117.617,
    });
  });

  test("a boot that is not over has no length", () => {
    const starting = shown.replace("=16711520", "=0").replace("Units=1", "Units=0").replace("degraded", "starting");
    expect(read(`${starting}\0`)).toMatchObject({ state: "starting", bootMs: undefined, failed: [] });
  });

  test.each([
    ["a list that does not agree with the count", output(`${shown}\0`), /counts 1 and lists 0/],
    ["no list", output(shown), /cannot be read/],
    ["systemd that does not run", output("", 77), /does not run on this node/],
    ["a bus that does not answer", output("", 1, "Failed to connect to bus: x\n"), /Failed to connect/],
  ])("%s is no answer", (_, said, reason) => {
    expect(() => managerFacts.parse(said, ["system"])).toThrow(ObservationError);
    expect(() => managerFacts.parse(said, ["system"])).toThrow(reason);
  });
});

probeContract(hostNode, {
  probe: managerFacts,
  subject: "system",
  tools: ["systemctl"],
  elsewhere: "systemd as pid 1",
});

test("judges", () => {
  const well: ManagerFacts = { state: "running", failed: [], bootMs: 9000, userspaceMs: 5000 };
  const starting: ManagerFacts = { state: "starting", failed: [], bootMs: undefined, userspaceMs: undefined };
  expect(systemd().isRunning().judge(well)).toMatchObject({ met: true, seen: "running" });
  expect(systemd().isRunning().judge(degraded)).toMatchObject({ met: false, seen: "degraded: broken.service failed" });
  expect(systemd().isRunning().judge(starting)).toMatchObject({ met: false, seen: "starting" });
  expect(systemd().hasNoFailedUnits().judge(well)).toMatchObject({ met: true, seen: "none" });
  expect(systemd().hasNoFailedUnits().judge(degraded)).toMatchObject({ met: false, seen: "broken.service failed" });
  expect(systemd().bootsWithin("9s").judge(well)).toMatchObject({ met: true, seen: "9.0s, 5.0s of them in userspace" });
  expect(systemd().bootsWithin("10s").judge(degraded)).toMatchObject({ met: false, expected: "at most 10.0s" });
  expect(systemd().bootsWithin("1h").judge(starting)).toMatchObject({ met: false, seen: "boot is not over: starting" });
});

test("ordering cycles are told as systemd told them", () => {
  const line = (message: string): JournalLine => ({ level: "err", from: "systemd", message });
  const check = systemd().hasNoOrderingCycles();
  expect(check.judge([line("Reached target basic.target")])).toMatchObject({ met: true });
  const cycle = "hen.service: Job egg.service/start deleted to break ordering cycle starting with hen.service/start";
  expect(check.judge([line("a"), line(cycle)])).toMatchObject({ met: false, seen: cycle });
  // Cycles are told at the beginning of a boot: of a journal whose beginning was not read, nothing is known.
  expect(requireOwnLines({ lines: [line("a")], whole: true })).toHaveLength(1);
  expect(requireOwnLines({ lines: [line(cycle)], whole: false })).toHaveLength(1);
  for (const seen of [
    { lines: [], whole: true },
    { lines: [line("a")], whole: false },
  ])
    expect(() => requireOwnLines(seen)).toThrow(ObservationError);
});

// Decides how the words about a clock are read, and every sentence about it.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { clock, nodeTime, requireClear, synchronisation } from "./clock.ts";
import { probeContract } from "./contract.ts";
import type { FileStat } from "./file-stat.ts";

const output = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), stderr, status });

describe("what chronyc and timedatectl printed on a Debian 12 machine is read", () => {
  const alone =
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised";
  const served =
    "C0A80001,192.168.0.1,3,1795253735.123456789,0.000001234,0.000002345,0.000012345,-3.142,0.000,0.021,0.001234567,0.000456789,64.2,Normal";
  test.each([
    ["chronyd\0", alone, { synchronised: false, by: "chronyd", said: "leap status Not synchronised, stratum 0" }],
    ["chronyd\0", served, { synchronised: true, by: "chronyd", said: "leap status Normal, stratum 3" }],
    [
      "systemd-timedated\0",
      "NTPSynchronized=no\n",
      { synchronised: false, by: "systemd-timedated", said: "NTPSynchronized=no" },
    ],
    [
      "systemd-timedated\0",
      "NTPSynchronized=yes\n",
      { synchronised: true, by: "systemd-timedated", said: "NTPSynchronized=yes" },
    ],
  ])("%s%s", (by, said, expected) => {
    expect(synchronisation.parse(output(by + said), ["clock"])).toEqual([expected]);
  });

  test.each([
    ["a daemon that does not answer", output("chronyd\x00506 Cannot talk to daemon", 1), /506 Cannot talk/],
    ["a bus that does not", output("systemd-timedated\0", 1, "Failed to connect to bus: x\n"), /Failed to connect/],
    ["nonsense", output("chronyd\0nonsense"), /cannot be read/],
    ["nothing", output(""), /cannot be read/],
  ])("%s is no answer", (_, said, reason) => {
    expect(() => synchronisation.parse(said, ["clock"])).toThrow(ObservationError);
    expect(() => synchronisation.parse(said, ["clock"])).toThrow(reason);
  });

  test("time in nanoseconds; a date without them is another program", () => {
    expect(nodeTime.parse(output("1795253735.976997334\n"), ["now"])).toEqual([1795253735976.9973]);
    expect(() => nodeTime.parse(output("1795253735.\n"), ["now"])).toThrow(/GNU date/);
    expect(() => nodeTime.parse(output("1795253735.N\n"), ["now"])).toThrow(/GNU date/);
  });
});

probeContract(hostNode, { probe: synchronisation, subject: "clock", tools: ["chronyc"], elsewhere: "a time daemon" });
probeContract(hostNode, { probe: nodeTime, subject: "now", tools: ["date"] });

test("an offset is judged where it is on one side of the limit for sure", () => {
  const inside = { leastMs: -100, mostMs: 400 };
  const outside = { leastMs: -3_600_100, mostMs: -3_599_900 };
  const unclear = { leastMs: 1500, mostMs: 2500 };
  expect(requireClear(inside, 2000)).toBe(inside);
  expect(requireClear(outside, 2000)).toBe(outside);
  expect(() => requireClear(unclear, 2000)).toThrow(ObservationError);
  const check = clock().isWithin("2s");
  expect(check.judge(inside)).toMatchObject({ met: true, seen: "150ms ahead, give or take 250ms" });
  expect(check.judge(outside)).toMatchObject({ met: false, seen: "60m 0s behind, give or take 100ms" });
  expect(check.judge({ leastMs: 2001, mostMs: 2002 })).toMatchObject({ met: false });
});

test("this machine's clock is ours", async () => {
  const node = hostNode();
  const check = clock().isWithin("5s");
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  await node.close();
});

test("time zone: a link, none, a copy, another file", () => {
  const seen = (target: string | undefined, isCopy = false) => ({
    isThere: true,
    isCopy,
    file: {
      type: target === undefined ? "file" : "symbolic link",
      mode: 0o777,
      uid: 0,
      gid: 0,
      user: "root",
      group: "root",
      size: 27,
      target,
    } satisfies FileStat,
  });
  const check = clock().hasTimeZone("Etc/UTC");
  expect(check.judge(seen("/usr/share/zoneinfo/Etc/UTC"))).toMatchObject({ met: true });
  // As Alpine's setup-timezone has it.
  expect(check.judge(seen("/etc/zoneinfo/Europe/Berlin"))).toMatchObject({ met: false, seen: "Europe/Berlin" });
  expect(check.judge({ file: undefined, isThere: true, isCopy: false })).toMatchObject({ met: true, seen: "Etc/UTC" });
  expect(check.judge(seen(undefined, true))).toMatchObject({ met: true, seen: "Etc/UTC" });
  expect(check.judge(seen(undefined))).toMatchObject({ met: false, seen: expect.stringContaining("not a copy") });
  // Without its file a zone is UTC, which of UTC is right.
  const berlin = clock().hasTimeZone("Europe/Berlin");
  const link = "/usr/share/zoneinfo/Europe/Berlin";
  expect(berlin.judge(seen(link))).toMatchObject({ met: true });
  expect(berlin.judge({ ...seen(link), isThere: false })).toMatchObject({
    met: false,
    seen: expect.stringMatching(/it is UTC$/),
  });
  expect(check.judge({ ...seen("/usr/share/zoneinfo/Etc/UTC"), isThere: false })).toMatchObject({ met: true });
  expect(() => clock().hasTimeZone("utc plus one")).toThrow(DeclarationError);
});

test("synchronised or not", () => {
  const seen = { synchronised: false, by: "chronyd", said: "leap status Not synchronised, stratum 0" };
  expect(clock().isSynchronised().judge(seen)).toMatchObject({ met: false, seen: `${seen.said}, says chronyd` });
  expect(
    clock()
      .isSynchronised()
      .judge({ ...seen, synchronised: true }),
  ).toMatchObject({ met: true });
});

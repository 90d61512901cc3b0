// Decides how systemd's list of failed units is read: as systemd 252 and 239 print it, and nothing else.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { failedUnits } from "./failed-units.ts";

const output = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), stderr, status });
const moment = "4018236471 1233400912 1543";
const read = (stdout: string) => failedUnits.parse(output(`${stdout}\0${moment}`), [{}])[0];

/** Debian 12's. */
const none = `UNIT LOAD ACTIVE SUB DESCRIPTION
0 loaded units listed.
To show all installed unit files use 'systemctl list-unit-files'.
`;
const two = `UNIT           LOAD   ACTIVE SUB    DESCRIPTION
broken.service loaded failed failed broken.service
vfx.mount      loaded failed failed /vfx

LOAD   = Reflects whether the unit definition was properly loaded.
ACTIVE = The high-level unit activation state, i.e. generalization of SUB.
SUB    = The low-level unit activation state, values depend on unit type.
2 loaded units listed.
To show all installed unit files use 'systemctl list-unit-files'.
`;

test("none, and each by its name", () => {
  expect(read(none)).toEqual({ failed: [], moment });
  expect(read(two)).toEqual({ failed: ["broken.service", "vfx.mount"], moment });
});

test("none, as systemd itself says it", () => {
  expect(read("none")).toEqual({ failed: [], moment });
  expect(() => failedUnits.parse(output("none"), [{}])).toThrow(ObservationError);
  expect(() => failedUnits.parse(output(`none\0${moment}`, 1), [{}])).toThrow(ObservationError);
});

test("as older ones print it", () => {
  const old = "0 loaded units listed.\nTo show all installed unit files use 'systemctl list-unit-files'.\n";
  expect(read(old)).toMatchObject({ failed: [] });
  const more = two.replace("listed.\n", "listed. Pass --all to see loaded but inactive units, too.\n");
  expect(read(more)).toMatchObject({ failed: ["broken.service", "vfx.mount"] });
});

test("nothing can have failed since a moment that is known, and without one everything is asked", () => {
  const said = output("\0unchanged");
  expect(failedUnits.parse(said, [{ behind: moment }])).toEqual(["unchanged"]);
  expect(() => failedUnits.parse(said, [{}])).toThrow(ObservationError);
  expect(() => failedUnits.parse(output("unchanged\n"), [{ behind: moment }])).toThrow(ObservationError);
  expect(failedUnits.parse(output(`${none}\0`), [{}])).toEqual([{ failed: [], moment: undefined }]);
});

describe("no answer", () => {
  test.each([
    [
      "a count that does not agree with the list",
      output(`${two.replace("2 loaded", "3 loaded")}\0`),
      /counts 3 and lists 2/,
    ],
    ["a list that is cut off", output(`${two.slice(0, 100)}\0`), /cannot be read/],
    ["nothing at all", output(""), /cannot be read/],
    ["a list that was broken off behind its count", output(two), /cannot be read/],
    ["systemd that does not run", output("", 77), /does not run on this node/],
    ["a bus that does not answer", output("", 1, "Failed to connect to bus: x\n"), /Failed to connect/],
  ])("%s", (_, said, reason) => {
    expect(() => failedUnits.parse(said, [{}])).toThrow(ObservationError);
    expect(() => failedUnits.parse(said, [{}])).toThrow(reason);
  });
});

probeContract(hostNode, { probe: failedUnits, subject: {}, tools: ["systemctl"], elsewhere: "systemd as pid 1" });

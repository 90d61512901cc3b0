// Decides how fstab and findmnt's verdict on it are read, and every sentence about it.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type FstabEntry, fstab, fstabFaults, readFstab } from "./fstab.ts";

const output = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), stderr, status });
const uuid = "11111111-2222-3333-4444-555555555555";

describe("what findmnt 2.38 said on a Debian 12 machine is read", () => {
  const fine = `/
   [ ] target exists
   [ ] FS options: errors=remount-ro
   [ ] UUID=${uuid} translated to /dev/vda1
   [ ] source /dev/vda1 exists
   [ ] FS type is ext4
Success, no errors or warnings detected
`;
  const wrong = `/
   [ ] target exists
   [E] unreachable on boot required source: UUID=${uuid}
/tmp
   [ ] do not check tmpfs source (pseudo/net)
   [W] your fstab has been modified, but systemd still uses the old version;
       use 'systemctl daemon-reload' to reload
`;
  const sum = (parse: number, errors: number) => `\n${parse} parse errors, ${errors} error, 1 warning\n`;
  const modified = "/tmp: your fstab has been modified, but systemd still uses the old version;";

  test("nothing wrong; an error and a warning; a line that cannot be parsed", () => {
    expect(fstabFaults.parse(output(fine), ["f"])).toEqual([{ errors: [], warnings: [] }]);
    const found = { errors: [`/: unreachable on boot required source: UUID=${uuid}`], warnings: [modified] };
    expect(fstabFaults.parse(output(wrong, 1, sum(0, 1)), ["f"])).toEqual([found]);
    expect(fstabFaults.parse(output(`${sum(0, 1)}${wrong}`, 1), ["f"])).toEqual([found]);
    expect(fstabFaults.parse(output("", 1, sum(1, 0)), ["f"])).toEqual([
      { errors: ["1 lines cannot be parsed"], warnings: [] },
    ]);
  });

  test.each([
    [
      "a file that is not there",
      output("", 1, "findmnt: can't read (null): No such file or directory\n"),
      /can't read/,
    ],
    ["errors that are counted and not told", output("", 1, sum(0, 2)), /cannot be read/],
    ["nothing", output(""), /cannot be read/],
  ])("%s is no answer", (_, said, reason) => {
    expect(() => fstabFaults.parse(said, ["f"])).toThrow(ObservationError);
    expect(() => fstabFaults.parse(said, ["f"])).toThrow(reason);
  });
});

probeContract(hostNode, { probe: fstabFaults, subject: "/etc/fstab", tools: ["findmnt"], elsewhere: "an fstab" });

const entries = readFstab(
  `# one\n\nUUID=${uuid} / ext4 errors=remount-ro 0 1\ntmpfs\t/tmp\ttmpfs nosuid,nodev\n/dev/b /a\\040b vfat\n`,
);

test("lines of fstab are read", () => {
  expect(entries).toEqual<readonly FstabEntry[]>([
    { source: `UUID=${uuid}`, target: "/", type: "ext4", options: ["errors=remount-ro"] },
    { source: "tmpfs", target: "/tmp", type: "tmpfs", options: ["nosuid", "nodev"] },
    { source: "/dev/b", target: "/a b", type: "vfat", options: ["defaults"] },
  ]);
});

test("judges", () => {
  expect(
    fstab()
      .isValid()
      .judge({ errors: [], warnings: ["w"] }),
  ).toMatchObject({ met: true, seen: "warning: w" });
  expect(
    fstab()
      .isValid()
      .judge({ errors: ["e"], warnings: [] }),
  ).toMatchObject({ met: false, seen: "e" });
  const check = fstab().hasEntry("/tmp", { type: "tmpfs", options: ["nosuid"] });
  expect(check.title).toBe("fstab has an entry for /tmp with tmpfs nosuid");
  expect(check.judge(entries)).toMatchObject({ met: true, seen: "tmpfs /tmp tmpfs nosuid,nodev" });
  expect(fstab().hasEntry("/a b").judge(entries)).toMatchObject({ met: true });
  expect(
    fstab()
      .hasEntry("/tmp", { options: ["noexec"] })
      .judge(entries),
  ).toMatchObject({ met: false });
  expect(fstab().hasEntry("/tmp", { source: "/dev/b" }).judge(entries)).toMatchObject({ met: false });
  expect(fstab().hasEntry("/data").judge([])).toMatchObject({ met: false, seen: "no entry at all" });
});

// Decides what is read of crontabs, and what cron would leave out, as Debian's and busybox's cron have it.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { cron, cronEntries, readTable } from "./cron.ts";

// Recorded in Debian 12.
const crontab = `# /etc/crontab: system-wide crontab
SHELL=/bin/sh
PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin
# *  *  *  *  * user-name command to be executed
17 *	* * *	root	cd / && run-parts --report /etc/cron.hourly
@daily	backup	/usr/bin/backup --all
`;

describe("tables", () => {
  test("the system's have a user, users' have none", () => {
    expect(readTable("/etc/crontab", crontab, "debian")).toEqual([
      {
        file: "/etc/crontab",
        at: "17 * * * *",
        user: "root",
        command: "cd / && run-parts --report /etc/cron.hourly",
        leftOut: undefined,
      },
      { file: "/etc/crontab", at: "@daily", user: "backup", command: "/usr/bin/backup --all", leftOut: undefined },
    ]);
    expect(readTable("/var/spool/cron/crontabs/ops", "*/5 9-17 * jan mon-fri /bin/true x\n", "alpine")).toEqual([
      {
        file: "/var/spool/cron/crontabs/ops",
        at: "*/5 9-17 * jan mon-fri",
        user: "ops",
        command: "/bin/true x",
        leftOut: undefined,
      },
    ]);
  });

  test.each([
    ["/etc/cron.d/studio.conf", "* * * * * root true\n", "debian", /skips names/],
    ["/etc/cron.d/studio", "* * * * * root true", "debian", /no end/],
    ["/etc/cron.d/studio", "* * * * root\n", "debian", /no line/],
    ["/etc/cron.d/studio", "* * * * * true\n", "debian", /no line/],
  ])("%s with %j of %s is left out", (file, text, family, reason) => {
    expect(readTable(file, text, family)).toEqual([
      expect.objectContaining({ leftOut: expect.stringMatching(reason) }),
    ]);
  });

  test("what only Debian leaves out, others run", () => {
    expect(readTable("/etc/cron.d/studio.conf", "* * * * * root true", "other")).toEqual([
      expect.objectContaining({ leftOut: undefined }),
    ]);
  });
});

describe("the probe", () => {
  const output = (text: string, status = 0) => ({ status, stdout: Buffer.from(text), stderr: "" });
  test("tables and scripts; Alpine's two names of one table are one", () => {
    const table = "*/15 * * * * run-parts /etc/periodic/15min\n";
    const text = `alpine\0table\0/etc/crontabs/root\0${table}\0table\0/var/spool/cron/crontabs/root\0${table}\0script\0/etc/periodic/daily/clean\0x\0script\0/etc/periodic/daily/clean.sh\0x\0script\0/etc/cron.daily/off\0-\0end`;
    expect(cronEntries.parse(output(text), ["all"])[0]).toEqual([
      {
        file: "/etc/crontabs/root",
        at: "*/15 * * * *",
        user: "root",
        command: "run-parts /etc/periodic/15min",
        leftOut: undefined,
      },
      {
        file: "/etc/periodic/daily/clean",
        at: "daily",
        user: "root",
        command: "/etc/periodic/daily/clean",
        leftOut: undefined,
      },
      {
        file: "/etc/periodic/daily/clean.sh",
        at: "daily",
        user: "root",
        command: "/etc/periodic/daily/clean.sh",
        leftOut: expect.stringContaining("run-parts"),
      },
      {
        file: "/etc/cron.daily/off",
        at: "daily",
        user: "root",
        command: "/etc/cron.daily/off",
        leftOut: "it is not executable",
      },
    ]);
  });

  test("an answer that is cut off is none", () => {
    for (const text of ["", "debian\0table\0/etc/crontab\0", "nonsense"])
      expect(() => cronEntries.parse(output(text), ["all"])).toThrow(ObservationError);
  });

  test("a directory that may not be looked into is not an empty one", async () => {
    const root = mkdtempSync(join(tmpdir(), "assay-cron-"));
    const node = hostNode();
    chmodSync(root, 0o755);
    mkdirSync(join(root, "tables"));
    const probe = {
      ...cronEntries,
      script: () => cronEntries.script([]).replaceAll("/etc/crontabs", `${root}/tables`),
    };
    const ask = () => node.as("65534:65534").observe(probe, "all");
    chmodSync(join(root, "tables"), 0o700);
    await expect(ask()).rejects.toMatchObject({ code: "probe-denied", seen: expect.stringContaining("tables") });
    await node.close();
    rmSync(root, { recursive: true });
  });

  probeContract(hostNode, { probe: cronEntries, subject: "all", tools: ["cat"] });
});

test("sentences", () => {
  const seen = readTable("/etc/crontab", crontab, "debian");
  expect(
    cron()
      .runs(/backup/, { as: "backup", at: "@daily" })
      .judge(seen),
  ).toMatchObject({ met: true });
  expect(cron().runs("run-parts", { at: "17  * * * *" }).judge(seen)).toMatchObject({ met: true });
  expect(cron().runs("backup", { as: "root" }).judge(seen)).toMatchObject({
    met: false,
    seen: "/etc/crontab: @daily backup /usr/bin/backup --all",
  });
  expect(cron().runs("nosuch").judge(seen)).toMatchObject({ met: false, seen: "none of 2 entries" });
  expect(cron().leavesNothingOut().judge(seen)).toMatchObject({ met: true });
  const out = readTable("/etc/cron.d/a.b", "* * * * * root true\n", "debian");
  expect(cron().runs("true").judge(out)).toMatchObject({ met: false, seen: expect.stringContaining("left out") });
  expect(cron().leavesNothingOut().judge(out)).toMatchObject({ met: false });
  expect(
    cron()
      .runsOnly("run-parts", /backup/)
      .judge(seen),
  ).toMatchObject({ met: true });
  expect(cron().runsOnly("run-parts").judge(seen)).toMatchObject({
    met: false,
    seen: "/etc/crontab: @daily backup /usr/bin/backup --all",
  });
  expect(cron().runsOnly().judge(out)).toMatchObject({ met: true });
});

// Decides how systemctl's words about units are read, and every sentence about a unit.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Check } from "../model/check.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { type LiveUnit, type UnitFacts, unitFacts, unitProperty } from "./systemctl.ts";
import { requireLive, unit } from "./unit.ts";

const output = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), stderr, status });

/** What systemd 252 printed on a Debian 12 machine. */
const ssh = `Result=success
ExecMainStatus=0
Id=ssh.service
Requires=-.mount system.slice sysinit.target
Wants=
RequiredBy=
WantedBy=multi-user.target
Before=shutdown.target multi-user.target
After=system.slice systemd-journald.socket sysinit.target basic.target -.mount network.target auditd.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
`;
const nosuch = `Result=success
ExecMainStatus=0
Id=nosuch.service
Requires=
Wants=
RequiredBy=
WantedBy=
Before=
After=
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
`;
const broken = `Result=exit-code
ExecMainStatus=3
Id=broken.service
WantedBy=multi-user.target
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=enabled
`;
const masked = `NextElapseUSecRealtime=
NextElapseUSecMonotonic=infinity
Result=success
Id=fstrim.timer
LoadState=masked
ActiveState=inactive
SubState=dead
UnitFileState=masked
`;
const daily = `NextElapseUSecRealtime=Sat 2026-11-21 20:08:44 UTC
NextElapseUSecMonotonic=0
Result=success
Id=apt-daily.timer
WantedBy=timers.target
LoadState=loaded
ActiveState=active
SubState=waiting
UnitFileState=enabled
`;
const names = ["ssh.service", "nosuch.service", "broken.service", "fstrim.timer", "apt-daily.timer"];
const running = unitFacts.parse(output(`live\0${[ssh, nosuch, broken, masked, daily].join("\n")}`), names);
const [sshd, absent, failed, off, timer] = running as readonly UnitFacts[];

describe("what systemctl printed is read", () => {
  test("where systemd runs, one block a unit", () => {
    expect(sshd).toMatchObject({
      file: "enabled",
      live: { active: "active", sub: "running", pulledBy: ["multi-user.target"], next: "" },
    });
    expect(sshd?.live?.after).toContain("network.target");
    expect(sshd?.live?.pulls).toEqual(["-.mount", "system.slice", "sysinit.target"]);
    expect(absent).toMatchObject({ file: "not-found", live: { load: "not-found" } });
    expect(failed).toMatchObject({ live: { active: "failed", result: "exit-code", status: 3 } });
    expect(off).toMatchObject({ file: "masked", live: { next: "" } });
    expect(timer).toMatchObject({ live: { next: "Sat 2026-11-21 20:08:44 UTC" } });
  });

  test("where it does not run, one word a unit, and what is missing in its own words", () => {
    const said =
      "files\0enabled\0Failed to get unit file state for nosuch.service: No such file or directory\0masked\0";
    expect(unitFacts.parse(output(said), ["ssh.service", "nosuch.service", "fstrim.timer"])).toEqual([
      { file: "enabled", live: undefined },
      { file: "not-found", live: undefined },
      { file: "masked", live: undefined },
    ]);
    const refused = "Failed to get unit file state for ssh.service: Permission denied";
    expect(unitFacts.parse(output(`files\0${refused}\0`), ["ssh.service"])[0]).toBeInstanceOf(ObservationError);
  });

  test.each([
    ["a block too few", output(`live\0${ssh}`), "cannot be read"],
    ["a bus that does not answer", output("live\0", 1, "Failed to connect to bus: No such file or directory\n"), "bus"],
    ["no word of where", output(ssh), "cannot be read"],
    ["nothing at all", output(""), "cannot be read"],
  ])("%s is no answer", (_, said, reason) => {
    expect(() => unitFacts.parse(said, ["ssh.service", "b.service"])).toThrow(reason);
  });
});

probeContract(hostNode, { probe: unitFacts, subject: "ssh.service", tools: ["systemctl"] });

type Judged = readonly [Check<Node>, unknown, boolean, string];
test.each<Judged>([
  [unit("ssh.service").exists(), sshd, true, "enabled"],
  [unit("nosuch.service").exists(), absent, false, "there is no such unit"],
  [unit("ssh.service").isEnabled(), sshd, true, "enabled"],
  [unit("ssh.service").isEnabled(), { file: "static", live: undefined }, false, "static, by its files"],
  [unit("fstrim.timer").isEnabled(), off, false, "masked"],
  [unit("fstrim.timer").isMasked(), off, true, "masked"],
  [unit("ssh.service").isMasked(), sshd, false, "enabled"],
  [unit("ssh.service").isActive(), sshd?.live, true, "active (running)"],
  [unit("nosuch.service").isActive(), absent?.live, false, "there is no such unit"],
  [unit("broken.service").isActive(), failed?.live, false, "failed (exit-code, status 3)"],
  [unit("broken.service").isFailed(), failed?.live, true, "failed (exit-code, status 3)"],
  [unit("ssh.service").isFailed(), sshd?.live, false, "active (running)"],
  [unit("ssh.service").isAfter("network.target"), sshd?.live, true, "network.target"],
  [unit("ssh.service").isBefore("network.target"), sshd?.live, false, "shutdown.target, multi-user.target"],
  [unit("ssh.service").isWantedBy("multi-user.target"), sshd?.live, true, "multi-user.target"],
  [unit("broken.service").isWantedBy("rescue.target"), failed?.live, false, "multi-user.target"],
  [unit("ssh.service").wants("sysinit.target"), sshd?.live, true, "sysinit.target"],
  [unit("broken.service").wants("ssh.service"), failed?.live, false, "nothing"],
  [unit("nosuch.service").isAfter("ssh.service"), absent?.live, false, "there is no such unit"],
  [unit("apt-daily.timer").isScheduled(), timer?.live, true, "Sat 2026-11-21 20:08:44 UTC"],
  [unit("fstrim.timer").isScheduled(), off?.live, false, "none; masked"],
])("$0.title", (check, seen, met, said) => {
  expect(check.judge(seen)).toMatchObject({ met, seen: said });
});

test("where systemd does not run, what only it knows is no answer", () => {
  expect(() => requireLive("ssh.service", { file: "enabled", live: undefined })).toThrow(ObservationError);
  expect(() => requireLive("ssh.service", { file: "enabled", live: undefined })).toThrow(/systemd does not run/);
  expect(requireLive("ssh.service", sshd as UnitFacts)).toBe(sshd?.live);
});

test("the state of a unit is no answer on this machine, unless systemd runs it", async () => {
  const node = hostNode();
  const booted = (await node.exec(["test", "-d", "/run/systemd/system"])).status === 0;
  const asked = unit("nosuch-at-all.service").isActive().observe(node);
  if (booted) await expect(asked).resolves.toMatchObject({ load: "not-found" });
  else await expect(asked).rejects.toMatchObject({ code: "probe-failed", node: "host" });
  await node.close();
});

test.each(["ssh", "ssh.servic", "a b.service", "-p.service ", ""])("%j is refused as a unit's name", (name) => {
  expect(() => unit(name)).toThrow(DeclarationError);
});

test("a state that changes is the state that is told", () => {
  const activating: LiveUnit = { ...(sshd?.live as LiveUnit), active: "activating", sub: "start-pre" };
  expect(unit("ssh.service").isActive().judge(activating)).toMatchObject({
    met: false,
    seen: "activating (start-pre)",
  });
});

describe("properties", () => {
  const read = (text: string, status: string, subject = "cron.service Restart") =>
    unitProperty.parse({ status: 0, stdout: framed([[text, status]]), stderr: "" }, [subject])[0];

  // What systemd 252 printed.
  test("of a unit, and of one that is not there", () => {
    expect(read("Restart=on-failure\nLoadState=loaded\n", "0")).toEqual({ load: "loaded", value: "on-failure" });
    expect(read("Wants=\nLoadState=loaded\n", "0", "cron.service Wants")).toEqual({ load: "loaded", value: "" });
    expect(read("Restart=no\nLoadState=not-found\n", "0")).toEqual({ load: "not-found", value: "no" });
  });

  test.each([
    ["one that systemd does not have", "LoadState=loaded\n", "0", "probe-failed"],
    ["a manager that cannot be asked", "Failed to connect to bus: Connection refused\n", "1", "probe-failed"],
    ["another program", "nonsense: is all it says\n", "0", "probe-unreadable"],
    ["silence", "", "0", "probe-unreadable"],
  ])("%s is no answer", (_, text, status, code) => {
    expect(read(text, status)).toMatchObject({ code });
  });

  test("where systemd does not run nothing is said", () => {
    const asleep = { status: 78, stdout: Buffer.alloc(0), stderr: "" };
    expect(() => unitProperty.parse(asleep, ["cron.service Restart"])).toThrow(/systemd does not run/);
  });

  test("sentences", () => {
    const check = unit("cron.service").hasProperty("Restart", "on-failure");
    expect(check).toMatchObject({
      title: 'unit cron.service has Restart "on-failure"',
      command: "systemctl show -p Restart cron.service",
    });
    expect(check.judge({ load: "loaded", value: "on-failure" })).toMatchObject({ met: true });
    expect(check.judge({ load: "loaded", value: "no" })).toMatchObject({ met: false, seen: '"no"' });
    const none = unit("cron.service").hasProperty("Restart", "no");
    expect(none.judge({ load: "not-found", value: "no" })).toMatchObject({ met: false, seen: "there is no such unit" });
    expect(() => unit("cron.service").hasProperty("restart", "no")).toThrow(DeclarationError);
  });

  probeContract(hostNode, {
    probe: unitProperty,
    subject: "cron.service Restart",
    tools: ["systemctl"],
    elsewhere: "a running systemd",
  });
});

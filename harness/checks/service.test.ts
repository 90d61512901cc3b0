// Decides every sentence about services, on what each manager printed; and that a manager that does not run is no "no".
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { service } from "./service.ts";
import { type ServiceFacts, serviceFacts } from "./service-facts.ts";

const read = (text: string, words: string) =>
  serviceFacts.parse({ status: 0, stdout: framed([[text, words]]), stderr: "" }, ["web"])[0];

// Recorded: systemd 252, OpenRC 0.45, s6 2.11, runit 2.1, supervisor 4.2, sysv scripts of Debian 12.
const avail = (kind: string) => `avail 0 web                              in use    ${kind}      999:999\n`;
test.each<[string, string, Partial<ServiceFacts>]>([
  [
    "Id=web.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n",
    "0 systemd",
    { exists: true, enabled: true, running: true },
  ],
  [
    "Id=web.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=disabled\n",
    "0 systemd",
    { exists: true, enabled: false, running: false },
  ],
  [
    "Id=web.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n",
    "0 systemd",
    { exists: false, running: false },
  ],
  ["Files=enabled\n", "0 systemd", { exists: true, enabled: true, running: undefined }],
  ["Files=Failed to get unit file state for web.service: No such file or directory\n", "0 systemd", { exists: false }],
  ["level default\nstatus 0  * status: started\n", "0 openrc", { enabled: true, running: true }],
  ["status 3  * status: stopped\n", "0 openrc", { exists: true, enabled: false, running: false }],
  ["level boot\nstatus 32  * status: crashed\n", "0 openrc", { enabled: true, running: false }],
  ["level default\nasleep\n", "0 openrc", { enabled: true, running: undefined }],
  ["absent\n", "0 openrc", { exists: false, running: false }],
  ["status 0 true true 1534 -1\n", "0 s6", { enabled: true, running: true, said: "up, pid 1534, normally up" }],
  ["status 0 false false -1 0\n", "0 s6", { enabled: false, running: false }],
  ["status 0 false true -1 3\n", "0 s6", { enabled: true, running: false, said: "down, exit status 3, normally up" }],
  ["status 0 run: /etc/service/job: (pid 1541) 5s\n", "0 runit", { enabled: true, running: true }],
  ["down\nstatus 0 down: /etc/service/job: 3s\n", "0 runit", { enabled: false, running: false }],
  [
    "level 2\nlevel 3\nstatus 3 nginx is not running ... failed!\n",
    "0 sysv",
    { enabled: true, running: false, levels: ["2", "3"] },
  ],
  [
    `${avail("auto")}status 0 web                              RUNNING   pid 41, uptime 0:00:03`,
    "0 supervisor",
    { enabled: true, running: true, said: "web RUNNING pid 41, uptime 0:00:03; started auto" },
  ],
  [
    `${avail("manual")}status 3 web                              STOPPED   Not started`,
    "0 supervisor",
    { exists: true, enabled: false, running: false },
  ],
  [
    `${avail("auto")}status 3 web                              FATAL     Exited too quickly (process log may have details)`,
    "0 supervisor",
    { enabled: true, running: false },
  ],
  [`${avail("auto")}status 4 nosuch: ERROR (no such process)`, "0 supervisor", { exists: false, running: false }],
  ["status 0 nginx is running.\n", "0 sysv", { enabled: false, running: true }],
  ["status 1 Usage: /etc/init.d/rcS {start|stop}\n", "0 sysv", { exists: true, running: undefined }],
])("%j of %s", (text, words, expected) => {
  expect(read(text, words)).toMatchObject(expected);
});

test.each([
  ["status 1 s6-svstat: fatal: : unable to read status for /run/service/web: s6-supervise not running\n", "0 s6"],
  ["status 1 fail: /etc/service/web: runsv not running\n", "0 runit"],
  ["Files=Failed to execute operation: Permission denied\n", "0 systemd"],
  ["Failed to connect to bus: Connection refused\n", "1 systemd"],
  ["status 1  * rc-service: caught SIGHUP\n", "0 openrc"],
  ["no manager of services is there\n", "77 none"],
  [
    "avail 4 unix:///var/run/supervisor.sock no such file\nstatus 4 unix:///var/run/supervisor.sock no such file\n",
    "0 supervisor",
  ],
  ["avail 0 nonsense: is all it says\nstatus 0 nonsense: is all it says\n", "0 supervisor"],
  ["avail 0 \nstatus 0 \n", "0 supervisor"],
  ["", "127 supervisor"],
  ["", "127 s6"],
  ["nonsense: is all it says\n", "0 systemd"],
  ["", "0 sysv"],
])("%j of %s is no answer", (text, words) => {
  expect(read(text, words)).toBeInstanceOf(ObservationError);
});

describe("on this machine", () => {
  probeContract(hostNode, {
    probe: serviceFacts,
    subject: "s6 web",
    tools: ["s6-svstat"],
    elsewhere: "s6 and a service",
  });
  probeContract(hostNode, {
    probe: serviceFacts,
    subject: "runit web",
    tools: ["sv"],
    elsewhere: "runit and a service",
  });
  probeContract(hostNode, {
    probe: serviceFacts,
    subject: "supervisor web",
    tools: ["supervisorctl"],
    elsewhere: "supervisord and a program",
  });
});

const facts: ServiceFacts = {
  manager: "openrc",
  exists: true,
  enabled: false,
  running: undefined,
  said: "in no runlevel; OpenRC does not run",
};

test("isRunning rejects where the manager does not run, isEnabled answers", async () => {
  const node = { title: "box", observe: async () => facts } as never;
  await expect(service("web").isRunning().observe(node)).rejects.toMatchObject({
    code: "probe-failed",
    node: "box",
    seen: expect.stringContaining("OpenRC does not run"),
  });
  expect(service("web").isEnabled().judge(facts)).toEqual({
    met: false,
    expected: "enabled",
    seen: "in no runlevel; OpenRC does not run (openrc)",
  });
  expect(service("web").isUnder("openrc").judge(facts)).toMatchObject({ met: true });
  expect(service("web").isUnder("s6").judge(facts)).toMatchObject({ met: false });
  await expect(service("web").isEnabledIn("default").observe(node)).rejects.toMatchObject({ code: "probe-failed" });
  expect(
    service("web")
      .isEnabledIn("boot")
      .judge({ ...facts, levels: ["boot"] }),
  ).toMatchObject({ met: true });
  expect(
    service("web")
      .isEnabledIn("default")
      .judge({ ...facts, levels: ["boot"] }),
  ).toMatchObject({ met: false });
});

test.each(["", "a b", "../x", "-a", "/etc/init.d/x"])("%j is refused as a service's name", (name) => {
  expect(() => service(name)).toThrow(DeclarationError);
});

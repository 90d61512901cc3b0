// Decides which processes go by a name, and every sentence about them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { process as processCheck } from "./process.ts";
import { type ProcessFacts, processesNamed } from "./process-table.ts";

describe("what grep found in /proc of a Debian 12 container is read", () => {
  const status = (pid: number, name: string, state: string, parent: number, uid: number) =>
    `/proc/${pid}/status:Name:\t${name}\n/proc/${pid}/status:State:\t${state}\n/proc/${pid}/status:PPid:\t${parent}\n/proc/${pid}/status:Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n/proc/${pid}/status:Gid:\t${uid}\t${uid}\t${uid}\t${uid}\n/proc/${pid}/status:VmRSS:\t     912 kB\n`;
  const recorded = (more = "", args = "") => ({
    status: 0,
    stderr: "",
    stdout: Buffer.from(
      `80 86\0${status(1, "sleep", "S (sleeping)", 0, 0)}${status(80, "sh", "S (sleeping)", 0, 0)}${status(86, "sh", "S (sleeping)", 80, 0)}${more}\0/proc/1/cmdline:sleep\0/proc/1/cmdline:infinity\0/proc/80/cmdline:/bin/sh\0/proc/86/cmdline:/bin/sh\0${args}`,
    ),
  });

  test("processes by name, without the shells that asked", () => {
    expect(processesNamed.parse(recorded(), ["sleep", "sh", "nosuch"])).toEqual([
      [{ pid: 1, parent: 0, name: "sleep", args: ["sleep", "infinity"], uid: 0, gid: 0, memory: 912 * 1024 }],
      [],
      [],
    ]);
  });

  test("a shell entered beside the one that asked is left out; one that a program started is not", () => {
    const more = `${status(90, "sh", "S (sleeping)", 0, 0)}${status(91, "sh", "S (sleeping)", 1, 0)}`;
    const args = "/proc/90/cmdline:/bin/sh\0/proc/91/cmdline:/bin/sh\0";
    expect(processesNamed.parse(recorded(more, args), ["sh"])[0]).toMatchObject([{ pid: 91 }]);
  });

  test("a zombie does not run", () => {
    expect(processesNamed.parse(recorded(status(9, "job", "Z (zombie)", 1, 0)), ["job"])).toEqual([[]]);
  });

  test.each([
    ["the kernel's name", "celery", "celery", ["/usr/bin/python3", "/usr/bin/celery"]],
    ["the program's name", "node", "MainThread", ["/usr/local/bin/node", "x.js"]],
    ["a long name, cut by the kernel", "a-very-long-daemon", "a-very-long-dae", ["/opt/a-very-long-daemon", "-x"]],
    [
      "a long name of a script",
      "a-very-long-daemon",
      "a-very-long-dae",
      ["/usr/bin/python3", "/opt/a-very-long-daemon"],
    ],
    ["a title written over the arguments", "nginx", "nginx", ["nginx: master process /usr/sbin/nginx"]],
  ])("a process goes by %s", (_, name, kernelName, words) => {
    const args = words.map((word) => `/proc/9/cmdline:${word}\0`).join("");
    const [seen] = processesNamed.parse(recorded(status(9, kernelName, "S (sleeping)", 1, 33), args), [name]);
    expect(seen).toMatchObject([{ pid: 9, uid: 33, args: words }]);
  });

  test("a long name's beginning is not the name of another", () => {
    const [seen] = processesNamed.parse(
      recorded(status(9, "a-very-long-dae", "S", 1, 0), "/proc/9/cmdline:/x/a-very-long-daemon2\0"),
      ["a-very-long-daemon"],
    );
    expect(seen).toEqual([]);
  });

  test("a grep without -z shows no arguments: that is told, and not taken for none", () => {
    const { stdout, ...rest } = recorded();
    const bare = Buffer.from(stdout.toString().replaceAll(/\/proc\/\d+\/cmdline.*/gs, ""));
    expect(() => processesNamed.parse({ ...rest, stdout: bare }, ["sleep"])).toThrow(/a grep that knows -z/);
  });

  test("a /proc that hides processes is an error", () => {
    const output = { status: 77, stdout: Buffer.alloc(0), stderr: "/proc/1/status cannot be read" };
    expect(() => processesNamed.parse(output, ["x"])).toThrow(ObservationError);
  });
});

probeContract(hostNode, { probe: processesNamed, subject: "node", tools: ["grep"] });

const daemon = (facts: Partial<ProcessFacts> = {}): ProcessFacts => ({
  pid: 7,
  parent: 1,
  name: "sshd",
  args: ["/usr/sbin/sshd", "-D", "-f", "/etc/x y"],
  uid: 33,
  gid: 34,
  memory: 5 * 1024 * 1024,
  ...facts,
});

test("judges", () => {
  const sshd = processCheck("sshd");
  expect(sshd.isRunning().judge([daemon()])).toEqual({
    met: true,
    expected: "at least one",
    seen: "1 running (pid 7, uid 33, gid 34: /usr/sbin/sshd -D -f '/etc/x y')",
  });
  expect(sshd.isRunning().judge([])).toMatchObject({ met: false, seen: "none runs" });
  expect(sshd.hasCount(2).judge([daemon(), daemon()])).toMatchObject({ met: true });
  expect(sshd.hasCount(2).judge([daemon()])).toMatchObject({ met: false });
  expect(sshd.hasCount(0).judge([])).toMatchObject({ met: true });
  expect(sshd.hasArguments("-f", "/etc/x y").judge([daemon()])).toMatchObject({ met: true });
  expect(sshd.hasArguments("-D", "/etc/x y").judge([daemon()])).toMatchObject({ met: false });
  expect(sshd.hasArguments("/usr/sbin/sshd").judge([daemon()])).toMatchObject({ met: false });
  expect(sshd.runsAs(33).judge({ processes: [daemon()], id: 33 })).toMatchObject({ met: true });
  expect(sshd.runsAs(33).judge({ processes: [daemon(), daemon({ uid: 0 })], id: 33 })).toMatchObject({
    met: false,
  });
  expect(sshd.runsAs(33).judge({ processes: [], id: 33 })).toMatchObject({ met: false, seen: "none runs" });
  expect(sshd.runsAs("www").judge({ processes: [daemon()], id: 33 })).toMatchObject({
    met: true,
    expected: "user www (uid 33)",
  });
  expect(sshd.runsAs("www").judge({ processes: [daemon()], id: 34 })).toMatchObject({ met: false });
  expect(sshd.runsAs("www").judge({ processes: [daemon()], id: undefined })).toMatchObject({
    met: false,
    seen: expect.stringMatching(/^there is no user www; 1 running/),
  });
});

test("judges groups, memory and parents", () => {
  const sshd = processCheck("sshd");
  expect(sshd.runsInGroup("ops").judge({ processes: [daemon()], id: 34 })).toMatchObject({
    met: true,
    expected: "group ops (gid 34)",
  });
  expect(sshd.runsInGroup(0).judge({ processes: [daemon()], id: 0 })).toMatchObject({ met: false });
  expect(sshd.usesAtMost("5m").judge([daemon()])).toMatchObject({ met: true });
  expect(sshd.usesAtMost("4m").judge([daemon(), daemon({ memory: 1 })])).toMatchObject({ met: false });
  expect(sshd.usesAtMost("4m").judge([])).toMatchObject({ met: false, seen: "none runs" });
  const child = sshd.isChildOf("init");
  expect(child.judge({ processes: [daemon()], parents: [daemon({ pid: 1 })] })).toMatchObject({ met: true });
  expect(child.judge({ processes: [daemon({ parent: 9 })], parents: [daemon({ pid: 1 })] })).toMatchObject({
    met: false,
    seen: "pid 7 of 9",
  });
  expect(child.judge({ processes: [], parents: [] })).toMatchObject({ met: false });
});

test.each(["", "/usr/sbin/sshd", "a\0b"])("%j is refused as a process name", (name) => {
  expect(() => processCheck(name)).toThrow(DeclarationError);
});

test("a process of this machine is seen as long as it runs, with its arguments and user", async () => {
  const node = hostNode();
  const started = spawn("sleep", ["98765.4321"], { stdio: "ignore" });
  await once(started, "spawn");
  const check = processCheck("sleep").hasArguments("98765.4321");
  expect(check.judge(await check.observe(node))).toMatchObject({ met: true });
  started.kill();
  await once(started, "exit");
  expect(check.judge(await check.observe(node))).toMatchObject({ met: false });
  await node.close();
});

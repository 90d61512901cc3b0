// Decides what is read of a process's environment, open files and limits, and the sentences about them.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { process as processCheck } from "./process.ts";
import { openFiles, processEnvironment, processLimits, readLimits } from "./process-inside.ts";

const facts = { pid: 7, parent: 1, name: "web", args: ["/bin/web"], uid: 0, gid: 0, memory: 0 };

test("environment: values may hold = and line breaks", () => {
  const output = { status: 0, stdout: framed([["A=1\0B=x=y\nz\0", "0"]]), stderr: "" };
  expect(processEnvironment.parse(output, [7])).toEqual([
    new Map([
      ["A", "1"],
      ["B", "x=y\nz"],
    ]),
  ]);
});

test.each([
  [
    "GNU",
    "total 0\nlrwx------ 1 root root 64 Nov 21 14:44 0 -> /dev/null\nl-wx------ 1 root root 64 Nov 21 14:44 1 -> pipe:[6147245]\n",
  ],
  [
    "busybox",
    "total 0\nlrwx------    1 root     root            64 Nov 21 14:44 0 -> /dev/null\nl-wx------    1 root     root            64 Nov 21 14:44 1 -> pipe:[6147245]\n",
  ],
])("open files, by the ls of %s", (_, text) => {
  expect(openFiles.parse({ status: 0, stdout: framed([[text, "0"]]), stderr: "" }, [7])).toEqual([
    ["/dev/null", "pipe:[6147245]"],
  ]);
});

const limits = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max processes             96365                96365                processes 
Max open files            1024                 20000                files     
Max nice priority         0                    0                    
`;

test("limits", () => {
  expect(readLimits(limits)).toEqual(
    new Map([
      ["Max cpu time", { soft: Number.POSITIVE_INFINITY, hard: Number.POSITIVE_INFINITY }],
      ["Max processes", { soft: 96365, hard: 96365 }],
      ["Max open files", { soft: 1024, hard: 20000 }],
      ["Max nice priority", { soft: 0, hard: 0 }],
    ]),
  );
  expect(readLimits("nonsense\n")).toBeUndefined();
});

test("a process that ended, and one that hides, are no answers", () => {
  const read = (text: string, words: string) =>
    processLimits.parse({ status: 0, stdout: framed([[text, words]]), stderr: "" }, [7])[0];
  expect(read("cat: /proc/7/limits: No such file or directory\n", "1")).toMatchObject({ code: "probe-failed" });
  expect(read("cat: /proc/7/limits: Permission denied\n", "1")).toMatchObject({ code: "probe-denied" });
  expect(read("", "0")).toMatchObject({ code: "probe-unreadable" });
});

describe("sentences", () => {
  const web = processCheck("web");
  const seen = <Inside>(inside: Inside) => [{ process: facts, inside }];

  test("hasEnv: of all that go by the name; without a value, that it is set", () => {
    const held = seen(new Map([["MODE", "fast"]]));
    expect(web.hasEnv("MODE").judge(held)).toMatchObject({ met: true });
    expect(web.hasEnv("MODE", "fast").judge(held)).toMatchObject({ met: true });
    expect(web.hasEnv("MODE", "slow").judge(held)).toEqual({
      met: false,
      expected: "MODE=slow",
      seen: 'pid 7: MODE="fast"',
    });
    expect(web.hasEnv("TOKEN").judge(held)).toMatchObject({ met: false, seen: "pid 7: not set" });
    expect(web.hasEnv("MODE").judge([])).toMatchObject({ met: false, seen: "none runs" });
  });

  test("hasOpen: one of them has it", () => {
    expect(web.hasOpen("/dev/null").judge(seen(["/dev/null"]))).toMatchObject({ met: true });
    expect(web.hasOpen("/var/log/web").judge(seen(["/dev/null"]))).toMatchObject({
      met: false,
      seen: "pid 7: /dev/null",
    });
  });

  test("hasLimit: soft, and where it is asked for hard", () => {
    const held = seen(readLimits(limits) ?? new Map());
    expect(web.hasLimit("nofile", { soft: 1024 }).judge(held)).toMatchObject({ met: true });
    expect(web.hasLimit("nofile", { soft: 1024, hard: 20000 }).judge(held)).toMatchObject({ met: true });
    expect(web.hasLimit("nofile", { hard: 1024 }).judge(held)).toMatchObject({
      met: false,
      seen: "pid 7: soft 1024, hard 20000",
    });
    expect(web.hasLimit("cpu", { soft: Number.POSITIVE_INFINITY }).judge(held)).toMatchObject({ met: true });
  });
});

probeContract(hostNode, { probe: processEnvironment, subject: process.pid, tools: ["cat"] });
probeContract(hostNode, { probe: openFiles, subject: process.pid, tools: ["ls"] });
probeContract(hostNode, { probe: processLimits, subject: process.pid, tools: ["cat"] });

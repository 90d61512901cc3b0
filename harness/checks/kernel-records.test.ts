// Decides how a kernel's records are read: as kernels 4.18 to 6.18 write them, to their end and not beyond, each once by a shell that keeps
// its place; and that neither an end that was not reached nor a tool that cannot tell it is taken for one.
import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { ObservationError } from "../model/errors.ts";
import { keepLogOpen, readLogOn } from "../model/kept-log.ts";
import { kernelNews } from "./kernel-records.ts";

const end = "dd: error reading 'standard input': Resource temporarily unavailable\n";
const output = (stdout: string, stderr = end, status = 0) => ({ stdout: Buffer.from(stdout), stderr, status });
const read = (stdout: string, stderr?: string) => kernelNews.parse(output(stdout, stderr), ["log"])[0];

const records = `5,0,0,-;Linux version 6.1.0
6,1,12500000,-;perl[1]: segfault at 0 ip 0
 SUBSYSTEM=x
 DEVICE=perl[1]: segfault at 0
6,2,90000001,-,caller=T7;veth0: left
`;

describe("what was read", () => {
  test("the kernel's trouble, its time as dmesg has it, and how far it reaches", () => {
    expect(read(records)).toEqual({
      records: { from: 0, to: 2 },
      lines: [{ kind: "segfault", at: "12.500000", text: "perl[1]: segfault at 0 ip 0" }],
      overwritten: false,
      missing: false,
    });
  });

  test("nothing came", () => expect(read("")).toEqual({ lines: [], overwritten: false, missing: false }));

  test("a number that is left out is a record that nobody saw", () => {
    expect(read(records.replace("6,2,", "6,3,"))).toMatchObject({ records: { from: 0, to: 3 }, missing: true });
  });

  test("what a program wrote into the log is not the kernel's", () => {
    expect(read("12,5,1,-;Kernel panic - not syncing: typed by somebody\n")).toMatchObject({ lines: [] });
    expect(read("30,5,1,-;systemd[1]: Oops\n")).toMatchObject({ lines: [] });
  });

  test("bytes that are no plain characters are themselves again, and a second line is none of its own", () => {
    expect(read("6,5,61204411,-;tr\\xc3\\xa4ger[7]: segfault at 10\\x0aOops: 1\n")).toMatchObject({
      lines: [{ kind: "segfault", at: "61.204411", text: "träger[7]: segfault at 10" }],
    });
  });

  test("where records were overwritten, it is said, and what was read counts", () => {
    const said = "dd: error reading 'standard input': Broken pipe\n";
    expect(read("6,5,1,-;Oops: 1\n", said)).toMatchObject({ overwritten: true, lines: [{ kind: "kernel-oops" }] });
  });
});

describe("no answer", () => {
  test.each([
    ["a dd that cannot tell the end", output("", "dd: invalid argument 'nonblock' to 'iflag'\n"), "probe-failed"],
    ["an end that nobody tells of", output(records, ""), "probe-failed"],
    ["a reader that ended meanwhile", output(records, end, 141), "probe-failed"],
    ["another failure", output(records, "dd: error reading 'standard input': Input/output error\n"), "probe-failed"],
    ["a shell without the log", output("", "this shell does not keep it open\n", 76), "probe-failed"],
    ["something else in its place", output("hello\n"), "probe-unreadable"],
    ["no bash", output("", "sh: 1: exec: bash: not found\nwho keeps it open has ended\n", 75), "probe-failed"],
  ])("%s", (_, said, code) => {
    let error: unknown;
    try {
      kernelNews.parse(said, ["log"]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ObservationError);
    expect(error).toMatchObject({ code });
  });
});

describe("a shell of this machine's", () => {
  test("that keeps no log says so", async () => {
    const node = hostNode();
    await expect(node.observe(kernelNews, "log")).rejects.toThrow("this shell does not keep it open");
    await node.close();
  });

  test.for(["dash", "bash", "busybox"])("that keeps the log open reads each record once: %s", (shell, { skip }) => {
    const words = shell === "busybox" ? ["busybox", "sh"] : [shell];
    const [program = "", ...more] = words;
    try {
      accessSync("/dev/kmsg", constants.R_OK);
      execFileSync(program, [...more, "-c", ":"]);
    } catch {
      skip(`there is no ${shell} here, or the log of this machine's kernel may not be read`);
    }
    const ask = `(\n${readLogOn}\n) </dev/null`;
    const text = `exec 2>&1\n${keepLogOpen}\n${ask}; printf '\\0'\n${ask}; printf '\\0'\nkill $!; sleep 0.2; ${ask}; echo "ended with $?"\n`;
    const [first = "", second = "", third = ""] = execFileSync(program, more, { input: text }).toString().split("\0");
    const numbers = (said: string) => [...said.matchAll(/^\d+,(\d+),\d+,/gm)].map(([, number]) => Number(number));
    expect(numbers(first).length).toBeGreaterThan(0);
    expect(first).toMatch(/: Resource temporarily unavailable$/m);
    expect(second).toMatch(/: Resource temporarily unavailable$/m);
    expect(Math.min(...numbers(second), Number.POSITIVE_INFINITY)).toBeGreaterThan(numbers(first).at(-1) ?? 0);
    expect(third, "its reader was killed").toMatch(/ended with (?:141|75)\n$/);
  });
});

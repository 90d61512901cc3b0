// Decides that what a kernel says is told once, however it is asked, and that what was overwritten is said. The log is a pipe that a shell
// keeps open, as a guest's shells keep /dev/kmsg: shell and dd are this machine's own.
import { chmodSync, closeSync, mkdtempSync, openSync, readlinkSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostNodeAt } from "../drivers/shell-node.ts";
import { keepLogOpen } from "../model/kept-log.ts";
import type { VmNode } from "../model/node.ts";
import { localOpener } from "../transports/local.ts";
import { ShellTransport } from "../transports/shell-transport.ts";
import { KernelReader } from "./kernel-reader.ts";

let room: string;
let transport: ShellTransport;
/** Kept open, so that what is written waits for the shell. */
let log: number;
let reader: KernelReader;
let facts: { bootId: string };
const at = (name: string) => join(room, name);

beforeEach(async () => {
  room = mkdtempSync(join(tmpdir(), "assay-kernel-"));
  const prelude = `PATH=${room}:$PATH\n${keepLogOpen.replace("9</dev/kmsg", `9<>${at("log")}`).replace("-c /proc/self/fd/9", "-p /proc/self/fd/9")}`;
  transport = new ShellTransport({ ...localOpener, probing: { argv: ["/bin/sh"], prelude } });
  const node = hostNodeAt("a guest", transport);
  await node.succeed(["mkfifo", at("log")]);
  log = openSync(at("log"), "r+");
  facts = { bootId: "first" };
  reader = new KernelReader(Object.assign(node, { facts }) as unknown as VmNode);
});
afterEach(async () => {
  await transport.close();
  closeSync(log);
  rmSync(room, { recursive: true });
});

const says = (...records: readonly [number: number, text: string][]) =>
  writeSync(log, records.map(([number, text]) => `6,${number},${number}000001,-;${text}\n`).join(""));
/** A program of the guest's, instead of this machine's. */
const instead = (tool: string, text: string) => {
  writeFileSync(at(tool), `#!/bin/sh\n${text}\n`);
  chmodSync(at(tool), 0o755);
};
const trap = "perl[7]: segfault at 10 ip 0";
const told = async () => {
  const { lines, missed } = await reader.since();
  return [...lines.map(({ text }) => text), ...(missed ? ["something is missing"] : [])];
};

test("each line is told once, and nothing where nothing came", async () => {
  expect(await told()).toEqual([]);
  says([1, "veth0: left"], [2, trap]);
  expect(await told()).toEqual([trap]);
  expect(await told()).toEqual([]);
  says([3, "Oops: 1"]);
  expect(await told()).toEqual(["Oops: 1"]);
});

test("numbers that nobody saw are missing, unless the guest is another one by now", async () => {
  says([1, "veth0: left"]);
  await told();
  says([3, trap]);
  expect(await told()).toEqual([trap, "something is missing"]);
  says([2, "veth0: left"], [3, trap]);
  expect(await told(), "it was brought back").toEqual([trap]);
  reader.rewound();
  says([7, "veth0: left"]);
  expect(await told()).toEqual([]);
  facts.bootId = "second";
  says([9, "veth0: left"]);
  expect(await told()).toEqual([]);
});

test("what was overwritten while the log was read first is missing, and what is behind it is read all the same", async () => {
  instead("dd", `PATH=/usr/bin:/bin; printf '6,1,1000001,-;veth0: left\\n'; exec dd count=0 "$@"`);
  says([900, trap]);
  expect(await told()).toEqual([trap, "something is missing"]);
  expect(await told()).toEqual([]);
});

test("a log that is overwritten faster than it is read is not followed for ever", async () => {
  instead(
    "bash",
    `while read -r _ && echo called >>${at("calls")}; do echo "read error: 9: Broken pipe" >&2; echo >&5; done`,
  );
  expect(await told()).toEqual(["something is missing"]);
  expect((await transport.exec(["cat", at("calls")])).stdout.split("\n").filter(Boolean)).toHaveLength(5);
});

test("a reader that was killed leaves nothing unasked", async () => {
  expect(await told()).toEqual([]);
  instead("dmesg", `cat ${at("buffer")}`);
  writeFileSync(at("buffer"), `<6>[    2.000001] ${trap}\n`);
  const bash = (await transport.exec(["pgrep", "-f", "dd iflag=nonblock ibs=8192.*9"])).stdout
    .split("\n")
    .filter(Boolean);
  for (const pid of bash) if (readlinkSync(`/proc/${pid}/fd/9`) === at("log")) process.kill(Number(pid), "SIGKILL");
  expect(await told()).toEqual([trap]);
});

test("where dd cannot tell the end, dmesg is asked, from then on", async () => {
  instead("dd", `echo called >>${at("calls")}; echo "dd: invalid argument 'nonblock' to 'iflag'" >&2; exit 1`);
  instead("dmesg", `cat ${at("buffer")}`);
  writeFileSync(at("buffer"), `<5>[    0.000000] Linux version 6.1.0\n<6>[    2.000001] ${trap}\n`);
  expect(await told()).toEqual([trap]);
  expect(await told()).toEqual([]);
  writeFileSync(at("buffer"), "<6>[    3.000001] veth0: left\n<6>[    4.000001] Oops: 1\n");
  expect(await told(), "what was between them is gone").toEqual(["Oops: 1", "something is missing"]);
  expect((await transport.exec(["cat", at("calls")])).stdout).toBe("called\n");
});

test("where neither can be asked, there is no answer", async () => {
  instead("dd", "exit 3");
  instead("dmesg", "echo 'dmesg: read kernel buffer failed: Operation not permitted' >&2; exit 1");
  await expect(reader.since()).rejects.toMatchObject({ code: "probe-denied" });
});

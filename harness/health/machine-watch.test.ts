// Decides what a machine's signs amount to, heard from its console and its life, without anything being asked of it.
import { beforeEach, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { HeardSign } from "../model/health.ts";
import type { VmNode } from "../model/node.ts";
import { MachineWatch } from "./machine-watch.ts";
import { NodeRecord } from "./node-record.ts";

let record: NodeRecord;
let hear: HeardSign;
beforeEach(() => {
  record = new NodeRecord({ name: "soe", title: "x/soe", tolerates: undefined });
  new MachineWatch(record, hostNode() as unknown as VmNode, (heard) => {
    hear = heard;
  });
});
const found = () => record.take().map(({ kind, lines }) => [kind, ...lines]);
const console = (line: string) => hear({ sign: "console", at: 1, line });

describe("the console", () => {
  test("a line is found once, whether it is heard once more or read in the buffer", () => {
    const line = "[   61.204411] EXT4-fs error (device vdb): trigger_test_error:129: comm sh: 1";
    console(line);
    console(line);
    expect(found()).toEqual([["filesystem-error", expect.stringContaining("trigger_test_error")]]);
    console(line);
    expect(found()).toEqual([]);
  });

  test("what a program writes there is not the kernel's", () => {
    console("Kernel panic - not syncing: typed by somebody");
    expect(found()).toEqual([]);
  });

  test("a denial that no auditd took is told as the audit log would", () => {
    console(
      '[   70.000001] audit: type=1400 audit(1795256391.192:102): avc:  denied  { write } for  pid=816 comm="touch" name="db" dev="vda1" ino=130562 scontext=system_u:system_r:container_t:s0:c83,c421 tcontext=unconfined_u:object_r:root_t:s0 tclass=dir permissive=0',
    );
    expect(found()).toEqual([
      ["avc-denial", expect.stringMatching(/^\{ write \} by touch of dir "db": .*container_t.* → .*root_t/)],
    ]);
  });
});

describe("its life", () => {
  const ended = (words: string) =>
    hear({
      sign: "ended",
      at: 1,
      words,
      meant: false,
      death: { status: undefined, oomKilled: false, lastLines: [] },
    });

  test("a panic that the console told of is one finding with it", () => {
    console("[   80.100000] Kernel panic - not syncing: sysrq triggered crash");
    ended("the kernel panicked: sysrq triggered crash; last console lines: …");
    expect(found().map(([kind]) => kind)).toEqual(["kernel-panic"]);
  });

  test("a guest that powers itself off has exited", () => {
    ended("the guest powered itself off; its console is empty");
    expect(found()).toEqual([["exited", expect.stringContaining("powered itself off")]]);
  });

  test("one that starts again by itself is a loop the third time", () => {
    for (let start = 0; start < 2; start += 1) hear({ sign: "restarted", at: 1_000_000 + start });
    expect(found()).toEqual([]);
    hear({ sign: "restarted", at: 1_000_002 });
    expect(found()).toEqual([["restart-loop", "the guest started again 3 times by itself"]]);
  });

  test("a QEMU that is gone is nobody's fault, and nobody watched", () => {
    hear({ sign: "lost", at: 1, words: "QEMU ended" });
    expect(found()).toEqual([]);
    expect(record.facts([]).notWatched[0]).toMatchObject({ reason: "QEMU ended" });
  });
});

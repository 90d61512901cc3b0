// Decides which of a kernel's lines are findings, off a console and out of its buffer, and which are a busy host's or somebody else's.
import { afterAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { quoteWord } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { type KernelQuestion, kernelLineIn, kernelTrouble, readKernelLine, troubleIn } from "./kernel-log.ts";

/** As Debian 12's and newer kernels wrote them. */
const real = [
  ["kernel-panic", "Kernel panic - not syncing: sysrq triggered crash"],
  ["kernel-panic", "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"],
  ["kernel-oops", "BUG: kernel NULL pointer dereference, address: 0000000000000000"],
  ["kernel-oops", "Oops: 0002 [#1] PREEMPT SMP NOPTI"],
  ["kernel-oops", "general protection fault, probably for non-canonical address 0xdead000000000108: 0000 [#1] SMP"],
  [
    "oom-kill",
    "Memory cgroup out of memory: Killed process 8856 (python3) total-vm:218564kB, anon-rss:32128kB, file-rss:4992kB, shmem-rss:0kB, UID:0 pgtables:120kB oom_score_adj:0",
  ],
  ["oom-kill", "Out of memory: Killed process 412 (mongod) total-vm:1203444kB, anon-rss:201220kB"],
  [
    "segfault",
    "perl[1525]: segfault at 10 ip 00007f10910b8ad8 sp 00007ffd3d61c308 error 4 in libc.so.6[167ad8,7f1090f77000+156000] likely on CPU 0 (core 0, socket 0)",
  ],
  [
    "segfault",
    "traps: app[812] general protection fault ip:55d0c8a2b139 sp:7ffc2a0c4ba0 error:0 in app[55d0c8a2b000+1000]",
  ],
  [
    "core-dump",
    "traps: app[813] trap invalid opcode ip:55d0c8a2b139 sp:7ffc2a0c4ba0 error:0 in app[55d0c8a2b000+1000]",
  ],
  ["filesystem-error", "EXT4-fs error (device vdb): trigger_test_error:129: comm sh: 1"],
  ["filesystem-error", "EXT4-fs (vda1): Remounting filesystem read-only"],
  [
    "filesystem-error",
    "XFS (vdb): Metadata CRC error detected at xfs_agf_read_verify+0xd2/0xf0 [xfs], xfs_agf block 0x1",
  ],
  ["filesystem-error", "Buffer I/O error on dev vdb, logical block 0, lost sync page write"],
  ["filesystem-error", "I/O error, dev vdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2"],
  [
    "avc-denial",
    'audit: type=1400 audit(1700000000.123:45): avc:  denied  { write } for  pid=812 comm="mongod" name="db" dev="vda1" ino=12 scontext=system_u:system_r:container_t:s0:c1,c2 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=dir permissive=0',
  ],
] as const;

/** Of nobody's fault, or of a host that has no time for its guest. */
const harmless = [
  "EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.",
  "EXT4-fs (vda1): recovery complete",
  "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [systemd:1]",
  "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 34s!",
  "rcu: INFO: rcu_sched self-detected stall on CPU",
  "Buffer I/O error on dev fd0, logical block 0, async page read",
  "I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 2",
  "nfs: server 10.0.0.2 not responding, still trying",
  'audit: type=1400 audit(1700000000.123:46): apparmor="STATUS" operation="profile_load" profile="unconfined"',
  "systemd[1]: Kernel panic is a word",
];

test.each(real)("%s: %s", (kind, text) => expect(troubleIn(text)).toBe(kind));
test.each(harmless)("nothing: %s", (text) => expect(troubleIn(text)).toBeUndefined());

describe("a line is the kernel's by its time in front", () => {
  test.each([
    ["<6>[14846.054468] perl[1525]: segfault at 10", "14846.054468"],
    ["[    8.123456] Kernel panic - not syncing: x", "8.123456"],
    ["[    8.123456][    T1] Kernel panic - not syncing: x", "8.123456"],
  ])("%s", (line, at) => expect(kernelLineIn(line)).toMatchObject({ at }));

  test.each(["Kernel panic - not syncing: typed by somebody", "soe login: Kernel panic - not syncing", "[x] Oops: 1"])(
    "not %s",
    (line) => {
      expect(readKernelLine(line)).toBeUndefined();
      expect(kernelLineIn(line)).toBeUndefined();
    },
  );
});

const output = (stdout: string, more: { stderr?: string; status?: number } = {}) => ({
  stdout: Buffer.from(stdout),
  stderr: more.stderr ?? "",
  status: more.status ?? 0,
});

describe("the buffer", () => {
  test("its trouble is read, with how far it reaches", () => {
    const said = output(
      "<5>[    0.000000] Linux version 6.1.0\n<6>[   12.500000] perl[1]: segfault at 0 ip 0\n Call Trace:\n<6>[   90.000001] veth0: left\n",
    );
    expect(kernelTrouble.parse(said, [{}])).toEqual([
      {
        from: 0,
        to: 90.000001,
        newest: "<6>[   90.000001] veth0: left",
        lines: [{ kind: "segfault", at: "12.500000", text: "perl[1]: segfault at 0 ip 0" }],
      },
    ]);
  });

  test.each([
    [
      "denied",
      output("", { status: 1, stderr: "dmesg: read kernel buffer failed: Operation not permitted" }),
      "probe-denied",
    ],
    ["empty", output(""), "probe-unreadable"],
    ["without times", output("<6>perl[1]: segfault at 0\n"), "probe-unreadable"],
  ])("%s, it is no answer", (_, said, code) => {
    let error: unknown;
    try {
      kernelTrouble.parse(said, [{}]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ObservationError);
    expect(error).toMatchObject({ code });
  });

  const node = hostNode();
  afterAll(() => node.close());
  /** The probe, where the kernel's log is these lines. */
  const asking = (log: readonly string[]) => ({
    ...kernelTrouble,
    script: (asked: readonly KernelQuestion[]) =>
      `LINES_OF_IT=${quoteWord(log.join("\n"))}\n${kernelTrouble.script(asked).replace("$(dmesg -r)", '"$LINES_OF_IT"')}`,
  });
  const log = [
    "<5>[0.500000] Linux version 6.1.0",
    ...real.map(([, text], index) => `<6>[${index + 1}.000000] ${text}`),
    '<6>[99.000000] veth0: it\'s "left" [*] $(exit 9) \\ alone',
  ];

  test("what a guest's sed lets through is all that is looked for", async () => {
    const seen = await node.observe(asking(log), {});
    if (seen === "unchanged") expect.unreachable();
    expect(seen.lines.map(({ kind, text }) => [kind, text])).toEqual(real.map(([kind, text]) => [kind, text]));
    expect([seen.from, seen.to, seen.newest]).toEqual([0.5, 99, log.at(-1)]);
  });

  test("nothing came behind a line that is known; or something did, and then it is told whole", async () => {
    const behind = log.at(-1);
    expect(await node.observe(asking(log), { behind })).toBe("unchanged");
    const trap = "<6>[99.000001] perl[7]: segfault at 0 ip 0";
    expect(await node.observe(asking([...log, trap]), { behind })).toMatchObject({ to: 99.000001, newest: trap });
    // Of an earlier moment, and of another boot.
    expect(await node.observe(asking(log.slice(0, -1)), { behind })).toMatchObject({ newest: log.at(-2) });
    expect(await node.observe(asking([trap]), { behind })).toMatchObject({ from: 99.000001 });
  });

  test("a line that goes on from another may come twice, and is none to compare with", async () => {
    expect(await node.observe(asking([...log, " Call Trace:"]), {})).toMatchObject({ to: 16, newest: undefined });
  });

  test("two that know different lines get everything", async () => {
    const asked = asking(log);
    const both = await Promise.all([node.observe(asked, { behind: log.at(-1) }), node.observe(asked, { behind: "x" })]);
    expect(both).toEqual([expect.objectContaining({ to: 99 }), expect.objectContaining({ to: 99 })]);
  });

  test("a dmesg that says that it is unchanged is not believed", () => {
    expect(() => kernelTrouble.parse(output("unchanged\n"), [{ behind: "x" }])).toThrow(ObservationError);
    expect(() => kernelTrouble.parse(output("\0unchanged"), [{}])).toThrow(ObservationError);
  });
});

probeContract(hostNode, { probe: kernelTrouble, subject: {}, tools: ["dmesg"], elsewhere: "the log" });

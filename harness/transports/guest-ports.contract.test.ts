// Decides that processes over virtio-serial ports keep the transport contract in a real guest, and what becomes of them when the guest
// starts again, hangs, is brought back to an earlier moment, or loses its QEMU.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { connectQmp, type Qmp } from "../drivers/libvirt-qmp.ts";
import { shell } from "../model/exec.ts";
import type { BuiltDisk } from "../model/image.ts";
import { Store } from "../store/store.ts";
import { transportContract } from "./contract.ts";
import { initrdAddition } from "./guest-access.ts";
import { GuestPorts } from "./guest-ports.ts";
import { ShellTransport } from "./shell-transport.ts";
import { type PrivateGuest, privateGuest } from "./testing/private-guest.ts";

let guest: PrivateGuest;
let ports: GuestPorts;
let qmp: Qmp;

/** Whoever waits for a slot is told what is in the way before the test's own time is over. */
function portsOf({ control, slots }: PrivateGuest): GuestPorts {
  return new GuestPorts({ node: "contract/ports", control, slots, patienceMs: 120_000 });
}

beforeAll(async () => {
  const config = readConfig();
  mkdirSync(config.state, { recursive: true });
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const { image } = await store.build(machine, {});
  guest = await privateGuest(image.disk as BuiltDisk, { addition: initrdAddition(), slots: 25 });
  ports = portsOf(guest);
  qmp = await connectQmp(guest.qmp);
  const booting = new ShellTransport(ports);
  // What still boots would make the deadlines below a matter of luck.
  await booting.exec(["systemctl", "is-system-running", "--wait"], { timeoutMs: 120_000 });
  await booting.close();
});
afterAll(async () => {
  ports?.close();
  qmp?.close();
  await guest?.stop();
});

transportContract("ports", async () => new ShellTransport(ports));

/** A command that ran in the guest when this resolved; `end` is what became of it. */
async function running(transport: ShellTransport, stdin?: string): Promise<{ end: Promise<{ code?: string }> }> {
  const mark = `/run/${randomBytes(6).toString("hex")}`;
  const options = { timeoutMs: 300_000, ...(stdin === undefined ? {} : { stdin }) };
  const end = transport.exec(shell(`touch ${mark}; sleep 1000`), options).then(
    () => ({}),
    (error: { code: string }) => ({ code: error.code }),
  );
  await transport.exec(shell(`until [ -e ${mark} ]; do sleep 0.05; done`));
  return { end };
}

describe("slots", () => {
  let transport: ShellTransport;
  beforeAll(() => {
    transport = new ShellTransport(ports);
  });
  afterAll(() => transport.close());

  test("more programs than slots take their turn", async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => transport.exec(shell(`cat; exit ${n}`), { stdin: `${n}` })),
    );
    expect(answers.map(({ stdout, status }) => [stdout, status])).toEqual(
      Array.from({ length: 50 }, (_, n) => [`${n}`, n]),
    );
  });

  test("input that nobody read is not what the next program gets, nor a command", async () => {
    for (let round = 0; round < 12; round += 1)
      await transport.exec(["true"], { stdin: Buffer.alloc(1_000_000, "touch /run/evil\n") });
    expect((await transport.exec(["test", "-e", "/run/evil"])).status).toBe(1);
  });

  test("a program that is left printing in the background holds its slot and nobody else", async () => {
    const left = await transport.exec(shell("(while :; do echo noise; sleep 0.1; done) & echo $!"), { stdin: "" });
    const others = await Promise.all(
      Array.from({ length: 10 }, (_, n) => transport.exec(["cat"], { stdin: `${n}` }).then(({ stdout }) => stdout)),
    );
    expect(others).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`));
    // Its first noise may come before its number.
    const [pid = "none"] = /^\d+$/m.exec(left.stdout) ?? [];
    expect((await transport.exec(["kill", pid])).status).toBe(0);
  });

  test("100 MB come whole", async () => {
    const { stdoutBytes } = await transport.exec(["head", "-c", "100000000", "/dev/zero"]);
    expect(stdoutBytes.length).toBe(100_000_000);
  });

  test("signals are as a login has them", async () => {
    const { stdout } = await transport.exec(["grep", "^SigIgn", "/proc/self/status"]);
    expect(stdout).toMatch(/^SigIgn:\t0+\n$/);
  });

  test("other users have their own groups and homes", async () => {
    const who = shell('echo "$(id -un) $(id -gn) $HOME $PWD"');
    expect((await transport.exec(who, { user: "nobody" })).stdout).toBe("nobody nogroup /nonexistent /\n");
    expect((await transport.exec(["id", "-u"], { user: "4321:8765" })).stdout).toBe("4321\n");
    await expect(transport.exec(["id"], { user: "nosuch" })).rejects.toMatchObject({
      code: "cannot-start",
      seen: expect.stringContaining('no user "nosuch"'),
    });
  });

  test("a second connection ends what the first one left in the slots", async () => {
    const { end } = await running(transport);
    ports.close();
    expect((await end).code).toBe("shell-closed");
    ports = portsOf(guest);
    transport = new ShellTransport(ports);
    expect((await transport.exec(["pgrep", "-fx", "sleep 1000"])).stdout).toBe("");
  });
});

describe("a moment that is kept", () => {
  const monitor = (line: string) => qmp.execute("human-monitor-command", { "command-line": line });

  test("is come back to with the same shell, and without what ran since", async () => {
    const transport = new ShellTransport(ports);
    const shellPid = async () => (await transport.exec(shell("echo $PPID"))).stdout;
    const moment = await transport.quiesce();
    expect(await monitor("savevm one")).toBe("");
    await transport.resume(moment);
    const before = await shellPid();
    const comeBack = async () => {
      transport.hold(moment);
      await qmp.stop();
      const waiting = transport.exec(
        shell("echo after; ls /run/dirty /root/dirty; pgrep -x yes; pgrep -fx 'sleep 1000'"),
      );
      expect(await monitor("loadvm one")).toBe("");
      await qmp.cont();
      await transport.resume(moment);
      expect((await waiting).stdout).toBe("after\n");
    };
    await transport.exec(shell("echo 1 >/run/dirty; echo 1 >/root/dirty; sleep 1000 & yes >/dev/null &"));
    await comeBack();
    expect(await shellPid()).toBe(before);
    // A shell in which something ran might still be sent what was on its way: it is left behind.
    for (const round of [1, 2]) {
      const flying = [await running(transport), await running(transport, "input")];
      const flood = transport.exec(["yes"]).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
      await transport.exec(shell(`echo ${round} >/run/dirty; echo ${round} >/root/dirty`));
      await comeBack();
      expect(await Promise.all(flying.map(({ end }) => end))).toEqual([{ code: "rewound" }, { code: "shell-closed" }]);
      expect(await flood).toBe("rewound");
    }
    await transport.close();
  });
});

describe("the time of a moment that is come back to", () => {
  const monitor = (line: string) => qmp.execute("human-monitor-command", { "command-line": line });

  test("is counted on from there: what ran then is not thought to have run ever since", async () => {
    const transport = new ShellTransport(ports);
    // All but one sleep, so that it is what runs when the moment is kept; nanoseconds on a processor are the first of its three numbers.
    const { stdout: busy } = await transport.exec(shell("while :; do :; done >/dev/null & echo $!"));
    const ran = async () => {
      const { stdout } = await transport.exec(shell(`cut -d' ' -f1 /proc/uptime /proc/${busy.trim()}/schedstat`));
      const [uptime = 0, onProcessor = 0] = stdout.split("\n").map(Number);
      return [uptime, onProcessor / 1e9];
    };
    const moment = await transport.quiesce();
    expect(await monitor("savevm time")).toBe("");
    await transport.resume(moment);
    const began = performance.now();
    const [upThen = 0, ranThen = 0] = await ran();
    await pause(4_000);
    transport.hold(moment);
    await qmp.stop();
    const since = (performance.now() - began) / 1000;
    expect(await monitor("loadvm time")).toBe("");
    const again = performance.now();
    await qmp.cont();
    await transport.resume(moment);
    const [up = 0, onProcessor = 0] = await ran();
    const took = (performance.now() - again) / 1000;
    // As much has passed as has passed since, and not what was undone.
    expect(up - upThen).toBeLessThan(took + since / 2);
    expect(onProcessor - ranThen).toBeLessThan(took + since / 2);
    await transport.exec(["kill", busy.trim()]);
    await transport.close();
  });
});

describe("a moment that is come back to while it works", () => {
  const monitor = (line: string) => qmp.execute("human-monitor-command", { "command-line": line });

  test.each([
    ["nothing ran", 0],
    ["a program ran in all slots but two", 23],
  ])("where %s: every slot can be had again, and what runs in it is heard", async (_, before) => {
    const transport = new ShellTransport(ports);
    // What is busy notices late who has left, and who has come.
    const { stdout: busy } = await transport.exec(shell("for n in 1 2 3 4; do while :; do :; done & echo $!; done"));
    const dialled = (many: number) => Promise.all(Array.from({ length: many }, () => transport.dial(["cat"])));
    let channels = await dialled(before);
    const moment = await transport.quiesce();
    expect(await monitor("savevm many")).toBe("");
    await transport.resume(moment);
    for (let round = 0; round < 4; round += 1) {
      const ends = Promise.allSettled(channels.map(({ ended }) => ended));
      transport.hold(moment);
      await qmp.stop();
      expect(await monitor("loadvm many")).toBe("");
      await qmp.cont();
      await transport.resume(moment);
      await ends;
      channels = await dialled(guest.slots.length - 2);
      for (const { stdin, stdout, ended } of channels) {
        stdin.write("again\n");
        const lost = ended.then((status) => [`nothing: the program is gone, status ${status}`]);
        const [said] = await Promise.race([once(stdout, "data"), lost]);
        expect(String(said)).toBe("again\n");
      }
    }
    for (const channel of channels) channel.destroy();
    await transport.exec(["kill", ...busy.trim().split("\n")]);
    await transport.close();
  });
});

describe("a guest that goes away", () => {
  test("starts again: what was under way is unknown, and the next command meets the new boot", async () => {
    const transport = new ShellTransport(ports);
    const { bootId } = await ports.greeted();
    const ends = [await running(transport), await running(transport, "input")];
    await qmp.execute("system_reset");
    expect(await Promise.all(ends.map(({ end }) => end))).toEqual([{ code: "shell-closed" }, { code: "shell-closed" }]);
    const after = await ports.greeted();
    expect(after.bootId).not.toBe(bootId);
    const said = await transport.exec(["cat", "/proc/sys/kernel/random/boot_id"]);
    expect(said.stdout.trim()).toBe(after.bootId);
    await transport.close();
  });

  test("hangs: a deadline is kept, also by who had not been sent yet", async () => {
    const transport = new ShellTransport(ports);
    await transport.exec(["true"]);
    await qmp.stop();
    const asked = [
      transport.exec(["true"], { timeoutMs: 500 }),
      transport.exec(["cat"], { stdin: "x", timeoutMs: 500 }),
      transport.exec(["true"], { user: "nobody", timeoutMs: 500 }),
    ];
    await Promise.all(asked.map((each) => expect(each).rejects.toMatchObject({ code: "deadline" })));
    await qmp.cont();
    expect((await transport.exec(["echo", "back"])).stdout).toBe("back\n");
    await transport.close();
  });

  test("loses its QEMU: what was under way is unknown at once, and the next command says why", async () => {
    const transport = new ShellTransport(ports);
    const ends = [await running(transport), await running(transport, "input")];
    await guest.kill();
    expect(await Promise.all(ends.map(({ end }) => end))).toEqual([{ code: "shell-closed" }, { code: "shell-closed" }]);
    await expect(transport.exec(["true"])).rejects.toMatchObject({ code: "machine-gone" });
    await transport.close();
  });
});

// Decides that a machine is reached in each way that can be declared, and that its verbs hold in each: what a panel's buttons do.
import { rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { VmNode } from "../model/node.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { vm } from "../model/vm.ts";
import { openStage } from "../vitest/stage.ts";

const stage = await openStage();
afterAll(async () => {
  expect(await stage.close()).toMatchObject({ leaked: [] });
});

const password = secret("console password", "wagtail-lantern-7");
/** The usual machine, whose root may log in at the console. */
const withLogin = recipe("debian-machine-login", {
  version: machine.version,
  from: fromRecipe(machine),
  steps: [run(["sh", "-c", "echo 'root:wagtail-lantern-7' | chpasswd"])],
  disk: { size: "4g" },
  context: import.meta.dirname,
});
const within = "300s";
/** How far the guest's clock is from this host's, by a question that took `ms`. */
const clockOff = async (node: VmNode) => {
  const asked = Date.now();
  const seen = Number(await node.succeed(["date", "+%s.%N"])) * 1000;
  const answered = Date.now();
  return Math.max(0, asked - seen, seen - answered);
};

test("ports, kernel from outside: verbs", { timeout: 900_000 }, async () => {
  const environment = defineEnvironment("verbs", {
    networks: { lan: {} },
    nodes: {
      node: vm({
        image: machine,
        networks: { lan: { mac: "02:00:00:00:00:0a" } },
        hostname: "verbs",
        disks: { data: { size: "64m" } },
        ready: { unit: "ssh.service", port: 22, within },
        start: "boot",
      }),
    },
  });
  const { nodes } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  expect(node.facts).toMatchObject({ access: "initrd", transport: "ports", start: "booted" });
  expect(await node.succeed(["hostname"])).toBe("verbs");
  expect(await node.succeed(["ip", "-br", "addr"])).toContain(`${node.address("lan")}/`);
  expect(await node.succeed(["cat", "/proc/cmdline"])).not.toContain("init=");
  expect(await node.succeed(["ls", "/dev/disk/by-id"])).toContain("virtio-data");
  const login = await node.login({ user: "root", password: secret("wrong password", "certainly-not") });
  expect(login).toMatchObject({ granted: false });
  expect(login.hostKey).toMatch(/^SHA256:/);

  await node.attachDisk("spare", { size: "32m", serial: "spare-1" });
  expect(await node.succeed(["ls", "/dev/disk/by-id"])).toContain("virtio-spare-1");
  await node.detachDisk("spare");
  expect(await node.succeed(["ls", "/dev/disk/by-id"])).not.toContain("virtio-spare-1");

  // The guest's driver hears of its link a little after QEMU does.
  const link = (up: 0 | 1) =>
    node.succeed(
      shell(`for i in $(seq 100); do grep -q ${up} /sys/class/net/en*/carrier && exit; sleep 0.1; done; exit 1`),
    );
  await node.unplug();
  await link(0);
  await expect(node.unplug("lam")).rejects.toMatchObject({ code: "no-network", hint: "it is on lan" });
  await node.plug("lan");
  await link(1);

  await node.snapshot("clean");
  await node.unplug("lan");
  await link(0);
  await node.succeed(shell("echo dirt >/root/dirt; echo dirt >/run/dirt; date -s 2001-01-01; sleep 9999 & sync"));
  await node.revert("clean");
  expect((await node.exec(["ls", "/root/dirt"])).status).not.toBe(0);
  expect((await node.exec(["ls", "/run/dirt"])).status).not.toBe(0);
  expect(await node.succeed(["ps", "-ef"])).not.toContain("sleep 9999");
  expect(await clockOff(node)).toBeLessThan(500);
  await link(1);
  const random = async () => node.succeed(shell("head -c 16 /dev/urandom | od -An -tx1"));
  const first = await random();
  await node.revert("clean");
  expect(await random()).not.toBe(first);
  await expect(node.revert("nothing")).rejects.toMatchObject({ code: "no-snapshot" });

  const { bootId } = node.facts;
  await node.reboot();
  expect(node.facts.bootId).not.toBe(bootId);
  await node.reset();
  expect(node.facts.bootId).toBe(bootId);

  const screen = await node.screenshot();
  expect(Buffer.from(screen.subarray(1, 4)).toString()).toBe("PNG");
  const dump = join(tmpdir(), `assay-dump-${process.pid}`);
  await node.dumpMemory(dump);
  expect(statSync(dump).size).toBeGreaterThan(128 * 1024 ** 2);
  rmSync(dump);

  await node.succeed(shell("echo kept >/root/kept; sync"));
  await node.crash();
  await expect(node.exec(["true"])).rejects.toMatchObject({ name: "TransportError" });
  await node.start();
  expect(await node.succeed(["cat", "/root/kept"])).toBe("kept");
  await node.shutdown();
  await node.reset();
  expect((await node.exec(["ls", "/root/kept"])).status).not.toBe(0);
  expect(await node.console()).toContain("Linux version");
});

test("a carrier's shell, which is there before its own init is", { timeout: 900_000 }, async () => {
  const environment = defineEnvironment("early", {
    nodes: { node: vm({ image: machine, carrier: true, ready: { unit: "booted", within }, start: "boot" }) },
  });
  const { nodes } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  const unit = ["show", "--property=ActiveState,ConditionResult,NRestarts", "assay-guest-shell.service"] as const;
  const beside = "ActiveState=inactive\nConditionResult=no\nNRestarts=0";
  expect((await node.succeed(["systemctl", ...unit])).split("\n").sort().join("\n")).toBe(
    beside.split("\n").sort().join("\n"),
  );
  // As a unit's would be: signals as a login has them, and the guest's own tree.
  expect(await node.succeed(["grep", "^SigIgn", "/proc/self/status"])).toMatch(/\t0+$/);
  expect(await node.succeed(["readlink", "/proc/self/root"])).toBe("/");
  expect(await node.succeed(["findmnt", "-no", "FSTYPE", "/"])).toBe("ext4");
  const { bootId } = node.facts;
  await node.reboot();
  expect(node.facts.bootId).not.toBe(bootId);
  expect(await node.succeed(["systemctl", "show", "--property=ConditionResult", "assay-guest-shell.service"])).toBe(
    "ConditionResult=no",
  );
  await node.shutdown();
});

test("ssh, to a daemon of the harness's own", { timeout: 600_000 }, async () => {
  const environment = defineEnvironment("by-ssh", {
    networks: { lan: {} },
    nodes: { node: vm({ image: machine, networks: ["lan"], transport: "ssh", ready: { unit: "booted", within } }) },
  });
  const { nodes } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  expect(node.facts).toMatchObject({ access: "initrd", transport: "ssh" });
  expect(await node.succeed(["id", "-u"])).toBe("0");
  await node.succeed(["touch", "/root/dirt"]);
  await node.reset();
  expect((await node.exec(["ls", "/root/dirt"])).status).not.toBe(0);
  expect(await clockOff(node)).toBeLessThan(500);
});

test("a login at the console, on a disk that boots by itself with UEFI", { timeout: 900_000 }, async () => {
  const environment = defineEnvironment("by-console", {
    nodes: {
      node: vm({
        image: withLogin,
        boot: "disk",
        firmware: "uefi",
        access: { console: { user: "root", password } },
        ready: { unit: "booted", within },
      }),
    },
  });
  const { nodes } = await stage.standUp(environment);
  const node: VmNode = nodes.node;
  expect(node.facts).toMatchObject({ access: "console", transport: "ports" });
  expect(await node.succeed(["ls", "/sys/firmware"])).toContain("efi");
  await node.succeed(["touch", "/root/dirt"]);
  await node.reset();
  expect((await node.exec(["ls", "/root/dirt"])).status).not.toBe(0);
  await node.reboot();
  expect(await node.succeed(["echo", "again"])).toBe("again");
});

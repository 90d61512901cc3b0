// Decides that machines which start from one memory are machines of their own, and that whatever is wrong with what is kept ends
// in a boot that says why.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { readConfig } from "../config.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { VmNode } from "../model/node.ts";
import { secret } from "../model/secret.ts";
import { vm } from "../model/vm.ts";
import { stampOf } from "../store/verify-disk.ts";
import { openStage } from "../vitest/stage.ts";

const state = mkdtempSync(join(tmpdir(), "assay-warm-"));
// Whether guests are emulated here need not be found out again.
const known = join(readConfig().state, "accelerator.json");
if (existsSync(known)) copyFileSync(known, join(state, "accelerator.json"));
const stage = await openStage({ state });
afterAll(async () => {
  const reaped = await stage.close();
  rmSync(state, { recursive: true, force: true });
  expect(reaped).toMatchObject({ leaked: [] });
});

let stands = 0;
const start = (transport: "ports" | "ssh" = "ports") => {
  stands += 1;
  const node = vm({ image: machine, networks: ["lan"], transport, ready: { within: "300s" } });
  return stage.standUp(defineEnvironment(`warm${stands}`, { networks: { lan: {} }, nodes: { node } }));
};
const entry = () => {
  const room = join(state, "store", "warm");
  return join(room, readdirSync(room)[0] ?? "none");
};
/** What must be one machine's alone, each on a line. */
const own = async (node: VmNode) => {
  const text = await node.succeed(
    shell(
      [
        "cat /etc/machine-id /sys/class/net/en*/address",
        "cut -d ' ' -f 2 /etc/ssh/ssh_host_*_key.pub",
        "cksum </var/lib/systemd/random-seed",
        "cat /proc/sys/kernel/random/uuid",
        "ip -4 -br addr show scope global | awk '{print $3}'",
      ].join("; "),
    ),
  );
  return text.split("\n");
};
const password = secret("no password", "certainly-not");

beforeAll(async () => {
  const { nodes, takeDown } = await start();
  expect(nodes.node.facts).toMatchObject({ start: "booted", whyBooted: "no machine like it was kept" });
  await takeDown();
}, 400_000);

test("two that start from one memory share nothing, and are as sound as one that booted", {
  timeout: 400_000,
}, async () => {
  const pair = await Promise.all([start(), start()]);
  const nodes = pair.map((each): VmNode => each.nodes.node);
  const seen: string[][] = [];
  for (const node of nodes) {
    expect(node.facts).toMatchObject({ start: "warm" });
    expect(node.facts.whyBooted).toBeUndefined();
    const mine = await own(node);
    seen.push(mine);
    expect(mine.length).toBe(6);
    expect(mine).toContain(`${node.address("lan")}/24`);
    // Whoever connects sees the key that lies there.
    const { hostKey } = await node.login({ user: "root", password });
    expect(await node.succeed(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"])).toContain(hostKey);
    expect(Math.abs(Number(await node.succeed(["date", "+%s"])) - Date.now() / 1000)).toBeLessThan(3);
    expect(await node.succeed(["systemctl", "is-system-running"])).toBe("running");
    expect(await node.succeed(["journalctl", "-q", "-b", "-p", "err", "--no-pager"])).toBe("");
    expect(await node.succeed(["journalctl", "-q", "-b", "--no-pager"])).toContain("Linux version");
    expect(await node.console()).toContain("Linux version");
    expect(await node.succeed(["stat", "-c", "%a %U", "/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key"])).toBe(
      "444 root\n600 root",
    );
  }
  const [one = [], other = []] = seen;
  expect(one.filter((line) => other.includes(line))).toEqual([]);
  // Its verbs are those of any machine.
  const [node] = nodes as [VmNode];
  await node.succeed(["touch", "/root/dirt"]);
  await node.reset();
  expect((await node.exec(["ls", "/root/dirt"])).status).not.toBe(0);
  expect((await own(node)).slice(0, 4)).toEqual(one.slice(0, 4));
  await node.reboot();
  expect((await own(node)).slice(0, 3)).toEqual(one.slice(0, 3));
  for (const each of pair) await each.takeDown();
});

test("what is kept by another QEMU, or does not come to life, ends in a boot that says so", {
  timeout: 900_000,
}, async () => {
  const place = entry();
  const file = join(place, "entry.json");
  const told = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...told, host: "QEMU 0" }));
  const stranger = await start();
  expect(stranger.nodes.node.facts).toMatchObject({
    start: "booted",
    whyBooted: expect.stringContaining("kept by QEMU 0"),
  });
  await stranger.takeDown();

  // A disk without a memory in it.
  const disk = join(place, "disk.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", told.base, disk]);
  const now = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...now, files: { ...now.files, "disk.qcow2": stampOf(disk) } }));
  const lifeless = await start();
  expect(lifeless.nodes.node.facts).toMatchObject({
    start: "booted",
    whyBooted: expect.stringContaining("did not come to life"),
  });
  expect(await lifeless.nodes.node.succeed(["systemctl", "is-system-running"])).toBe("running");
  await lifeless.takeDown();
});

test("what is damaged is removed, and kept anew", { timeout: 600_000 }, async () => {
  truncateSync(join(entry(), "disk.qcow2"), 1000);
  const damaged = await start();
  expect(damaged.nodes.node.facts).toMatchObject({ start: "booted", whyBooted: expect.stringContaining("damaged") });
  await damaged.takeDown();
  const again = await start();
  expect(again.nodes.node.facts).toMatchObject({ start: "warm" });
  await again.takeDown();
});

test("over ssh, the keys of the new run are the ones that count", { timeout: 600_000 }, async () => {
  const booted = await start("ssh");
  expect(booted.nodes.node.facts).toMatchObject({ start: "booted", transport: "ssh" });
  await booted.takeDown();
  const { nodes, takeDown } = await start("ssh");
  expect(nodes.node.facts).toMatchObject({ start: "warm", transport: "ssh" });
  expect(await nodes.node.succeed(["id", "-u"])).toBe("0");
  await takeDown();
});

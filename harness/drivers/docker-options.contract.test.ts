// Decides that what is declared of a container's process, rights and limits is so, seen from inside and by the engine.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import type { ContainerNode } from "../model/node.ts";
import { secret } from "../model/secret.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";

const oneShot = { exited: true, within: "30s" } as const;
const environment = defineEnvironment("options", {
  nodes: {
    plain: container({ image: soe, idle: true }),
    words: container({
      image: soe,
      entrypoint: ["/bin/echo", "-n"],
      command: ["one two", "$HOME", "*"],
      ready: oneShot,
    }),
    command: container({ image: soe, command: ["sleep", "86400"] }),
    tag: container({ image: "vfx-studio-soe:0.1.0", idle: true, after: ["plain"] }),
    account: container({
      image: soe,
      idle: true,
      user: "1000:1234",
      workdir: "/usr/share",
      env: { PLAIN: "it's $HOME", EMPTY: "", HIDDEN: secret("option secret", "option-secret-value") },
      labels: { "example.team": "render" },
    }),
    limited: container({
      image: soe,
      idle: true,
      memory: "64m",
      cpus: 0.5,
      pids: 20,
      ulimits: { nofile: 512, nproc: { soft: 100, hard: 200 }, core: 0 },
    }),
    caps: container({ image: soe, idle: true, capabilities: { add: ["NET_ADMIN"], drop: ["CHOWN", "KILL"] } }),
    frozen: container({ image: soe, idle: true, readOnlyRoot: true }),
    readable: container({
      image: soe,
      idle: true,
      devices: { "/dev/kmsg": { path: "/dev/mine", rights: "r" } },
    }),
    writable: container({ image: soe, idle: true, devices: { "/dev/kmsg": { rights: "rw" } } }),
    healthy: container({
      image: soe,
      idle: true,
      health: { test: ["test", "-e", "/etc/passwd"], interval: "500ms", timeout: "2s", startPeriod: "1s", retries: 2 },
      ready: { healthy: true, within: "30s" },
    }),
    polite: container({
      image: soe,
      entrypoint: ["/bin/sh", "-c", "trap 'exit 7' USR1; echo up; while :; do sleep 86400 & wait $!; done"],
      stopSignal: "SIGUSR1",
      ready: { log: /up/ },
    }),
    stubborn: container({
      image: soe,
      entrypoint: ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 86400 & wait $!; done"],
      stopTimeout: "1s",
      ready: { log: /up/ },
    }),
  },
});

const privileged = defineEnvironment("privileged", {
  nodes: { privileged: container({ image: soe, idle: true, privileged: true }) },
});

onEachEngine((engine) => {
  let stage: Stage;
  let staged: Staged<typeof environment>;
  let nodes: Staged<typeof environment>["nodes"];

  beforeAll(async () => {
    stage = await openStage(engine);
    staged = await stage.standUp(environment);
    nodes = staged.nodes;
  });
  afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

  /** The words of a node's main process. */
  async function mainWords(node: ContainerNode): Promise<string[]> {
    return (await node.succeed(["cat", "/proc/1/cmdline"])).split("\0").slice(0, -1);
  }

  /** What a process of the node may do: the effective set, as a number. */
  async function rights(node: ContainerNode): Promise<bigint> {
    const status = await node.succeed(["grep", "^CapEff:", "/proc/1/status"]);
    return BigInt(`0x${status.split("\t")[1]}`);
  }

  /** A limit of the node's control group, under its name in version 1 or 2. */
  function limit(node: ContainerNode, v1: string, v2: string): Promise<string> {
    return node.succeed(shell(`cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`));
  }

  describe("image and process", () => {
    test("a recipe's image is used by its id", async () => {
      const { id, tags } = await nodes.plain.image();
      expect(tags).toContain("vfx-studio-soe:0.1.0");
      expect((await staged.inspect("plain")).Image).toBe(id);
    });

    test("an image named by its tag is the one the engine has", async () => {
      expect((await nodes.tag.image()).id).toBe((await nodes.plain.image()).id);
    });

    test("idle replaces entrypoint and command by a process that waits", async () => {
      expect((await mainWords(nodes.plain))[0]).toBe("/bin/sh");
      expect((await nodes.plain.state()).status).toBe("running");
    });

    test("entrypoint and command are words, passed as they are", async () => {
      expect(await nodes.words.logs()).toBe("one two $HOME *");
      expect(await nodes.words.state()).toMatchObject({ status: "exited", exitCode: 0 });
    });

    test("a command alone replaces the image's", async () => {
      expect(await mainWords(nodes.command)).toEqual(["sleep", "86400"]);
    });
  });

  describe("account and surroundings", () => {
    test("user: the main process and commands run as it", async () => {
      expect(await nodes.account.succeed(["id", "-u"])).toBe("1000");
      expect(await nodes.account.succeed(["id", "-g"])).toBe("1234");
      expect(await nodes.account.succeed(["stat", "-c", "%u:%g", "/proc/1"])).toBe("1000:1234");
    });

    test("workdir: where commands start", async () => {
      expect(await nodes.account.succeed(["pwd"])).toBe("/usr/share");
    });

    test("env: values arrive as they are, secrets too", async () => {
      const seen = await nodes.account.succeed(shell('printf "%s|%s|%s" "$PLAIN" "$EMPTY" "$HIDDEN"'));
      expect(seen).toBe("it's $HOME||option-secret-value");
      expect((await staged.inspect("account")).Config.Env).toContain("EMPTY=");
    });

    test("labels: beside those that say whose it is", async () => {
      expect((await staged.inspect("account")).Config.Labels).toMatchObject({
        "example.team": "render",
        "dev.assay.run": stage.run,
        "dev.assay.node": "account",
      });
    });
  });

  describe("limits", () => {
    test("memory: no more than declared", async () => {
      expect(await limit(nodes.limited, "memory/memory.limit_in_bytes", "memory.max")).toBe(String(64 * 1024 * 1024));
    });

    test("cpus: that share of time", async () => {
      const quota = await limit(nodes.limited, "cpu/cpu.cfs_quota_us", "cpu.max");
      expect(quota.split(" ")[0]).toBe("50000");
      expect((await staged.inspect("limited")).HostConfig.NanoCpus).toBe(500_000_000);
    });

    test("pids: no process beyond that number", async () => {
      expect(await limit(nodes.limited, "pids/pids.max", "pids.max")).toBe("20");
      const { stderr } = await nodes.limited.fail(["sh", "-c", "for i in $(seq 40); do sleep 5 & done"]);
      expect(stderr).toMatch(/fork/i);
    });

    test("ulimits: one number for both, or soft and hard apart", async () => {
      const limits = await nodes.limited.succeed(["cat", "/proc/1/limits"]);
      expect(limits).toMatch(/^Max open files\s+512\s+512\s/m);
      expect(limits).toMatch(/^Max processes\s+100\s+200\s/m);
      expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    });

    test("what is not limited is as the engine gives it", async () => {
      expect((await staged.inspect("plain")).HostConfig).toMatchObject({ Memory: 0, NanoCpus: 0, Privileged: false });
    });
  });

  describe("rights", () => {
    const chown = 1n << 0n;
    const kill = 1n << 5n;
    const netAdmin = 1n << 12n;
    const sysAdmin = 1n << 21n;

    test("capabilities: added and dropped, and no others changed", async () => {
      const usual = await rights(nodes.plain);
      expect(usual & (chown | kill | netAdmin)).toBe(chown | kill);
      expect(await rights(nodes.caps)).toBe((usual | netAdmin) & ~(chown | kill));
      const { stderr } = await nodes.caps.fail(["chown", "1000", "/etc/hostname"]);
      expect(stderr).toContain("Operation not permitted");
      await nodes.caps.succeed(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]);
    });

    test("privileged: all rights and all devices, or a refusal that names what the engine itself lacks", async () => {
      const host = BigInt(`0x${/^CapBnd:\t(\w+)$/m.exec(readFileSync("/proc/1/status", "utf8"))?.[1]}`);
      const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
      // Podman gives what there is, and says nothing of the rest.
      if (engine.engine === "docker" && host !== (1n << BigInt(last + 1)) - 1n) {
        await expect(stage.standUp(privileged)).rejects.toMatchObject({ code: "rights-missing" });
        return;
      }
      const { nodes: live, takeDown } = await stage.standUp(privileged);
      expect((await rights(live.privileged)) & sysAdmin).toBe(sysAdmin);
      await live.privileged.succeed(["mount", "-t", "tmpfs", "none", "/mnt"]);
      await live.privileged.succeed(["test", "-c", "/dev/kmsg"]);
      await takeDown();
    });

    test("not privileged: no mounts, no devices of the host", async () => {
      await nodes.plain.fail(["mount", "-t", "tmpfs", "none", "/mnt"]);
      await nodes.plain.fail(["test", "-e", "/dev/kmsg"]);
    });

    test("readOnlyRoot: nothing can be written", async () => {
      const { stderr } = await nodes.frozen.fail(["touch", "/here"]);
      expect(stderr).toContain("Read-only file system");
      await nodes.plain.succeed(["touch", "/here"]);
    });

    test("devices: at the declared path, with the declared rights and no more", async () => {
      expect(await nodes.readable.succeed(["stat", "-c", "%F %t:%T", "/dev/mine"])).toBe("character special file 1:b");
      const { stderr } = await nodes.readable.fail(["sh", "-c", "true >>/dev/mine"]);
      expect(stderr).toContain("Operation not permitted");
      await nodes.writable.succeed(["sh", "-c", "true >>/dev/kmsg"]);
    });
  });

  describe("health and end", () => {
    test("health: the engine asks as declared, and its answer is the node's state", async () => {
      expect((await nodes.healthy.state()).health).toBe("healthy");
      expect((await nodes.plain.state()).health).toBe("none");
      expect((await staged.inspect("healthy")).Config.Healthcheck).toEqual({
        Test: ["CMD", "test", "-e", "/etc/passwd"],
        Interval: 500_000_000,
        Timeout: 2_000_000_000,
        StartPeriod: 1_000_000_000,
        Retries: 2,
      });
    });

    test("stopSignal: is what stop sends", async () => {
      expect((await nodes.polite.stop()).status).toBe(7);
    });

    test("stopTimeout: who does not go in that time is killed", async () => {
      const { status, tookMs } = await nodes.stubborn.stop();
      expect(status).toBe(137);
      expect(tookMs).toBeGreaterThanOrEqual(1000);
      expect((await staged.inspect("stubborn")).Config.StopTimeout).toBe(1);
    });
  });
});

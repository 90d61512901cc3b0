// Decides that what a container node can do does what its contract says, on every real engine.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { shell } from "../model/exec.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage, type Staged } from "../vitest/stage.ts";

const late =
  "trap 'echo bye; exit 5' TERM; sleep 0.3; echo up; echo warned >&2; while :; do sleep 86400 & wait $!; done";
const environment = defineEnvironment("verbs", {
  nodes: {
    box: container({ image: soe, idle: true }),
    daemon: container({ image: soe, entrypoint: ["/bin/sh", "-c", late], ports: [80], ready: { log: /up/ } }),
    mortal: container({
      image: soe,
      entrypoint: ["/bin/sh", "-c", "echo waiting; while [ ! -e /end ]; do sleep 0.1; done; echo ending >&2; exit 3"],
      ready: { log: /waiting/ },
    }),
    asleep: container({ image: soe, idle: true }),
  },
});
const here = mkdtempSync(join(tmpdir(), "assay-verbs-"));

onEachEngine((engine) => {
  let stage: Stage;
  let nodes: Staged<typeof environment>["nodes"];

  beforeAll(async () => {
    stage = await openStage(engine);
    nodes = (await stage.standUp(environment)).nodes;
  });
  afterAll(async () => {
    const { leaked } = await stage.close();
    rmSync(here, { recursive: true, force: true });
    expect(leaked).toEqual([]);
  });

  describe("commands", () => {
    test("exec: any status is an answer", async () => {
      const result = await nodes.box.exec(shell("echo out; echo err >&2; exit 9"));
      expect(result).toMatchObject({ status: 9, stdout: "out\n", stderr: "err\n", signal: undefined });
    });

    test("succeed: the output without its last newline, or an assertion that quotes command and words", async () => {
      expect(await nodes.box.succeed(["printf", "a\n\n"])).toBe("a\n");
      await expect(nodes.box.succeed(["ls", "/no such"])).rejects.toMatchObject({
        name: "AssertionError",
        message: expect.stringMatching(
          /^verbs\/box: "ls '\/no such'" ended with status 2, expected status 0; it said: .*No such file/,
        ),
      });
    });

    test("fail: any status but 0, or an assertion", async () => {
      expect((await nodes.box.fail(["false"])).status).toBe(1);
      await expect(nodes.box.fail(["true"])).rejects.toThrow("expected another status than 0");
    });

    test("as: another user for commands, by number and by name, and the node itself is unchanged", async () => {
      expect(await nodes.box.as("1000:2000").succeed(["id", "-u"])).toBe("1000");
      expect(await nodes.box.as("1000:2000").succeed(["id", "-g"])).toBe("2000");
      expect(await nodes.box.as("studio").succeed(["id", "-un"])).toBe("studio");
      expect(await nodes.box.as("studio").succeed(["id", "-un"], { user: "root" })).toBe("root");
      expect(await nodes.box.succeed(["id", "-u"])).toBe("0");
    });

    test("as: a user that the image does not know is said to be so", async () => {
      await expect(nodes.box.as("nobody-here").exec(["true"])).rejects.toMatchObject({
        name: "TransportError",
        message: expect.stringMatching(/verbs\/box.*nobody-here/),
      });
    });

    test("a hung command is killed at its deadline, and the message names it", async () => {
      await expect(nodes.box.exec(["sleep", "4711"], { timeoutMs: 300 })).rejects.toMatchObject({
        code: "deadline",
        message: expect.stringContaining('exec verbs/box: "sleep 4711" had not ended after 300 ms and was killed'),
      });
      expect(await nodes.box.exec(shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))).toMatchObject({
        stdout: expect.not.stringContaining("sleep 4711"),
      });
    });
  });

  describe("copying", () => {
    test("copyTo and copyFrom: files, directories, links, modes and bytes", async () => {
      const bytes = Buffer.from([0, 1, 2, 255, 10, 13]);
      mkdirSync(join(here, "tree/inner"), { recursive: true });
      writeFileSync(join(here, "tree/inner/bytes"), bytes);
      chmodSync(join(here, "tree/inner/bytes"), 0o640);
      symlinkSync("inner/bytes", join(here, "tree/link"));
      await nodes.box.copyTo(join(here, "tree"), "/srv");
      expect(await nodes.box.succeed(["stat", "-c", "%u:%g %a %s", "/srv/tree/inner/bytes"])).toBe("0:0 640 6");
      expect(await nodes.box.succeed(["readlink", "/srv/tree/link"])).toBe("inner/bytes");
      mkdirSync(join(here, "back"));
      await nodes.box.copyFrom("/srv/tree", join(here, "back"));
      expect(readFileSync(join(here, "back/tree/link"))).toEqual(bytes);
      expect(statSync(join(here, "back/tree/inner/bytes")).mode & 0o7777).toBe(0o640);
    });

    test("what is not there is named, on either side", async () => {
      await expect(nodes.box.copyTo(join(here, "nothing"), "/srv")).rejects.toMatchObject({
        code: "copy-failed",
        message: expect.stringMatching(/nothing.*No such file/),
      });
      writeFileSync(join(here, "one"), "1");
      await expect(nodes.box.copyTo(join(here, "one"), "/no/such")).rejects.toMatchObject({
        name: "ProvisionError",
        message: expect.stringMatching(/verbs\/box.*\/no\/such/),
      });
      await expect(nodes.box.copyFrom("/no/such", here)).rejects.toThrow(/verbs\/box.*\/no\/such/);
      await expect(nodes.box.copyFrom("/etc/hostname", join(here, "nowhere"))).rejects.toThrow(/nowhere/);
    });
  });

  describe("lives", () => {
    test("logs: both streams of the main process", async () => {
      const lines = (await nodes.daemon.logs()).trimEnd().split("\n");
      expect(lines.sort()).toEqual(["up", "warned"]);
    });

    test("stop: the status it ended with; a second time changes nothing", async () => {
      expect((await nodes.daemon.stop()).status).toBe(5);
      expect((await nodes.daemon.stop()).status).toBe(5);
      expect(await nodes.daemon.state()).toMatchObject({ status: "exited", exitCode: 5 });
      expect(await nodes.daemon.logs()).toContain("bye");
    });

    test("a command to a stopped node is refused at once, saying how it ended", async () => {
      await expect(nodes.daemon.exec(["true"])).rejects.toMatchObject({
        name: "TransportError",
        code: "died",
        message: expect.stringMatching(/exited with status 5; its last lines: .*bye/),
      });
    });

    test("start: ready again means ready in this life, and everything works as before", async () => {
      await nodes.daemon.start();
      expect((await nodes.daemon.logs()).match(/up/g)).toHaveLength(2);
      await nodes.daemon.start();
      expect(await nodes.daemon.succeed(["echo", "again"])).toBe("again");
      expect(nodes.daemon.port(80).port).toBeGreaterThan(0);
    });

    test("restart: stop and start; what the container wrote is still there", async () => {
      await nodes.daemon.succeed(["touch", "/kept"]);
      await nodes.daemon.restart();
      expect((await nodes.daemon.logs()).match(/up/g)).toHaveLength(3);
      await nodes.daemon.succeed(["test", "-e", "/kept"]);
    });

    test("kill: at once by default, or the signal that is asked for", async () => {
      await nodes.daemon.kill();
      expect(await nodes.daemon.state()).toMatchObject({ status: "exited", exitCode: 137, oomKilled: false });
      await nodes.daemon.start();
      await nodes.daemon.kill("SIGTERM");
      expect(await nodes.daemon.died).toMatchObject({ status: 5 });
      await nodes.daemon.start();
    });

    test("pause: nothing runs, and a command's deadline says why; unpause: it goes on", async () => {
      await nodes.asleep.succeed(["true"]);
      await nodes.asleep.pause();
      expect((await nodes.asleep.state()).status).toBe("paused");
      await expect(nodes.asleep.exec(["true"], { timeoutMs: 300 })).rejects.toMatchObject({
        code: "paused",
        message: expect.stringContaining("paused"),
      });
      await nodes.asleep.unpause();
      expect(await nodes.asleep.succeed(["echo", "awake"])).toBe("awake");
    });
  });

  describe("deaths", () => {
    test("died: settles with status and last lines when the main process ends, and what runs is rejected so", async () => {
      const running = expect(nodes.mortal.exec(["sleep", "300"])).rejects.toMatchObject({
        code: "died",
        message: expect.stringContaining("the container exited with status 3; its last lines: waiting | ending"),
      });
      // It may be over before it is told that this is done.
      await nodes.mortal.exec(["touch", "/end"]).catch(() => undefined);
      expect(await nodes.mortal.died).toEqual({ status: 3, oomKilled: false, lastLines: ["waiting", "ending"] });
      await running;
    });

    test("died: a container whose memory is used up says that it was killed for it", async ({ skip }) => {
      if (engine.engine === "podman") skip("podman 4.3 does not tell that a container was killed for want of memory");
      // The shell outlives what is killed for its memory, and ends as that did.
      const eat = "python3 -c 'x = bytearray(200 << 20)'; status=$?; sleep 1; exit $status";
      const hungry = defineEnvironment("hungry", {
        nodes: { eater: container({ image: soe, entrypoint: ["/bin/sh", "-c", eat], memory: "32m" }) },
      });
      const { nodes: live, takeDown } = await stage.standUp(hungry);
      expect(await live.eater.died).toMatchObject({ status: 137, oomKilled: true });
      await takeDown();
    });
  });
});

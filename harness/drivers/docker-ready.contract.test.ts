// Decides that a node is ready when its declaration says so and not before, and that a node that cannot become ready says why.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { file } from "../checks/file.ts";
import { pkg } from "../checks/package.ts";
import type { Check } from "../model/check.ts";
import { type ContainerOptions, container } from "../model/container.ts";
import { when } from "../model/edge.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { Node } from "../model/node.ts";
import { standUpsIn } from "../reporting/stand-ups.ts";
import { onEachEngine } from "../vitest/each-engine.ts";
import { openStage, type Stage } from "../vitest/stage.ts";

onEachEngine((engine) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage(engine);
  });
  afterAll(async () => expect((await stage.close()).leaked).toEqual([]));

  const waits = "while :; do sleep 86400 & wait $!; done";
  const one = (script: string, options: Partial<ContainerOptions>) =>
    defineEnvironment("ready", {
      nodes: { box: container({ image: soe, entrypoint: ["/bin/sh", "-c", script], ...options }) },
    });

  describe("ready", () => {
    test.each([
      [
        "a log line, in parts and on standard error",
        { log: /^now ready$/ },
        "printf 'now ' >&2; sleep 0.2; echo ready >&2",
      ],
      ["a port that listens", { port: 7777 }, "sleep 0.2; python3 -m http.server 7777 &"],
      ["a check that is met", { check: file("/made").isFile() }, "sleep 0.2; touch /made"],
      [
        "all conditions together",
        { log: /up/, port: 7777, check: file("/made").exists() },
        "echo up; python3 -m http.server 7777 & sleep 0.2; touch /made",
      ],
    ])("%s", async (_, ready, script) => {
      const { nodes, takeDown } = await stage.standUp(
        one(`${script}\n${waits}`, { ready: { ...ready, within: "30s" } }),
      );
      if ("log" in ready) expect(await nodes.box.logs()).toMatch(/ready|up/);
      if ("port" in ready)
        await nodes.box.succeed(["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 7777))"]);
      if ("check" in ready) await nodes.box.succeed(["test", "-e", "/made"]);
      await takeDown();
    });

    test("healthy: when the engine's health check says so", async () => {
      const health = { test: ["test", "-e", "/made"], interval: "200ms" as const, retries: 100 };
      const { nodes, takeDown } = await stage.standUp(
        one(`sleep 0.5; touch /made; ${waits}`, { health, ready: { healthy: true, within: "30s" } }),
      );
      expect((await nodes.box.state()).health).toBe("healthy");
      await takeDown();
    });

    test("exited: a one-shot container has done its work, and its log is there", async () => {
      const { nodes, takeDown } = await stage.standUp(one("sleep 0.2; echo done", { ready: { exited: true } }));
      expect(await nodes.box.state()).toMatchObject({ status: "exited", exitCode: 0 });
      expect(await nodes.box.logs()).toBe("done\n");
      await takeDown();
    });

    test("exited with a status: a refusal is what was expected", async () => {
      const { nodes, takeDown } = await stage.standUp(one("echo no licence; exit 100", { ready: { exited: 100 } }));
      expect(await nodes.box.state()).toMatchObject({ status: "exited", exitCode: 100 });
      await nodes.box.start();
      await takeDown();
      await expect(stage.standUp(one("exit 1", { ready: { exited: 100 } }))).rejects.toMatchObject({ code: "died" });
      await expect(stage.standUp(one("true", { ready: { exited: 100 } }))).rejects.toMatchObject({ code: "died" });
    });
  });

  test("started: how it ends is for others to say, and one that has ended already is no error", async () => {
    const { nodes, takeDown } = await stage.standUp(one("exit 100", { ready: { started: true } }));
    await nodes.box.died;
    expect(await nodes.box.state()).toMatchObject({ status: "exited", exitCode: 100 });
    await nodes.box.start({ ready: { started: true } });
    await takeDown();
    expect(() => one("true", { ready: { started: true, port: 1 } })).toThrow("waits for nothing more");
  });

  test("started again, it is ready as that start says", async () => {
    const script = `[ -e /made ] || { touch /made; exit 100; }; echo up; ${waits}`;
    const { nodes, takeDown } = await stage.standUp(one(script, { ready: { exited: 100 } }));
    await nodes.box.start({ ready: { log: /up/ } });
    expect((await nodes.box.state()).status).toBe("running");
    await nodes.box.kill();
    await expect(nodes.box.start({ ready: { exited: 100, within: "1s" } })).rejects.toMatchObject({
      code: "not-ready",
      message: expect.stringContaining("still waiting for exited with status 100"),
    });
    await expect(nodes.box.start({ ready: { exited: 256 } })).rejects.toMatchObject({ code: "bad-option" });
    await takeDown();
  });

  describe("an edge with a condition", () => {
    const two = (first: string, within: "20s" | "3s" = "20s") =>
      defineEnvironment("ready", {
        nodes: {
          first: container({ image: soe, entrypoint: ["/bin/sh", "-c", first] }),
          second: container({
            image: soe,
            idle: true,
            after: [when("first", file("/made").hasContents("whole"), { within })],
          }),
        },
      });

    test("the second is started when the first meets it, and not when that is ready", async () => {
      const { nodes, takeDown } = await stage.standUp(two(`touch /made; sleep 0.7; echo -n whole >/made; ${waits}`));
      const made = Number(await nodes.first.succeed(["stat", "--format=%.3Y", "/made"]));
      const began = Number(await nodes.second.succeed(["stat", "--format=%.3Y", "/proc/1"]));
      expect(began).toBeGreaterThan(made);
      await takeDown();
      const phases = standUpsIn(stage.events, Date.now())
        .at(-1)
        ?.nodes.find(({ node }) => node === "second")?.phases;
      expect(phases?.filter(({ state }) => state !== "done")).toEqual([]);
      expect(phases?.find(({ detail }) => detail?.startsWith("waiting until first: "))?.ms).toBeGreaterThan(500);
    });

    test("the first has the processors before others until it is ready, where the engine can be told that it is", async () => {
      const weight = "cat /sys/fs/cgroup/cpu.weight 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.shares";
      const { nodes, takeDown } = await stage.standUp(two(`(${weight}) >/weight; echo -n whole >/made; ${waits}`));
      const began = Number(await nodes.first.succeed(["cat", "/weight"]));
      const [first, second] = await Promise.all(
        [nodes.first, nodes.second].map(async (node) => Number(await node.succeed(["/bin/sh", "-c", weight]))),
      );
      expect(first).toBe(second);
      expect(began / Number(first) > 7).toBe(engine.engine === "docker");
      await takeDown();
    });

    test("at its deadline: who waits for what, and what was seen last", async () => {
      // Long enough for one answer on a busy machine.
      await expect(stage.standUp(two(`echo -n half >/made; ${waits}`, "3s"))).rejects.toMatchObject({
        code: "not-ready",
        message: expect.stringMatching(
          /^create ready\/second: not started, because it waits for "file \/made .*" of ready\/first: not so after 3\.0s \(last: .*half.*\)/,
        ),
      });
      expect(await stage.found()).toEqual([]);
    });

    test("a first one that ends is told at once", async () => {
      await expect(stage.standUp(two("sleep 0.5; exit 3"))).rejects.toMatchObject({
        code: "died",
        message: expect.stringContaining("of ready/first: it ended (status 3)"),
      });
      expect(await stage.found()).toEqual([]);
    });
  });

  describe("not ready", () => {
    test.each([
      ["a log line", { log: /never/ }],
      ["a port", { port: 7777 }],
      ["healthy", { healthy: true }],
      ["a check", { check: file("/never").exists() }],
      ["several", { log: /never/, port: 7777 }],
    ] as const)(
      "waiting for %s, a container that dies is told at once, with status and last lines",
      async (_, ready) => {
        const health = { test: ["false"] };
        const dying = one("echo starting; echo cannot open /data >&2; sleep 0.3; exit 3", {
          health,
          ready: { ...ready, within: "10m" },
        });
        await expect(stage.standUp(dying)).rejects.toMatchObject({
          name: "ProvisionError",
          code: "died",
          message: expect.stringMatching(
            /^ready ready\/box: the container exited with status 3; its last lines: .*cannot open \/data.*; the whole log is in the run's evidence$/,
          ),
        });
        expect(await stage.found()).toEqual([]);
      },
    );

    test("without conditions, a main process that has ended already is told too", async () => {
      await expect(
        stage.standUp(one("echo no licence; exit 4", { ready: { log: /no licence/, port: 1 } })),
      ).rejects.toThrow("exited with status 4; its last lines: no licence");
      const gone = defineEnvironment("ready", {
        nodes: {
          box: container({ image: soe, entrypoint: ["false"] }),
          // Started after it, so that it has ended when it is looked at again.
          later: container({ image: soe, idle: true, after: ["box"] }),
        },
      });
      const outcome = await stage.standUp(gone).then(
        async ({ nodes, takeDown }) => {
          const refused = await nodes.box.exec(["true"]).catch((error: unknown) => error);
          await takeDown();
          return refused;
        },
        (error: unknown) => error,
      );
      expect(outcome).toMatchObject({ code: "died", message: expect.stringContaining("exited with status 1") });
    });

    test("a one-shot container that fails is told with its status", async () => {
      await expect(stage.standUp(one("echo half done; exit 9", { ready: { exited: true } }))).rejects.toMatchObject({
        code: "died",
        message: expect.stringContaining("exited with status 9; its last lines: half done"),
      });
    });

    test("at the deadline: what is still waited for, and the last log line", async () => {
      const ready = { log: /never/, port: 7777, within: "600ms" } as const;
      await expect(stage.standUp(one(`echo loading; ${waits}`, { ready }))).rejects.toMatchObject({
        code: "not-ready",
        message: expect.stringContaining(
          'not ready after 600ms: still waiting for a log line that matches /never/ and listening on port 7777; last log line: "loading"',
        ),
      });
      expect(await stage.found()).toEqual([]);
    });

    test("at the deadline: what a check saw last, also when it could not ask", async () => {
      const rejected = (check: Check<Node>) =>
        stage.standUp(one(`mv /var/lib/dpkg/status /away; ${waits}`, { ready: { check, within: "1s" } })).catch(String);
      expect(await rejected(file("/never").exists())).toMatch(/\/never exists \(last: .+\)/);
      expect(await rejected(pkg("bash").isInstalled())).toMatch(/\(last: .*no database of packages/);
    });
  });
});

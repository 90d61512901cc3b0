// Decides what the user sees when the engine itself fails: not there, too old, full, gone in mid-run, back again. On engines of the
// tests' own; the machine's is only asked for its version.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { readConfig } from "../config.ts";
import { container, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { openDockerDriver } from "./by-kind.ts";
import { PrivateEngine } from "./testing/private-engine.ts";

const here = mkdtempSync(join(tmpdir(), "assay-engine-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

const one = defineEnvironment("one", {
  volumes: { data: {} },
  nodes: { box: container({ image: soe, idle: true, mounts: { "/data": volume("data") } }) },
});

let ledgers = 0;
/** A run on another engine than the machine's, in a ledger that goes with the test. */
function stageOn(engine: PrivateEngine): Promise<Stage> {
  ledgers += 1;
  return openStage({ dockerHost: engine.host, ledger: join(here, `${ledgers}.db`) });
}

describe("an engine that is no use", () => {
  test.each([
    ["no socket", "unix:///no/such/docker.sock"],
    ["nobody behind the address", "tcp://127.0.0.1:9"],
  ])("%s: it is down, and what to do is said", async (_, dockerHost) => {
    const driver = await openDockerDriver({ dockerHost, scratch: here });
    await expect(driver.probe()).rejects.toMatchObject({
      code: "engine-down",
      message: expect.stringMatching(/^setup: the docker engine does not answer \(.+\); run `assay setup`/),
    });
    await driver.close();
  });

  test("too old: its version, the one that is needed, and nothing is asked beyond that", async () => {
    const asked: string[] = [];
    const socket = join(here, "old.sock");
    const old = await answeringApi("1.40", socket, asked);
    const driver = await openDockerDriver({ dockerHost: `unix://${socket}`, scratch: here });
    await expect(driver.probe()).rejects.toMatchObject({
      code: "engine-too-old",
      message: expect.stringMatching(
        /^setup: docker \S+ speaks API 1\.40, Assay needs 1\.41; install docker\.io 20\.10/,
      ),
    });
    await driver.close();
    old.close();
    expect(asked).toEqual(["GET /version"]);
  });
});

/** The machine's engine, but for the API version it tells. */
async function answeringApi(ApiVersion: string, socket: string, asked: string[]): Promise<Server> {
  const socketPath = readConfig().dockerHost?.replace(/^unix:\/\//, "") ?? "/var/run/docker.sock";
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    const { method, url: path, headers } = req;
    const onward = request({ socketPath, method, path, headers }, async (answer) => {
      const body = await buffer(answer);
      const told = req.url?.endsWith("/version") ? JSON.stringify({ ...JSON.parse(String(body)), ApiVersion }) : body;
      res.writeHead(answer.statusCode ?? 500, { "content-type": "application/json" }).end(told);
    });
    req.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}

describe("a full disk", () => {
  test("is told as that, with where to look, and nothing is left", async () => {
    const engine = await PrivateEngine.start({ size: "64m" });
    try {
      const stage = await stageOn(engine);
      await expect(stage.standUp(one)).rejects.toMatchObject({
        name: "ProvisionError",
        code: "disk-full",
        message: expect.stringMatching(/no space left on device; free space where the engine keeps its data/),
      });
      expect(await stage.found()).toEqual([]);
      expect(await stage.close()).toMatchObject({ created: 0, leaked: [] });
    } finally {
      await engine.close();
    }
  });
});

describe("an engine that goes away in mid-run", () => {
  let engine: PrivateEngine;
  let stage: Stage;
  beforeAll(async () => {
    engine = await PrivateEngine.start({ size: "2g" });
    stage = await stageOn(engine);
    // The image is loaded once, for all of them.
    await (await stage.standUp(one)).takeDown();
  });
  afterAll(async () => {
    await stage.close();
    await engine.close();
  });
  afterEach(async () => expect(await stage.found()).toEqual([]));

  test("restarted: what ran is told as ended, what comes after works, and nothing is left", async () => {
    const { nodes, takeDown } = await stage.standUp(one);
    await nodes.box.succeed(["true"]); // the shell is there
    const running = expect(nodes.box.exec(["sleep", "300"])).rejects.toMatchObject({
      name: "TransportError",
      message: expect.stringMatching(/^exec one\/box: .*(exited with status|was lost)/),
    });
    await engine.stop();
    await running;
    expect(await nodes.box.died).toMatchObject({ oomKilled: false });
    await engine.start();
    await expect(nodes.box.exec(["true"])).rejects.toMatchObject({ name: "TransportError" });
    // Its events end with an engine; the next life's end is heard all the same.
    await nodes.box.start();
    await nodes.box.kill();
    expect(await nodes.box.state()).toMatchObject({ status: "exited", exitCode: 137 });
    const again = await stage.standUp(one);
    expect(await again.nodes.box.succeed(["echo", "back"])).toBe("back");
    await again.takeDown();
    await takeDown();
  });

  test("killed while a command runs: told at once, with the engine as the reason", async () => {
    const { nodes, takeDown } = await stage.standUp(one);
    await nodes.box.succeed(["true"]);
    const running = nodes.box.exec(["sleep", "300"]).catch((error: unknown) => error);
    await engine.kill();
    expect(await running).toMatchObject({ name: "TransportError", message: expect.stringMatching(/one\/box/) });
    await expect(nodes.box.state()).rejects.toMatchObject({
      code: "engine-lost",
      message: expect.stringContaining("the engine went away in mid-run"),
    });
    await engine.start();
    // What comes after is a life of its own, and its end is told.
    await nodes.box.start();
    const { died } = nodes.box;
    execFileSync("docker", ["--host", engine.host, "kill", nodes.box.id], { stdio: "ignore" });
    expect(await died).toMatchObject({ status: 137, oomKilled: false });
    await takeDown();
  });

  test("killed while a node is waited for: told at once, not at the deadline", async () => {
    const waiting = defineEnvironment("waiting", {
      nodes: { box: container({ image: soe, idle: true, ready: { log: /never/, within: "10m" } }) },
    });
    const waitedFor = stage.next((event) => event.event === "phase" && event.phase === "ready");
    const standing = stage.standUp(waiting).catch((error: unknown) => error);
    await waitedFor;
    await engine.kill();
    expect(await standing).toMatchObject({
      name: "ProvisionError",
      message: expect.stringMatching(
        /^(ready|connect) waiting\/box: .*(was lost with the engine|the engine went away)/,
      ),
    });
    await engine.start();
    expect((await stage.close()).leaked).toEqual([]);
    stage = await stageOn(engine);
  });
});

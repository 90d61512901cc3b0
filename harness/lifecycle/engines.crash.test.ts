// Decides that a run whose engine is not this machine's docker leaves nothing either when it is killed: on podman, and on an engine
// reached through ssh, where whoever clears up later has no word of that address but the ledger's.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver, DockerDriverOptions } from "../drivers/docker.ts";
import { PrivateEngine } from "../drivers/testing/private-engine.ts";
import { isListening } from "../host/socket.ts";
import { Store } from "../store/store.ts";
import { type PrivateSshd, privateSshd, sshdPath } from "../transports/testing/private-sshd.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";

/** A driver whose engine has the image that the runs are of. */
async function withImage(options: DockerDriverOptions): Promise<DockerDriver> {
  const driver = await openDockerDriver(options);
  const store = new Store({ directory: readConfig().store, environment: proxies() });
  const { image } = await store.build(soe, { source: driver.images });
  await driver.load(image);
  return driver;
}

/** After a create that nobody wrote down the end of, and while things are taken down. */
const steps = ["worker:3", "worker:14"];

describe("on podman", () => {
  const { engineHosts, scratch } = readConfig();
  const socket = engineHosts.podman.replace(/^unix:\/\//, "");
  if (socket.startsWith("/") && !isListening(socket)) {
    test("the suite", ({ skip }) => {
      skip(`no podman service listens at ${socket}: ASSAY_ENGINE=podman assay setup --yes starts one`);
    });
    return;
  }

  let driver: DockerDriver;
  beforeAll(async () => {
    driver = await withImage({ engine: "podman", dockerHost: engineHosts.podman, scratch });
  });
  afterAll(() => driver.close());
  const stageOf = () =>
    new RunStage({ env: { ...process.env, ASSAY_ENGINE: "podman" }, subject: "small.subject", drivers: [driver] });

  test("a run that nobody kills is met there", async () => {
    using stage = stageOf();
    const { code, output } = await stage.start().ended;
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringMatching(/podman \d/) });
    expect(await stage.left()).toEqual(nothing);
  });

  test.each(steps)("the supervisor killed at %s: its reaper leaves nothing", async (step) => {
    using stage = stageOf();
    expect(await stage.start(`kill:supervisor@${step}`).ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  });

  test("all of it killed: gc leaves nothing, also where docker is the engine", async () => {
    using stage = stageOf();
    await stage.start("kill:group+reaper@worker:9").ended;
    expect(await stage.left()).not.toEqual(nothing);
    expect(await stage.gc({ ASSAY_ENGINE: "docker" })).toMatchObject({ code: 0 });
    expect(await stage.left()).toEqual(nothing);
  });
});

describe("through ssh", () => {
  if (!existsSync(sshdPath)) {
    test("the suite", ({ skip }) => skip(`${sshdPath} is not there: apt-get install openssh-server`));
    return;
  }

  const directory = mkdtempSync(join(tmpdir(), "assay-far-"));
  let engine: PrivateEngine;
  let server: PrivateSshd;
  let driver: DockerDriver;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    engine = await PrivateEngine.start({ size: "2g" });
    server = await privateSshd([], engine.inside);
    const at = (name: string) => join(directory, name);
    writeFileSync(at("key"), server.login.privateKey.reveal(), { mode: 0o600 });
    writeFileSync(at("known"), `[127.0.0.1]:${server.port} ${server.host.publicKey}\n`);
    writeFileSync(at("config"), `IdentityFile ${at("key")}\nIdentitiesOnly yes\nUserKnownHostsFile ${at("known")}\n`);
    const socket = engine.host.replace("unix://", "");
    env = {
      ...process.env,
      DOCKER_HOST: `ssh://root@127.0.0.1:${server.port}${socket}`,
      ASSAY_SSH_CONFIG: at("config"),
    };
    const { dockerHost, ssh, scratch } = readConfig(env);
    driver = await withImage({ dockerHost, ssh, scratch });
  });
  afterAll(async () => {
    await driver?.close();
    await server?.stop();
    await engine?.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const stageOf = () => new RunStage({ env, subject: "small.subject", drivers: [driver] });

  test("the supervisor killed: its reaper leaves nothing there", async () => {
    using stage = stageOf();
    expect(await stage.start("kill:supervisor@worker:9").ended).toMatchObject({ signal: "SIGKILL" });
    expect(await stage.reaped()).toContain(", 0 left");
    expect(await stage.left()).toEqual(nothing);
  });

  test("all of it killed: gc leaves nothing there, though its engine is this machine's", async () => {
    using stage = stageOf();
    await stage.start("kill:group+reaper@worker:9").ended;
    expect(await stage.left()).not.toEqual(nothing);
    expect(await stage.gc({ DOCKER_HOST: undefined })).toMatchObject({ code: 0 });
    expect(await stage.left()).toEqual(nothing);
  });
});
